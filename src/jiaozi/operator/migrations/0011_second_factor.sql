-- PINs, and the orders that the operator signed too after one was given (second_factor/).
-- Times are Unix milliseconds.

-- digest = Argon2id over the PIN under a pepper that is nowhere in this database.
-- tries: begun since the last right one; the fifth and each later one locks at once, and only a
-- right one takes that back.
-- change_id: of the request that set this PIN, so that it may be repeated.
CREATE TABLE wallet_pin (
    wallet          bigint   PRIMARY KEY REFERENCES wallet,
    salt            bytea    NOT NULL CHECK (length(salt) = 16),
    digest          bytea    NOT NULL CHECK (length(digest) = 32),
    memory_kib      integer  NOT NULL CHECK (memory_kib > 0),
    passes          smallint NOT NULL CHECK (passes > 0),
    lanes           smallint NOT NULL CHECK (lanes > 0),
    tries           integer  NOT NULL DEFAULT 0 CHECK (tries >= 0),
    locked_until_ms bigint   NOT NULL DEFAULT 0,
    change_id       bytea    NOT NULL CHECK (length(change_id) = 16),
    set_ms          bigint   NOT NULL
);

-- Which orders were signed, and when; nothing is ever taken away.
CREATE TABLE countersignature (
    wallet     bigint   NOT NULL REFERENCES wallet,
    identity   bytea    NOT NULL CHECK (length(identity) = 32),
    order_id   bytea    NOT NULL CHECK (length(order_id) = 16),
    order_type smallint NOT NULL,
    amount_fen bigint   NOT NULL CHECK (amount_fen >= 0),
    signed_ms  bigint   NOT NULL,
    PRIMARY KEY (wallet, identity, signed_ms)
);
