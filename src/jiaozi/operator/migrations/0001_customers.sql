-- Customers: registrations by phone and code, holders, and what they showed.
-- Personal data stands in sealed columns only; it is found by keyed digests (customers/privacy.py).
-- Times are Unix milliseconds.

CREATE TABLE registration (
    id           uuid     PRIMARY KEY,
    phone_digest bytea    NOT NULL CHECK (length(phone_digest) = 32),
    data_key     bytea    NOT NULL,
    sealed       bytea    NOT NULL,
    code_digest  bytea    NOT NULL CHECK (length(code_digest) = 32),
    tries        smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    requested_ms bigint   NOT NULL,
    expires_ms   bigint   NOT NULL CHECK (expires_ms > requested_ms)
);
CREATE INDEX registration_to_forget ON registration (expires_ms);
CREATE INDEX registration_by_phone ON registration (phone_digest, requested_ms);

-- kind: 1 a person, 2 a company. The group binds a holder's limits together at the registry.
CREATE TABLE holder (
    id         uuid     PRIMARY KEY,
    kind       smallint NOT NULL CHECK (kind IN (1, 2)),
    group_id   bytea    NOT NULL UNIQUE CHECK (length(group_id) = 16),
    created_ms bigint   NOT NULL,
    UNIQUE (id, kind)
);

-- What holders showed. A phone changes hands and a document number can be anybody's, so that one
-- value may stand for several holders; is_first marks the one that showed it first.
CREATE TABLE holder_identifier (
    holder_kind smallint NOT NULL,
    kind        text     NOT NULL CHECK (kind IN ('phone', 'document')),
    digest      bytea    NOT NULL CHECK (length(digest) = 32),
    holder_id   uuid     NOT NULL,
    is_verified boolean  NOT NULL,
    is_first    boolean  NOT NULL,
    PRIMARY KEY (kind, digest, holder_id),
    FOREIGN KEY (holder_id, holder_kind) REFERENCES holder (id, kind)
);
CREATE UNIQUE INDEX holder_identifier_first ON holder_identifier (kind, digest) WHERE is_first;
CREATE INDEX holder_identifier_by_holder ON holder_identifier (holder_id);

-- A record is unreadable for ever once its data key is destroyed.
CREATE TABLE evidence (
    id          uuid   PRIMARY KEY,
    holder_id   uuid   NOT NULL REFERENCES holder,
    kind        text   NOT NULL CHECK (kind IN ('phone', 'document', 'attestation')),
    data_key    bytea,
    sealed      bytea  NOT NULL,
    recorded_ms bigint NOT NULL
);
CREATE INDEX evidence_by_holder ON evidence (holder_id);
