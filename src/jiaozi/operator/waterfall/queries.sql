-- The waterfall. See migrations/0017_waterfall.sql.

-- name: choose_deposit
-- The deposit that sweeps of a wallet are paid into from now on.
INSERT INTO waterfall (wallet, deposit_id, chosen_ms) VALUES ($1, $2, $3)
ON CONFLICT (wallet) DO UPDATE SET deposit_id = excluded.deposit_id, chosen_ms = excluded.chosen_ms;

-- name: add_sweeps
-- What the feed tells of sweeps, once, however often it is read.
INSERT INTO sweep (
    identity, wallet, order_id, amount_fen, height, position, created_ms, state, next_try_ms)
SELECT *, 'settled', 0 FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[],
    $5::bigint[], $6::integer[], $7::bigint[])
ON CONFLICT (identity) DO NOTHING;

-- name: direct_sweeps
-- Sweeps whose holder has chosen a deposit get it, for good.
UPDATE sweep SET deposit_id = waterfall.deposit_id
FROM waterfall
WHERE waterfall.wallet = sweep.wallet AND sweep.deposit_id IS NULL AND sweep.state = 'settled';

-- name: due_sweeps
-- Sweeps to pay out; the next try is put off, so that two resolvers share the work.
UPDATE sweep SET next_try_ms = $2
WHERE identity IN (
    SELECT identity FROM sweep
    WHERE state = 'settled' AND deposit_id IS NOT NULL AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING identity, wallet, amount_fen, deposit_id, state;

-- name: close_sweep
-- The core has credited the deposit.
UPDATE sweep SET state = 'credited' WHERE identity = $1 AND state = 'settled';
