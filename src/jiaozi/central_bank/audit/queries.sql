-- name: tip_height
-- The height of the last block.
SELECT max(height) AS height FROM block;

-- name: headers
-- Signed headers in a range of heights.
SELECT height, header FROM block WHERE height BETWEEN $1 AND $2 ORDER BY height LIMIT $3;

-- name: blocks
-- Whole blocks in a range of heights, with what the registry says of the money after each.
SELECT height, header, body, issued_fen, destroyed_fen, vault_fen, wallet_fen, escrow_fen,
       offline_fen, guarantee_fen
FROM block WHERE height BETWEEN $1 AND $2 ORDER BY height LIMIT $3;

-- name: accounts
-- Every account, in the order of the fields of AccountRecord.
SELECT number, kind, operator, wallet_class, holder, suite, key, group_id, parent, closed, freezes,
       frozen_fen, balance_cap_fen, single_limit_fen, day_limit_fen, year_limit_fen, second_factor_above_fen,
       balance_fen
FROM account ORDER BY number;

-- name: certified_keys
-- The keys that officers' orders added to those of genesis, or changed.
SELECT key, suite, key_use, operator, person, not_before_ms, not_after_ms,
       revoked_ms IS NOT NULL AS revoked
FROM certified_key;

-- name: quotas
-- The quotas that officers' orders set.
SELECT code, quota_fen FROM operator;

-- name: rulebooks
-- The rulebooks that officers' orders put in force.
SELECT starts_at_ms, rulebook_hash FROM rulebook_in_force;

-- name: carriers
-- Who carries the wallets of failed operators.
SELECT operator, carrier FROM carrier;

-- name: halts
-- All halts, those that have ended too.
SELECT scope, subject, until_ms, orders_per_s FROM halt;

-- name: safeguards
-- The safeguards of every wallet that has any.
SELECT account, record FROM safeguard;
