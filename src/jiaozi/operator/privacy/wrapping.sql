-- Key-encryption keys. See migrations/0007_privacy.sql.

-- name: wrapping_keys
-- All keys that records may name; the last one wraps what is new.
SELECT number, check_value FROM wrapping_key ORDER BY number;

-- name: note_check_value
-- The first to use a key notes how it is told from others.
UPDATE wrapping_key SET check_value = $2 WHERE number = $1 AND check_value IS NULL;
