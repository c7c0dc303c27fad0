-- The second factor. See migrations/0011_second_factor.sql.

-- name: find_pin
-- A wallet's PIN.
SELECT salt, digest, memory_kib, passes, lanes, change_id, tries, locked_until_ms
FROM wallet_pin WHERE wallet = $1;

-- name: lock_pin
-- A wallet's PIN, for whoever counts a try.
SELECT salt, digest, memory_kib, passes, lanes, change_id, tries, locked_until_ms
FROM wallet_pin WHERE wallet = $1 FOR UPDATE;

-- name: count_tries
-- Write down a try that begins.
UPDATE wallet_pin SET tries = $2, locked_until_ms = $3 WHERE wallet = $1;

-- name: forgive_tries
-- The PIN was right: nothing is held against its holder any more.
UPDATE wallet_pin SET tries = 0, locked_until_ms = 0 WHERE wallet = $1 AND salt = $2;

-- name: add_pin
-- A wallet's first PIN; nothing if it has one.
INSERT INTO wallet_pin (wallet, salt, digest, memory_kib, passes, lanes, change_id, set_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING wallet;

-- name: change_pin
-- A new PIN in place of the one that was compared.
UPDATE wallet_pin SET salt = $2, digest = $3, memory_kib = $4, passes = $5, lanes = $6,
    change_id = $7, set_ms = $8, tries = 0, locked_until_ms = 0
WHERE wallet = $1 AND salt = $9 RETURNING wallet;

-- name: find_reset
-- When a reset takes effect, if this change asked for it.
SELECT due_ms FROM pin_reset WHERE wallet = $1 AND change_id = $2;

-- name: put_reset
-- A new PIN that waits, in place of one that waited.
INSERT INTO pin_reset
    (wallet, salt, digest, memory_kib, passes, lanes, change_id, due_ms, public_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (wallet) DO UPDATE SET salt = excluded.salt, digest = excluded.digest,
    memory_kib = excluded.memory_kib, passes = excluded.passes, lanes = excluded.lanes,
    change_id = excluded.change_id, due_ms = excluded.due_ms, public_key = excluded.public_key;

-- name: take_reset
-- The PIN that waited is the wallet's, under the key that asked for it.
WITH due AS (
    DELETE FROM pin_reset USING wallet
    WHERE pin_reset.wallet = $1 AND pin_reset.due_ms <= $2 AND wallet.number = pin_reset.wallet
        AND wallet.public_key = pin_reset.public_key
    RETURNING pin_reset.wallet, salt, digest, memory_kib, passes, lanes, change_id)
UPDATE wallet_pin SET salt = due.salt, digest = due.digest, memory_kib = due.memory_kib,
    passes = due.passes, lanes = due.lanes, change_id = due.change_id, set_ms = $2, tries = 0,
    locked_until_ms = 0
FROM due WHERE wallet_pin.wallet = due.wallet;

-- name: drop_reset
-- Whoever knows the present PIN needs no other.
DELETE FROM pin_reset WHERE wallet = $1;

-- name: add_countersignature
-- What is signed now; the same order may be asked for again, each time with its PIN.
INSERT INTO countersignature (wallet, identity, order_id, order_type, amount_fen, signed_ms)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING;
