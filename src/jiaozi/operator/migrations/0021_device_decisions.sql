-- What clerks decided about devices, and for which file.
CREATE TABLE device_decision (
    device      bytea  NOT NULL REFERENCES offline_device,
    decision    text   NOT NULL CHECK (decision IN ('revoke', 'lift')),
    clerk       text   NOT NULL,
    file_number text   NOT NULL,
    decided_ms  bigint NOT NULL
);
