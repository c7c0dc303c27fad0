-- Live notices; the history is migrations/0005_history.sql.

-- name: tell
-- Tell every process of this operator, with the commit.
SELECT pg_notify('jiaozi_notices', $1);

-- name: may_read
-- Whether a key is still its wallet's, and the session that was begun with it has not ended.
SELECT EXISTS (SELECT FROM wallet WHERE number = $1 AND public_key = $2)
    AND ($3::bytea IS NULL OR EXISTS (SELECT FROM session WHERE digest = $3 AND wallet = $1));

-- name: newest
-- How far the histories of some wallets reach.
SELECT watched.wallet, line.height, line.position, line.leg
FROM unnest($1::bigint[]) AS watched (wallet)
CROSS JOIN LATERAL (
    SELECT height, position, leg FROM history_entry WHERE history_entry.wallet = watched.wallet
    ORDER BY height DESC, position DESC, leg DESC LIMIT 1) AS line;
