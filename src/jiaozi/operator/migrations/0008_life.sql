-- What the registry settled about wallets after their opening: all of it comes from the feed.

CREATE TABLE wallet_event (
    wallet     bigint   NOT NULL,
    height     bigint   NOT NULL,
    position   integer  NOT NULL,
    order_type smallint NOT NULL,
    order_id   bytea    NOT NULL CHECK (length(order_id) = 16),
    identity   bytea    NOT NULL CHECK (length(identity) = 32),
    time_ms    bigint   NOT NULL,
    PRIMARY KEY (wallet, height, position)
);

-- The new key that a rebind asked for, until it is bound or another is asked for.
CREATE TABLE rebind_key (
    wallet     bigint  PRIMARY KEY,
    suite      integer NOT NULL,
    public_key bytea   NOT NULL CHECK (length(public_key) BETWEEN 1 AND 65)
);

-- Failed operators whose wallets are carried on here.
CREATE TABLE carried_operator (
    code smallint PRIMARY KEY CHECK (code BETWEEN 1 AND 9999)
);

-- A wallet's key changes to the one that a rebind asked for, and in no other way.
CREATE OR REPLACE FUNCTION wallet_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND OLD.state <> 'opening' THEN
        RAISE EXCEPTION 'a wallet that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF OLD.public_key <> NEW.public_key AND NOT EXISTS (
        SELECT FROM rebind_key WHERE wallet = OLD.number AND public_key = NEW.public_key)
    THEN
        RAISE EXCEPTION 'no rebind asked for this key';
    END IF;
    IF (OLD.number, OLD.holder_id, OLD.phone_digest, OLD.order_id, OLD.submission)
        IS DISTINCT FROM
        (NEW.number, NEW.holder_id, coalesce(NEW.phone_digest, OLD.phone_digest), NEW.order_id,
            NEW.submission)
    THEN
        RAISE EXCEPTION 'what a stored order says does not change';
    END IF;
    RETURN NEW;
END $$;
