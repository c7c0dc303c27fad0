-- The waterfall: what the registry redeemed of a wallet above its cap, as the feed tells it, and the
-- deposit that its holder chose for it.

CREATE TABLE waterfall (
    wallet     bigint PRIMARY KEY,
    deposit_id text   NOT NULL,
    chosen_ms  bigint NOT NULL
);

-- One row per sweep. Its id is derived from a payment and is not told apart by it: its identity is.
CREATE TABLE sweep (
    identity    bytea   PRIMARY KEY CHECK (length(identity) = 32),
    wallet      bigint  NOT NULL,
    order_id    bytea   NOT NULL CHECK (length(order_id) = 16),
    amount_fen  bigint  NOT NULL CHECK (amount_fen > 0),
    height      bigint  NOT NULL,
    position    integer NOT NULL,
    created_ms  bigint  NOT NULL,
    deposit_id  text,
    state       text    NOT NULL CHECK (state IN ('settled', 'credited')),
    next_try_ms bigint  NOT NULL,
    CHECK (state = 'settled' OR deposit_id IS NOT NULL)
);
CREATE INDEX sweep_to_resume ON sweep (next_try_ms) WHERE state = 'settled';
CREATE INDEX sweep_of_wallet ON sweep (wallet);

CREATE FUNCTION sweep_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'credited' AND NEW.state <> 'credited' THEN
        RAISE EXCEPTION 'a sweep that is credited does not become %', NEW.state;
    END IF;
    IF (OLD.identity, OLD.wallet, OLD.order_id, OLD.amount_fen, OLD.height, OLD.position)
            IS DISTINCT FROM
            (NEW.identity, NEW.wallet, NEW.order_id, NEW.amount_fen, NEW.height, NEW.position)
        OR (OLD.deposit_id IS NOT NULL AND OLD.deposit_id IS DISTINCT FROM NEW.deposit_id)
    THEN
        RAISE EXCEPTION 'what a sweep says does not change, its deposit once it has one';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sweep_moves_on BEFORE UPDATE ON sweep
    FOR EACH ROW EXECUTE FUNCTION sweep_moves_on();
