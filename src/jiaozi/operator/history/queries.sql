-- History. See migrations/0005_history.sql.

-- name: read_cursor
-- How far the feed was read.
SELECT height, time_ms, sequence, running_hash FROM feed_cursor;

-- name: move_cursor
-- Move on from the place where the blocks just stored began; nobody else may have moved on since.
UPDATE feed_cursor SET height = $1, time_ms = $2, sequence = $3, running_hash = $4
WHERE height = $5 AND sequence = $6
RETURNING height;

-- name: page
-- Lines of one wallet before a place, newest first, filtered.
SELECT wallet, height, position, leg, incoming, counterparty, amount_fen, order_type, order_id,
    identity, reference, link, outcome, time_ms
FROM history_entry
WHERE wallet = $1 AND (height, position, leg) < ($2, $3, $4)
    AND time_ms >= coalesce($5::bigint, 0)
    AND time_ms < coalesce($6::bigint, 9223372036854775807)
    AND ($7::smallint IS NULL OR order_type = $7)
    AND ($8::boolean IS NULL OR incoming = $8)
ORDER BY height DESC, position DESC, leg DESC
LIMIT $9;

-- name: find_order
-- The first line of one order in a wallet's history. Others may bear the same id: an id is unique
-- only for the account that an order debits first.
SELECT wallet, height, position, leg, incoming, counterparty, amount_fen, order_type, order_id,
    identity, reference, link, outcome, time_ms
FROM history_entry
WHERE wallet = $1 AND order_id = $2 AND identity = $3
ORDER BY height, position, leg LIMIT 1;

-- name: find_payer
-- Who first paid a wallet by an order of this id.
SELECT counterparty FROM history_entry
WHERE wallet = $1 AND order_id = $2 AND incoming
ORDER BY height, position, leg LIMIT 1;
