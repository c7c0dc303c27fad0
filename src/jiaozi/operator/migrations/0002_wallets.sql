-- Wallets that this operator carries, and the orders that open them at the registry.

-- opening: the order is stored and may have been sent. open: the registry settled it.
-- refused: the registry refused it for good. dead: it expired without a trace.
-- phone_digest: of the phone that was proven when this wallet was opened; it alone leads to deposits.
CREATE TABLE wallet (
    number       bigint   PRIMARY KEY,
    holder_id    uuid     NOT NULL,
    holder_kind  smallint NOT NULL,
    phone_digest bytea    NOT NULL CHECK (length(phone_digest) = 32),
    wallet_class smallint NOT NULL CHECK (wallet_class BETWEEN 1 AND 4),
    suite        integer  NOT NULL,
    public_key   bytea    NOT NULL CHECK (length(public_key) BETWEEN 1 AND 65),
    state        text     NOT NULL CHECK (state IN ('opening', 'open', 'refused', 'dead')),
    order_id     bytea    NOT NULL CHECK (length(order_id) = 16),
    submission   bytea    NOT NULL,
    identity     bytea    NOT NULL CHECK (length(identity) = 32),
    expires_ms   bigint   NOT NULL,
    outcome      bigint[] CHECK ((outcome IS NOT NULL) = (state IN ('open', 'refused'))),
    created_ms   bigint   NOT NULL,
    next_try_ms  bigint   NOT NULL,
    UNIQUE (number, order_id),
    FOREIGN KEY (holder_id, holder_kind) REFERENCES holder (id, kind)
);
CREATE INDEX wallet_by_holder ON wallet (holder_id);
CREATE INDEX wallet_to_resume ON wallet (next_try_ms) WHERE state = 'opening';

-- A code opens one wallet; whoever repeats the request gets that one again.
ALTER TABLE registration ADD COLUMN wallet bigint UNIQUE REFERENCES wallet;

CREATE FUNCTION wallet_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND OLD.state <> 'opening' THEN
        RAISE EXCEPTION 'a wallet that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF (OLD.number, OLD.holder_id, OLD.phone_digest, OLD.public_key, OLD.order_id, OLD.submission)
        IS DISTINCT FROM
        (NEW.number, NEW.holder_id, NEW.phone_digest, NEW.public_key, NEW.order_id, NEW.submission)
    THEN
        RAISE EXCEPTION 'what a stored order says does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wallet_moves_on BEFORE UPDATE ON wallet
    FOR EACH ROW EXECUTE FUNCTION wallet_moves_on();
