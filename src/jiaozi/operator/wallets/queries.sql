-- Wallets. See migrations/0002_wallets.sql.

-- name: add_wallet
-- Store a wallet with the order that opens it, before the order is sent.
INSERT INTO wallet (
    number, holder_id, holder_kind, wallet_class, suite, public_key, state,
    order_id, submission, identity, expires_ms, created_ms, next_try_ms, phone_digest)
VALUES ($1, $2, $3, $4, $5, $6, 'opening', $7, $8, $9, $10, $11, $12, $13);

-- name: find_wallet
-- One wallet.
SELECT number, wallet_class, holder_kind, suite, public_key, state, order_id, submission, identity,
    expires_ms, outcome, created_ms
FROM wallet WHERE number = $1;

-- name: finish_opening
-- What became of an opening; the first to learn it writes it. What never opened ended with its order.
UPDATE wallet SET state = $3, outcome = $4,
    ended_ms = CASE WHEN $3 = 'open' THEN NULL ELSE expires_ms END
WHERE number = $1 AND order_id = $2 AND state = 'opening';

-- name: due_openings
-- Openings to ask after; the next asking is put off, so that two resolvers share the work.
UPDATE wallet SET next_try_ms = $2
WHERE number IN (
    SELECT number FROM wallet WHERE state = 'opening' AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING number;
