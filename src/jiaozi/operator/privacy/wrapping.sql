-- Key-encryption keys. See migrations/0007_privacy.sql.

-- name: wrapping_keys
-- All keys that records may name; the last one wraps what is new.
SELECT number, check_value FROM wrapping_key ORDER BY number;

-- name: note_check_value
-- The first to use a key notes how it is told from others.
UPDATE wrapping_key SET check_value = $2 WHERE number = $1 AND check_value IS NULL;

-- name: add_wrapping_key
-- From now on this key wraps what is new; also when somebody else just added it.
INSERT INTO wrapping_key (number, check_value, added_ms) VALUES ($1, $2, $3)
ON CONFLICT (number) DO NOTHING;

-- name: drop_wrapping_key
-- Let go of an older key; the references refuse it while a record names the key.
DELETE FROM wrapping_key
WHERE number = $1 AND number < (SELECT max(number) FROM wrapping_key)
RETURNING number;
