-- History. See migrations/0005_history.sql.

-- name: read_cursor
-- How far the feed was read.
SELECT height, time_ms, sequence, running_hash FROM feed_cursor;

-- name: move_cursor
-- Move on from the place where the blocks just stored began; nobody else may have moved on since.
UPDATE feed_cursor SET height = $1, time_ms = $2, sequence = $3, running_hash = $4
WHERE height = $5 AND sequence = $6
RETURNING height;

-- name: plan_for_these_values
-- One plan for all filters would read a wallet's whole history to find one line of it.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: page
-- Lines of one wallet before a place, newest first, filtered; with what of each was sent back, by
-- settled orders the other way that are linked to it. A line that was refused cannot be sent back.
SELECT line.wallet, line.height, line.position, line.leg, line.incoming, line.counterparty,
    line.amount_fen, line.order_type, line.order_id, line.identity, line.reference, line.link,
    line.outcome, line.time_ms,
    (SELECT coalesce(sum(back.amount_fen), 0)::bigint FROM history_entry AS back
     WHERE back.wallet = line.wallet AND back.link = line.identity AND back.outcome IS NULL
        AND back.incoming <> line.incoming AND back.counterparty = line.counterparty
    ) AS returned_fen
FROM history_entry AS line
WHERE line.wallet = $1 AND (line.height, line.position, line.leg) < ($2, $3, $4)
    AND line.time_ms >= coalesce($5::bigint, 0)
    AND line.time_ms < coalesce($6::bigint, 9223372036854775807)
    AND ($7::smallint IS NULL OR line.order_type = $7)
    AND ($8::boolean IS NULL OR line.incoming = $8)
    AND ($9::bigint IS NULL OR line.counterparty = $9)
    AND ($10::bigint IS NULL OR line.amount_fen >= $10)
    AND ($11::bigint IS NULL OR line.amount_fen <= $11)
    AND ($12::bytea IS NULL OR line.reference = $12)
    AND ($13::bytea IS NULL OR line.link = $13)
ORDER BY line.height DESC, line.position DESC, line.leg DESC
LIMIT $14;

-- name: sums
-- What settled of one wallet, by type and direction, filtered as a page is.
SELECT line.order_type, line.incoming, sum(line.amount_fen)::bigint AS amount_fen,
    count(*) AS entries
FROM history_entry AS line
WHERE line.wallet = $1 AND line.outcome IS NULL
    AND line.time_ms >= coalesce($2::bigint, 0)
    AND line.time_ms < coalesce($3::bigint, 9223372036854775807)
    AND ($4::smallint IS NULL OR line.order_type = $4)
    AND ($5::boolean IS NULL OR line.incoming = $5)
    AND ($6::bigint IS NULL OR line.counterparty = $6)
    AND ($7::bigint IS NULL OR line.amount_fen >= $7)
    AND ($8::bigint IS NULL OR line.amount_fen <= $8)
    AND ($9::bytea IS NULL OR line.reference = $9)
    AND ($10::bytea IS NULL OR line.link = $10)
GROUP BY line.order_type, line.incoming
ORDER BY line.order_type, line.incoming;

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
