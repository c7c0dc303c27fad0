-- What the registry settled about wallets. See migrations/0008_life.sql.

-- name: add_event
-- One settled order about a wallet; nothing when a feed that is read again tells it once more.
INSERT INTO wallet_event (wallet, height, position, order_type, order_id, identity, time_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING height;

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

-- name: is_holders
-- Whether a wallet was opened with a phone, and its holder showed a document if one is named.
SELECT EXISTS (
    SELECT FROM wallet WHERE number = $1 AND phone_digest = $2 AND ($3::bytea IS NULL OR EXISTS (
        SELECT FROM holder_identifier
        WHERE holder_identifier.holder_id = wallet.holder_id AND kind = 'document' AND digest = $3)));

-- name: add_rebind
-- A rebind under a registration, which is good for one.
INSERT INTO rebind (id, registration_id, wallet, suite, public_key, request_id, next_try_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (registration_id) DO NOTHING RETURNING id;

-- name: find_rebind
-- One rebind, with the outcome of its request.
SELECT rebind.id, rebind.wallet, suite, public_key, rebind.state, request_id, completion_id, completes_ms,
    certify_order.outcome
FROM rebind JOIN certify_order ON order_id = request_id WHERE rebind.id = $1;

-- name: rebind_of_registration
-- The rebind that a code began.
SELECT id FROM rebind WHERE registration_id = $1;

-- name: move_rebind
-- Where a rebind stands now; what has ended stays so.
UPDATE rebind SET state = $2, next_try_ms = $3, completes_ms = coalesce($4, completes_ms)
WHERE id = $1 AND state NOT IN ('completed', 'ended');

-- name: complete_with
-- The order that is to complete a rebind.
UPDATE rebind SET completion_id = $2, next_try_ms = $3
WHERE id = $1 AND state NOT IN ('completed', 'ended');

-- name: due_rebinds
-- Rebinds to look after; the next look is put off, so that two resolvers share the work.
UPDATE rebind SET next_try_ms = $2
WHERE id IN (
    SELECT id FROM rebind WHERE state NOT IN ('completed', 'ended') AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: open_rebinds
-- Rebinds that have not ended, oldest first.
SELECT id FROM rebind WHERE state NOT IN ('completed', 'ended') ORDER BY created_ms, id;

-- name: event_of_order
-- Where an order about a wallet stands in the blocks.
SELECT height, position FROM wallet_event WHERE wallet = $1 AND identity = $2;

-- name: add_freeze
-- A freeze by this operator.
INSERT INTO freeze_case (case_id, wallet, order_id, clerk, file_number)
VALUES ($1, $2, $3, $4, $5);

-- name: add_lift
-- The end of a freeze, by this operator.
INSERT INTO freeze_lift (order_id, wallet, case_id, clerk, file_number)
VALUES ($1, $2, $3, $4, $5);

-- name: has_open_exchange
-- Whether money of a wallet is on its way between registry and deposit.
SELECT EXISTS (
        SELECT FROM exchange WHERE wallet = $1 AND state NOT IN ('captured', 'released'))
    OR EXISTS (
        SELECT FROM redemption
        WHERE wallet = $1 AND state NOT IN ('credited', 'refused', 'dead'))
    OR EXISTS (SELECT FROM sweep WHERE wallet = $1 AND state = 'settled');

-- name: adopt_wallet
-- A wallet that a failed operator opened: there is no order of ours behind it.
INSERT INTO wallet (
    number, holder_id, holder_kind, wallet_class, suite, public_key, state, outcome, created_ms,
    next_try_ms, adopted_ms, phone_digest)
VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $8, $8, $9);
