-- What the registry settled about wallets. See migrations/0008_life.sql.

-- name: add_event
-- One settled order about a wallet.
INSERT INTO wallet_event (wallet, height, position, order_type, order_id, identity, time_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: events
-- What was settled about a wallet, newest first.
SELECT wallet, height, position, order_type, order_id, identity, time_ms
FROM wallet_event
WHERE wallet = $1 AND (height, position) < ($2, $3)
ORDER BY height DESC, position DESC LIMIT $4;

-- name: set_class
-- The class that the registry gave a wallet.
UPDATE wallet SET wallet_class = $2 WHERE number = $1;

-- name: close_wallet
-- A wallet that closed for good.
UPDATE wallet SET ended_ms = $2 WHERE number = $1 AND ended_ms IS NULL;

-- name: await_key
-- A new key that was asked for.
INSERT INTO rebind_key (wallet, suite, public_key) VALUES ($1, $2, $3)
ON CONFLICT (wallet) DO UPDATE SET suite = excluded.suite, public_key = excluded.public_key;

-- name: bind_key
-- The key that was asked for is the wallet's from now on.
UPDATE wallet SET suite = rebind_key.suite, public_key = rebind_key.public_key
FROM rebind_key WHERE wallet.number = $1 AND rebind_key.wallet = $1;

-- name: await_no_key
-- No new key waits any more.
DELETE FROM rebind_key WHERE wallet = $1;

-- name: carry
-- A failed operator whose wallets are carried here.
INSERT INTO carried_operator (code) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: carry_no_more
-- One whose wallets were given to somebody else.
DELETE FROM carried_operator WHERE code = $1;

-- name: carried
-- The failed operators whose wallets are carried here.
SELECT code FROM carried_operator;
