-- A new PIN in place of a forgotten one, until its day has passed (second_factor/reset_pin.py); of no
-- effect once the wallet has another key than the one that asked.
CREATE TABLE pin_reset (
    wallet     bigint   PRIMARY KEY REFERENCES wallet_pin,
    public_key bytea    NOT NULL CHECK (length(public_key) BETWEEN 1 AND 65),
    salt       bytea    NOT NULL CHECK (length(salt) = 16),
    digest     bytea    NOT NULL CHECK (length(digest) = 32),
    memory_kib integer  NOT NULL CHECK (memory_kib > 0),
    passes     smallint NOT NULL CHECK (passes > 0),
    lanes      smallint NOT NULL CHECK (lanes > 0),
    change_id  bytea    NOT NULL CHECK (length(change_id) = 16),
    due_ms     bigint   NOT NULL
);
