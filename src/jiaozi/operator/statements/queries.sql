-- Statements are read from history; see migrations/0005_history.sql. What a block added never
-- changes, so readings up to one height agree with each other without a transaction around them.

-- name: totals
-- The balance of a wallet before a period, sums and number of what settled in it, its first block.
SELECT
    coalesce(sum(CASE WHEN incoming THEN amount_fen ELSE -amount_fen END)
        FILTER (WHERE time_ms < $2), 0)::bigint AS opening_fen,
    coalesce(sum(amount_fen) FILTER (WHERE time_ms >= $2 AND incoming), 0)::bigint AS incoming_fen,
    coalesce(sum(amount_fen) FILTER (WHERE time_ms >= $2 AND NOT incoming), 0)::bigint
        AS outgoing_fen,
    count(*) FILTER (WHERE time_ms >= $2) AS entries,
    coalesce(min(height) FILTER (WHERE time_ms >= $2), 0) AS first_height
FROM history_entry
WHERE wallet = $1 AND time_ms < $3 AND height <= $4 AND outcome IS NULL;

-- name: entries
-- What settled after a place, oldest first.
SELECT wallet, height, position, leg, incoming, counterparty, amount_fen, order_type, order_id,
    identity, reference, link, outcome, time_ms
FROM history_entry
WHERE wallet = $1 AND (height, position, leg) > ($2, $3, $4) AND height <= $5
    AND time_ms >= $6 AND time_ms < $7 AND outcome IS NULL
ORDER BY height, position, leg
LIMIT $8;

-- name: changes
-- What each block after a height added to a wallet's balance, newest first.
SELECT height, sum(CASE WHEN incoming THEN amount_fen ELSE -amount_fen END)::bigint AS added_fen
FROM history_entry
WHERE wallet = $1 AND height > $2 AND height <= $3 AND outcome IS NULL
GROUP BY height ORDER BY height DESC;
