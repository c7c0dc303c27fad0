-- The network this operator joined, and the signed requests it has seen.

-- Pinned at the first contact: another genesis is another network.
CREATE TABLE network (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    genesis  bytea   NOT NULL
);

-- A nonce is single-use until its request is too old to be taken. After a crash of the database
-- alone a replay reads again or repeats what is idempotent, so losing these rows is no loss.
CREATE UNLOGGED TABLE request_nonce (
    digest    bytea  PRIMARY KEY CHECK (length(digest) = 32),
    forget_ms bigint NOT NULL
);
CREATE INDEX request_nonce_to_forget ON request_nonce (forget_ms);
