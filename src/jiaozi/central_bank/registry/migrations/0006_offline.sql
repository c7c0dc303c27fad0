-- Devices that pay without network, their settled payments, and the revocation list (rules.md §G).

CREATE TABLE device (
    key             bytea    PRIMARY KEY CHECK (length(key) <= 65),
    suite           integer  NOT NULL,
    -- Who certified it, and answers for it.
    operator        smallint NOT NULL,
    -- From which it was enrolled; none: it is anonymous.
    wallet          bigint   REFERENCES account (number),
    profile         smallint NOT NULL,
    generation      bigint   NOT NULL,
    not_after_ms    bigint   NOT NULL,
    balance_cap_fen bigint   NOT NULL CHECK (balance_cap_fen >= 0),
    -- What the registry has seen of its money: below zero while something has not surfaced.
    shadow_fen      bigint   NOT NULL DEFAULT 0,
    loads           bigint   NOT NULL DEFAULT 0 CHECK (loads >= 0),
    payments        bigint   NOT NULL DEFAULT 0 CHECK (payments >= 0),
    -- Its number in the revocation list, and the block time.
    revoked         bigint,
    revoked_ms      bigint,
    convicted       boolean  NOT NULL DEFAULT false,
    -- What its operator's guarantee has covered of what it paid twice.
    covered_fen     bigint   NOT NULL DEFAULT 0 CHECK (covered_fen >= 0),
    CONSTRAINT revoked_at_a_time CHECK ((revoked IS NULL) = (revoked_ms IS NULL)),
    CONSTRAINT convicted_is_revoked CHECK (NOT convicted OR revoked IS NOT NULL),
    CONSTRAINT covered_is_convicted CHECK (covered_fen = 0 OR convicted),
    CONSTRAINT cover_goes_back_first CHECK (covered_fen = 0 OR shadow_fen <= 0)
) WITH (fillfactor = 70);
CREATE INDEX device_of_wallet ON device (wallet) WHERE wallet IS NOT NULL;
-- What guarantees cover is summed over it.
CREATE INDEX device_live ON device (operator, not_after_ms) INCLUDE (balance_cap_fen)
    WHERE revoked IS NULL;
CREATE INDEX device_uncovered ON device (operator) WHERE convicted AND shadow_fen < 0;

-- What a device paid, once for each content that it signed: two under one counter convict it.
CREATE TABLE offline_payment (
    device     bytea  NOT NULL,
    counter    bigint NOT NULL CHECK (counter > 0),
    identity   bytea  NOT NULL CHECK (length(identity) = 32),
    position   bigint NOT NULL,
    payee      bytea,
    wallet     bigint,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    height     bigint NOT NULL,
    PRIMARY KEY (device, counter, identity),
    CONSTRAINT to_device_or_wallet CHECK ((payee IS NULL) <> (wallet IS NULL))
);
CREATE INDEX offline_payment_position ON offline_payment (device, position);

CREATE TABLE revocation (
    number            bigint PRIMARY KEY CHECK (number > 0),
    entry             bytea  NOT NULL,
    -- Of the list up to here.
    hash              bytea  NOT NULL CHECK (length(hash) = 32),
    oldest_generation bigint NOT NULL
);

CREATE TRIGGER offline_payment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON offline_payment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revocation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revocation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The sum of all shadow balances after a block: what the offline account holds, in every block.
ALTER TABLE block ADD COLUMN shadow_fen bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT offline_is_on_devices CHECK (offline_fen = shadow_fen);
