-- Devices that nobody enrolled. See migrations/0029_offline_strangers.sql.

-- name: keep_strangers
-- Certificates of devices that the registry may not know, before it is asked to take them up. None of
-- a device that was enrolled here: should a registry have lost that, this desk accuses nobody for it.
INSERT INTO offline_stranger (key, operator, certificate, created_ms)
SELECT key, operator, certificate, $4
FROM unnest($1::bytea[], $2::smallint[], $3::bytea[]) AS it (key, operator, certificate)
WHERE NOT EXISTS (
    SELECT FROM offline_order WHERE device = it.key AND order_type = 40 AND state = 'settled')
ORDER BY key
ON CONFLICT (key) DO NOTHING;

-- name: find_strangers
-- What is kept of these devices.
SELECT key, operator, certificate, outcome, created_ms FROM offline_stranger
WHERE key = ANY($1::bytea[]) ORDER BY key;

-- name: decide_strangers
-- What the registry decided, once.
WITH locked AS (
    SELECT key FROM offline_stranger WHERE key = ANY($1::bytea[]) ORDER BY key FOR UPDATE)
UPDATE offline_stranger SET outcome = it.outcome::bigint[]
FROM locked JOIN unnest($1::bytea[], $2::text[]) AS it (key, outcome) USING (key)
WHERE offline_stranger.key = it.key AND offline_stranger.outcome IS NULL;

-- name: take_told_stranger
-- A device that was taken up, as the feed tells it, whoever did.
INSERT INTO offline_stranger (key, operator, certificate, outcome, created_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (key) DO UPDATE SET outcome = excluded.outcome;

-- name: strangers
-- Those that were taken up, or came too late for it, the oldest first.
SELECT key, operator, certificate, outcome, created_ms FROM offline_stranger
WHERE outcome[1] IN (0, 160) ORDER BY created_ms, key LIMIT $1;
