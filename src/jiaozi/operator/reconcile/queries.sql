-- Reconciling. See migrations/0014_registry_watch.sql.

-- name: add_movements
-- What the feed tells of the vault, once, however often it is read.
INSERT INTO vault_movement (
    height, position, leg, incoming, counterparty, amount_fen, order_type, order_id, time_ms)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::smallint[], $4::boolean[], $5::bigint[],
    $6::bigint[], $7::smallint[], $8::bytea[], $9::bigint[])
ON CONFLICT (height, position, leg) DO NOTHING;

-- name: last_statement
-- The last day that the registry has stated.
SELECT max(day) FROM daily_statement;

-- name: add_statement
-- A statement, once for a day.
INSERT INTO daily_statement (
    day, opening_fen, issued_fen, destroyed_fen, exchanged_fen, redeemed_fen, set_aside_fen,
    released_fen, vault_fen, opening_reserve_fen, reserve_fen, difference_fen, height, encoded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (day) DO NOTHING;

-- name: statements
-- Everything that was stated.
SELECT day, opening_fen, issued_fen, destroyed_fen, exchanged_fen, redeemed_fen, set_aside_fen,
    released_fen, vault_fen, difference_fen
FROM daily_statement ORDER BY day;

-- name: days
-- What the feed tells of the vault, by day of UTC+8; with the guarantee (order types 46 and 47)
-- the vault alone deals.
SELECT ((time_ms + 28800000) / 86400000)::integer AS day,
    coalesce(sum(amount_fen) FILTER (WHERE incoming AND counterparty = $1), 0)::bigint
        AS issued_fen,
    coalesce(sum(amount_fen) FILTER (WHERE NOT incoming AND counterparty = $1), 0)::bigint
        AS destroyed_fen,
    coalesce(sum(amount_fen) FILTER (WHERE NOT incoming AND counterparty <> $1
        AND order_type NOT IN (46, 47)), 0)::bigint AS exchanged_fen,
    coalesce(sum(amount_fen) FILTER (WHERE incoming AND counterparty <> $1
        AND order_type NOT IN (46, 47)), 0)::bigint AS redeemed_fen,
    coalesce(sum(amount_fen) FILTER (WHERE order_type = 46), 0)::bigint AS set_aside_fen,
    coalesce(sum(amount_fen) FILTER (WHERE order_type = 47), 0)::bigint AS released_fen
FROM vault_movement GROUP BY 1 ORDER BY 1;

-- name: feed_height
-- How far the feed was read.
SELECT height FROM feed_cursor;

-- name: totals
-- What the core took for exchanges and paid for redemptions, and what left and entered the vault:
-- the guarantee (order types 46 and 47) apart, of which the core knows nothing.
SELECT
    (SELECT coalesce(sum(amount_fen), 0)::bigint FROM deposit_posting
     WHERE credit = 'digital-yuan') AS taken_fen,
    (SELECT coalesce(sum(amount_fen), 0)::bigint FROM vault_movement
     WHERE NOT incoming AND counterparty <> $1 AND order_type NOT IN (46, 47)) AS exchanged_fen,
    (SELECT coalesce(sum(amount_fen), 0)::bigint FROM deposit_posting
     WHERE debit = 'digital-yuan') AS paid_fen,
    (SELECT coalesce(sum(amount_fen), 0)::bigint FROM vault_movement
     WHERE incoming AND counterparty <> $1 AND order_type NOT IN (46, 47)) AS redeemed_fen;

-- name: exchanges
-- Every exchange that is not over on all three sides: saga, core's posting, vault's movement.
SELECT saga.core_key, core.key AS posted_key, saga.state, saga.amount_fen,
    coalesce(saga.order_id, moved.order_id) AS order_id, saga.height, saga.created_ms,
    core.amount_fen AS core_fen, moved.amount_fen AS vault_fen, moved.time_ms
FROM (
    SELECT 'exchange/' || lpad(wallet::text, 16, '0') || '/' || encode(id, 'hex') AS core_key,
        wallet, state, amount_fen, order_id, height, created_ms
    FROM exchange
) AS saga
FULL JOIN (
    SELECT key, amount_fen FROM deposit_posting WHERE credit = 'digital-yuan'
) AS core ON core.key = saga.core_key
FULL JOIN (
    SELECT order_id, counterparty, amount_fen, time_ms FROM vault_movement
    WHERE NOT incoming AND counterparty <> $1 AND order_type NOT IN (46, 47)
) AS moved ON moved.order_id = saga.order_id AND moved.counterparty = saga.wallet
WHERE (saga.state = 'captured' AND core.amount_fen = saga.amount_fen
        AND moved.amount_fen = saga.amount_fen) IS NOT TRUE
    AND (saga.state = 'released' AND core.key IS NULL AND moved.order_id IS NULL) IS NOT TRUE
ORDER BY coalesce(moved.time_ms, saga.created_ms), saga.core_key;

-- name: redemptions
-- Every redemption and sweep that is not over on all three sides.
SELECT saga.core_key, core.key AS posted_key, saga.state, saga.amount_fen,
    coalesce(saga.order_id, moved.order_id) AS order_id, saga.height, saga.created_ms,
    core.amount_fen AS core_fen, moved.amount_fen AS vault_fen, moved.time_ms
FROM (
    SELECT 'redeem/' || lpad(wallet::text, 16, '0') || '/' || encode(order_id, 'hex') AS core_key,
        wallet, state, amount_fen, order_id, height, created_ms, 4::smallint AS order_type
    FROM redemption
    UNION ALL
    SELECT 'sweep/' || lpad(wallet::text, 16, '0') || '/' || encode(identity, 'hex'),
        wallet, state, amount_fen, order_id, height, created_ms, 33::smallint
    FROM sweep
) AS saga
FULL JOIN (
    SELECT key, amount_fen FROM deposit_posting WHERE debit = 'digital-yuan'
) AS core ON core.key = saga.core_key
FULL JOIN (
    SELECT order_id, counterparty, amount_fen, time_ms, order_type FROM vault_movement
    WHERE incoming AND counterparty <> $1 AND order_type NOT IN (46, 47)
) AS moved ON moved.order_id = saga.order_id AND moved.counterparty = saga.wallet
    AND moved.order_type = saga.order_type
WHERE (saga.state = 'credited' AND core.amount_fen = saga.amount_fen
        AND moved.amount_fen = saga.amount_fen) IS NOT TRUE
    AND (saga.state IN ('refused', 'dead') AND core.key IS NULL AND moved.order_id IS NULL)
        IS NOT TRUE
ORDER BY coalesce(moved.time_ms, saga.created_ms), saga.core_key;

-- name: holds
-- Money that is set aside for no exchange, for one that is over, or not as much as it says.
SELECT hold.key, hold.amount_fen, saga.state, saga.amount_fen AS saga_fen, saga.created_ms
FROM deposit_hold AS hold
LEFT JOIN (
    SELECT 'exchange/' || lpad(wallet::text, 16, '0') || '/' || encode(id, 'hex') AS core_key,
        state, amount_fen, created_ms
    FROM exchange
) AS saga ON saga.core_key = hold.key
WHERE hold.state = 'held' AND (saga.state IS NULL OR saga.state IN ('captured', 'released')
    OR saga.amount_fen <> hold.amount_fen)
ORDER BY hold.key;
