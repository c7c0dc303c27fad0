-- Wallets. See migrations/0002_wallets.sql.

-- name: add_wallet
-- Store a wallet with the order that opens it, before the order is sent.
INSERT INTO wallet (
    number, holder_id, holder_kind, wallet_class, suite, public_key, state,
    order_id, submission, identity, expires_ms, created_ms, next_try_ms, phone_digest,
    opened_by, parent)
VALUES ($1, $2, $3, $4, $5, $6, 'opening', $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: find_wallet
-- One wallet.
SELECT number, wallet_class, holder_kind, suite, public_key, state, order_id, submission, identity,
    expires_ms, outcome, created_ms, opened_by, parent, ended_ms
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

-- name: lock_wallet
-- What a wallet opens and what is done to it come in turn.
SELECT number FROM wallet WHERE number = $1 FOR NO KEY UPDATE;

-- name: owner
-- Whose a wallet is, and what that lets it do.
SELECT wallet.holder_id, holder.group_id, wallet.phone_digest, wallet.wallet_class,
    wallet.ended_ms IS NOT NULL AS is_closed,
    (SELECT count(*) FROM wallet AS sub
     WHERE sub.parent = wallet.number AND sub.state IN ('opening', 'open')
         AND sub.ended_ms IS NULL) AS sub_wallets,
    EXISTS (SELECT FROM signatory
            WHERE signatory.number IN (wallet.number, wallet.parent)
                AND signatory.removed_ms IS NOT NULL) AS is_removed
FROM wallet JOIN holder ON holder.id = wallet.holder_id
WHERE wallet.number = $1;

-- name: opened_under
-- The wallet that another one had opened for a key: a repeated request finds it.
SELECT number FROM wallet
WHERE opened_by = $1 AND public_key = $2 AND state IN ('opening', 'open');

-- name: sub_wallets
-- The sub-wallets of a wallet, oldest first.
SELECT number, wallet_class, holder_kind, suite, public_key, state, order_id, submission, identity,
    expires_ms, outcome, created_ms, opened_by, parent, ended_ms
FROM wallet WHERE opened_by = $1 AND parent = $1 AND state IN ('opening', 'open')
ORDER BY created_ms, number;

-- name: add_certify_order
-- Store an order about an open wallet before it is sent.
INSERT INTO certify_order (
    order_id, wallet, wallet_class, submission, identity, expires_ms, state, created_ms, next_try_ms)
VALUES ($1, $2, $3, $4, $5, $6, 'sent', $7, $8);

-- name: find_certify_order
-- One order about an open wallet.
SELECT order_id, wallet, wallet_class, submission, identity, expires_ms, state, outcome
FROM certify_order WHERE order_id = $1;

-- name: class_under_way
-- The change of a wallet's class that is not finished; there is one at most.
SELECT order_id, wallet, wallet_class, submission, identity, expires_ms, state, outcome
FROM certify_order WHERE wallet = $1 AND state = 'sent' AND wallet_class IS NOT NULL;

-- name: finish_certify_order
-- What became of an order; the first to learn it writes it, and the wallet's class follows.
WITH finished AS (
    UPDATE certify_order SET state = $2, outcome = $3
    WHERE order_id = $1 AND state = 'sent'
    RETURNING wallet, wallet_class, state)
UPDATE wallet SET wallet_class = finished.wallet_class FROM finished
WHERE wallet.number = finished.wallet
    AND finished.state = 'settled' AND finished.wallet_class IS NOT NULL;

-- name: due_certify_orders
-- Orders to ask after; the next asking is put off, so that two resolvers share the work.
UPDATE certify_order SET next_try_ms = $2
WHERE order_id IN (
    SELECT order_id FROM certify_order WHERE state = 'sent' AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING order_id;
