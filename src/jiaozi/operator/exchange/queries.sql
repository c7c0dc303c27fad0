-- Exchange and redeem. Each statement is one step of a saga: it changes a row only from the state
-- before it, so a step that was taken twice is taken once. See migrations/0004_exchange.sql.

-- name: add_exchange
-- Keep a request before anything is done for it; a repeated one changes nothing.
INSERT INTO exchange (wallet, id, deposit_id, amount_fen, state, created_ms, next_try_ms)
VALUES ($1, $2, $3, $4, 'opened', $5, $6)
ON CONFLICT (wallet, id) DO NOTHING
RETURNING id;

-- name: find_exchange
-- One exchange.
SELECT wallet, id, deposit_id, amount_fen, state, order_id, submission, identity, expires_ms,
    outcome, height, position
FROM exchange WHERE wallet = $1 AND id = $2;

-- name: keep_exchange_order
-- The deposit is held: keep the order before it is sent.
UPDATE exchange SET state = 'held', order_id = $3, submission = $4, identity = $5, expires_ms = $6
WHERE wallet = $1 AND id = $2 AND state = 'opened'
RETURNING id;

-- name: reject_exchange
-- The deposit did not cover it; no order was stored and none will be.
UPDATE exchange SET state = 'rejected', outcome = $3
WHERE wallet = $1 AND id = $2 AND state = 'opened';

-- name: decide_exchange
-- The order settled, was refused for good, or is dead.
UPDATE exchange SET state = $3, outcome = $4, height = $5, position = $6
WHERE wallet = $1 AND id = $2 AND state = 'held';

-- name: close_exchange
-- The core has captured or released.
UPDATE exchange SET state = $3 WHERE wallet = $1 AND id = $2 AND state = $4;

-- name: due_exchanges
-- Exchanges to go on with; the next try is put off, so that two resolvers share the work.
UPDATE exchange SET next_try_ms = $2
WHERE (wallet, id) IN (
    SELECT wallet, id FROM exchange
    WHERE state IN ('opened', 'rejected', 'held', 'settled', 'refused', 'dead') AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING wallet, id;

-- name: add_redemption
-- Keep a signed order with its deposit before it is sent; a repeated one changes nothing.
INSERT INTO redemption (
    wallet, order_id, deposit_id, amount_fen, state, submission, identity, expires_ms,
    created_ms, next_try_ms)
VALUES ($1, $2, $3, $4, 'stored', $5, $6, $7, $8, $9)
ON CONFLICT (wallet, order_id) DO NOTHING
RETURNING order_id;

-- name: find_redemption
-- One redemption.
SELECT wallet, order_id, deposit_id, amount_fen, state, submission, identity, expires_ms,
    outcome, height, position
FROM redemption WHERE wallet = $1 AND order_id = $2;

-- name: decide_redemption
-- The order settled, was refused for good, or is dead.
UPDATE redemption SET state = $3, outcome = $4, height = $5, position = $6
WHERE wallet = $1 AND order_id = $2 AND state = 'stored';

-- name: close_redemption
-- The core has credited the deposit.
UPDATE redemption SET state = 'credited'
WHERE wallet = $1 AND order_id = $2 AND state = 'settled';

-- name: due_redemptions
-- Redemptions to go on with; the next try is put off, so that two resolvers share the work.
UPDATE redemption SET next_try_ms = $2
WHERE (wallet, order_id) IN (
    SELECT wallet, order_id FROM redemption
    WHERE state IN ('stored', 'settled') AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING wallet, order_id;
