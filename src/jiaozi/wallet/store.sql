-- The wallet's journal: what was promised to whom, written before it is sent. WAL, synchronous=FULL.

PRAGMA user_version = 3;

CREATE TABLE IF NOT EXISTS orders (
    order_id   BLOB    PRIMARY KEY CHECK (length(order_id) = 16),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('payment', 'redeem', 'payroll', 'life')),
    submission BLOB    NOT NULL,
    -- Where a redeem is credited.
    deposit_id TEXT    CHECK ((deposit_id IS NOT NULL) = (purpose = 'redeem')),
    expires_ms INTEGER NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'settled', 'refused', 'dead')),
    -- CBOR of the outcome: [0], or [refusal code, field, ...].
    outcome    BLOB,
    -- Where it stands in a block; NULL for a refusal without effect.
    height     INTEGER,
    position   INTEGER,
    CONSTRAINT outcome_is_told CHECK ((outcome IS NOT NULL) = (state IN ('settled', 'refused'))),
    CONSTRAINT settled_in_a_block
        CHECK (state <> 'settled' OR height IS NOT NULL OR purpose = 'redeem')
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS open_orders ON orders (order_id) WHERE state = 'open';

-- An outcome is final: only an open order changes, and what was signed never does.
CREATE TRIGGER IF NOT EXISTS outcome_is_final BEFORE UPDATE ON orders
WHEN (OLD.state <> 'open' AND NEW.state <> OLD.state) OR NEW.submission <> OLD.submission
BEGIN
    SELECT RAISE(ABORT, 'the outcome of an order is final');
END;

-- What the reference of an order is the salted hash of.
CREATE TABLE IF NOT EXISTS notes (
    order_id BLOB PRIMARY KEY REFERENCES orders (order_id),
    salt     BLOB NOT NULL CHECK (length(salt) = 16),
    note     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which order pays a payment of a payroll message. A further attempt takes the place of an order
-- that can settle no more.
CREATE TABLE IF NOT EXISTS payroll (
    message_id TEXT    NOT NULL,
    payment_id TEXT    NOT NULL,
    payee      INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    order_id   BLOB    NOT NULL UNIQUE REFERENCES orders (order_id),
    PRIMARY KEY (message_id, payment_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS nobody_is_paid_twice BEFORE UPDATE ON payroll
WHEN (SELECT state FROM orders WHERE order_id = OLD.order_id) NOT IN ('refused', 'dead')
BEGIN
    SELECT RAISE(ABORT, 'the order of this payment may settle yet, or has');
END;

CREATE TABLE IF NOT EXISTS exchanges (
    exchange_id BLOB    PRIMARY KEY CHECK (length(exchange_id) = 16),
    deposit_id  TEXT    NOT NULL,
    amount_fen  INTEGER NOT NULL CHECK (amount_fen > 0),
    state       TEXT    NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'settled', 'refused', 'dead')),
    outcome     BLOB,
    CONSTRAINT outcome_is_told CHECK ((outcome IS NOT NULL) = (state IN ('settled', 'refused')))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS exchange_is_final BEFORE UPDATE ON exchanges
WHEN OLD.state <> 'open' AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'the outcome of an exchange is final');
END;

-- What an order pays that may be paid only so far: a payment request once, a return up to what came
-- in. subject names it, limit_fen bounds what its orders that settled, or may settle, come to.
CREATE TABLE IF NOT EXISTS claims (
    order_id   BLOB    PRIMARY KEY REFERENCES orders (order_id),
    subject    BLOB    NOT NULL CHECK (length(subject) = 32),
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    limit_fen  INTEGER NOT NULL CHECK (limit_fen >= amount_fen)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS claims_by_subject ON claims (subject);

CREATE TRIGGER IF NOT EXISTS nothing_is_paid_beyond_its_limit BEFORE INSERT ON claims
WHEN NEW.amount_fen > NEW.limit_fen - (
    SELECT coalesce(sum(claims.amount_fen), 0) FROM claims JOIN orders USING (order_id)
    WHERE claims.subject = NEW.subject AND orders.state IN ('open', 'settled'))
BEGIN
    SELECT RAISE(ABORT, 'the orders for this may come to more than its limit');
END;

-- What this wallet asked for; a payment is known by its reference.
CREATE TABLE IF NOT EXISTS requests (
    request_id BLOB    PRIMARY KEY CHECK (length(request_id) = 16),
    reference  BLOB    NOT NULL UNIQUE CHECK (length(reference) = 32),
    amount_fen INTEGER CHECK (amount_fen > 0),
    expires_ms INTEGER NOT NULL,
    note       TEXT    NOT NULL,
    text       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- A wallet whose keys were exported goes on elsewhere: here nothing new is ordered.
CREATE TABLE IF NOT EXISTS moved (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    moved_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER IF NOT EXISTS nothing_is_ordered_after_a_move BEFORE INSERT ON orders
WHEN EXISTS (SELECT 1 FROM moved)
BEGIN
    SELECT RAISE(ABORT, 'this wallet was moved');
END;

CREATE TRIGGER IF NOT EXISTS nothing_is_exchanged_after_a_move BEFORE INSERT ON exchanges
WHEN EXISTS (SELECT 1 FROM moved)
BEGIN
    SELECT RAISE(ABORT, 'this wallet was moved');
END;
