-- Exchange and redeem: one row per saga, one state per step (exchange/model.py).

CREATE TABLE exchange (
    wallet      bigint   NOT NULL REFERENCES wallet,
    id          bytea    NOT NULL CHECK (length(id) = 16),
    deposit_id  text     NOT NULL,
    amount_fen  bigint   NOT NULL CHECK (amount_fen > 0),
    state       text     NOT NULL CHECK (state IN (
        'opened', 'rejected', 'held', 'settled', 'captured', 'refused', 'dead', 'released')),
    order_id    bytea    UNIQUE CHECK (length(order_id) = 16),
    submission  bytea,
    identity    bytea    CHECK (length(identity) = 32),
    expires_ms  bigint,
    outcome     bigint[],
    height      bigint,
    position    integer,
    created_ms  bigint   NOT NULL,
    next_try_ms bigint   NOT NULL,
    PRIMARY KEY (wallet, id),
    -- Once the deposit is held there is an order, stored before it is sent; never before.
    CHECK (state NOT IN ('opened', 'rejected') OR submission IS NULL),
    CHECK (state IN ('opened', 'rejected', 'released') OR submission IS NOT NULL),
    CHECK (num_nulls(order_id, submission, identity, expires_ms) IN (0, 4)),
    CHECK (state NOT IN ('settled', 'captured') OR outcome IS NOT DISTINCT FROM '{0}'),
    CHECK (state NOT IN ('rejected', 'refused') OR coalesce(outcome[1] > 0, false)),
    CHECK (state NOT IN ('opened', 'held', 'dead') OR outcome IS NULL)
);
CREATE INDEX exchange_to_resume ON exchange (next_try_ms)
    WHERE state IN ('opened', 'rejected', 'held', 'settled', 'refused', 'dead');

CREATE TABLE redemption (
    wallet      bigint   NOT NULL REFERENCES wallet,
    order_id    bytea    NOT NULL CHECK (length(order_id) = 16),
    deposit_id  text     NOT NULL,
    amount_fen  bigint   NOT NULL CHECK (amount_fen > 0),
    state       text     NOT NULL CHECK (state IN (
        'stored', 'settled', 'credited', 'refused', 'dead')),
    submission  bytea    NOT NULL,
    identity    bytea    NOT NULL CHECK (length(identity) = 32),
    expires_ms  bigint   NOT NULL,
    outcome     bigint[],
    height      bigint,
    position    integer,
    created_ms  bigint   NOT NULL,
    next_try_ms bigint   NOT NULL,
    PRIMARY KEY (wallet, order_id),
    CHECK (state NOT IN ('settled', 'credited') OR outcome IS NOT DISTINCT FROM '{0}'),
    CHECK (state <> 'refused' OR coalesce(outcome[1] > 0, false)),
    CHECK (state NOT IN ('stored', 'dead') OR outcome IS NULL)
);
CREATE INDEX redemption_to_resume ON redemption (next_try_ms) WHERE state IN ('stored', 'settled');

-- The steps that exist. A deposit is captured on settled and released on
-- rejected, refused or dead alone.
CREATE FUNCTION exchange_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('opened', 'rejected'), ('opened', 'held'),
        ('held', 'settled'), ('held', 'refused'), ('held', 'dead'),
        ('settled', 'captured'),
        ('rejected', 'released'), ('refused', 'released'), ('dead', 'released'))
    THEN
        RAISE EXCEPTION 'an exchange that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF (OLD.wallet, OLD.id, OLD.deposit_id, OLD.amount_fen)
            IS DISTINCT FROM (NEW.wallet, NEW.id, NEW.deposit_id, NEW.amount_fen)
        OR (OLD.submission IS NOT NULL AND OLD.submission IS DISTINCT FROM NEW.submission)
    THEN
        RAISE EXCEPTION 'what an exchange says does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exchange_moves_on BEFORE UPDATE ON exchange
    FOR EACH ROW EXECUTE FUNCTION exchange_moves_on();

CREATE FUNCTION redemption_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('stored', 'settled'), ('stored', 'refused'), ('stored', 'dead'), ('settled', 'credited'))
    THEN
        RAISE EXCEPTION 'a redemption that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF (OLD.wallet, OLD.order_id, OLD.deposit_id, OLD.amount_fen, OLD.submission) IS DISTINCT FROM
        (NEW.wallet, NEW.order_id, NEW.deposit_id, NEW.amount_fen, NEW.submission)
    THEN
        RAISE EXCEPTION 'what a redemption says does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER redemption_moves_on BEFORE UPDATE ON redemption
    FOR EACH ROW EXECUTE FUNCTION redemption_moves_on();
