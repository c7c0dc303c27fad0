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
    reference, link, outcome, time_ms
FROM history_entry
WHERE wallet = $1 AND (height, position, leg) < ($2, $3, $4)
    AND ($5::bigint IS NULL OR time_ms >= $5)
    AND ($6::bigint IS NULL OR time_ms < $6)
    AND ($7::smallint IS NULL OR order_type = $7)
    AND ($8::boolean IS NULL OR incoming = $8)
ORDER BY height DESC, position DESC, leg DESC
LIMIT $9;

-- name: find_order
-- The first line of an order in a wallet's history.
SELECT wallet, height, position, leg, incoming, counterparty, amount_fen, order_type, order_id,
    reference, link, outcome, time_ms
FROM history_entry
WHERE wallet = $1 AND order_id = $2
ORDER BY height, position, leg LIMIT 1;
