-- What lets somebody who is not known enrol one device, once: hashes of random codes that a clerk made.
CREATE TABLE issue_code (
    hash        bytea  PRIMARY KEY CHECK (length(hash) = 32),
    clerk       text   NOT NULL,
    file_number text   NOT NULL,
    created_ms  bigint NOT NULL,
    expires_ms  bigint NOT NULL CHECK (expires_ms > created_ms),
    device      bytea  UNIQUE REFERENCES offline_device,
    used_ms     bigint CHECK ((used_ms IS NULL) = (device IS NULL))
);
