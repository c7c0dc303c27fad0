-- What an operator's figures tell of its database; see figures.py.

-- name: open_sagas
-- How many openings, exchanges, redemptions, sweeps with a deposit and offline payments are under
-- way, and since when the oldest is.
SELECT 'opening' AS kind, count(*) AS open, min(created_ms) AS oldest_ms
FROM wallet WHERE state = 'opening'
UNION ALL
SELECT 'exchange', count(*), min(created_ms)
FROM exchange WHERE state IN ('opened', 'rejected', 'held', 'settled', 'refused', 'dead')
UNION ALL
SELECT 'redemption', count(*), min(created_ms)
FROM redemption WHERE state IN ('stored', 'settled')
UNION ALL
SELECT 'sweep', count(*), min(created_ms)
FROM sweep WHERE state = 'settled' AND deposit_id IS NOT NULL
UNION ALL
SELECT 'offline_payment', count(*), min(created_ms)
FROM offline_payment WHERE state = 'sent';

-- name: given_up
-- How many offline payments were given up, by what they were refused with.
SELECT code, sum(payments)::bigint AS payments FROM offline_given_up GROUP BY code;

-- name: taken_up
-- How many devices the registry has taken up that nobody enrolled.
SELECT count(*) FROM offline_stranger WHERE outcome[1] = 0;
