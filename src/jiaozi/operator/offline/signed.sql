-- Loads, and checkpoints of logs. See migrations/0019_offline.sql.

-- name: add_load
-- Money that the registry moved onto a device, as the feed tells it.
INSERT INTO offline_load (device, number, wallet, amount_fen, identity, height)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (device, number) DO NOTHING;

-- name: find_load
-- One load.
SELECT device, number, wallet, amount_fen, identity, message FROM offline_load
WHERE device = $1 AND number = $2;

-- name: sign_load
-- What was signed first stays, unless its key was revoked: then who knows it signs the same again.
UPDATE offline_load SET message = CASE WHEN message IS DISTINCT FROM $3 THEN message ELSE $4 END
WHERE device = $1 AND number = $2
RETURNING message;

-- name: find_checkpoint
-- What was signed at a place of a device's log, and the device does not have.
SELECT message, time_message FROM offline_checkpoint
WHERE device = $1 AND position = $2 AND head = $3 AND number > $4
ORDER BY number LIMIT 1;

-- name: sign_checkpoint_again
-- The same checkpoint by another key: that of the first was revoked.
UPDATE offline_checkpoint SET message = $3, time_message = $4 WHERE device = $1 AND number = $2;

-- name: last_checkpoint
-- The number of a device's last checkpoint; 0 before the first.
SELECT coalesce(max(number), 0) FROM offline_checkpoint WHERE device = $1;

-- name: add_checkpoint
-- Keep a checkpoint before it is said.
INSERT INTO offline_checkpoint (device, number, position, head, message, time_message, created_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7);
