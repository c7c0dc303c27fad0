-- What platforms ask of sub-wallets. See the migration of payment_demand.

-- name: drop_expired
-- Requests that wait no more, and the wallet's lock: two at once are counted in turn.
WITH locked AS (SELECT number FROM wallet WHERE number = $1 FOR NO KEY UPDATE)
DELETE FROM payment_demand USING locked
WHERE payment_demand.sub_wallet = locked.number AND expires_ms <= $2;

-- name: put_demand
-- A request that waits, unless too many do; whether it waits now.
WITH put AS (
    INSERT INTO payment_demand (sub_wallet, identity, request, expires_ms)
    SELECT $1, $2, $3, $4
    WHERE (SELECT count(*) FROM payment_demand WHERE sub_wallet = $1) < $5
    ON CONFLICT DO NOTHING RETURNING identity)
SELECT EXISTS (SELECT FROM put)
    OR EXISTS (SELECT FROM payment_demand WHERE sub_wallet = $1 AND identity = $2);

-- name: demands
-- The requests that wait for a sub-wallet.
SELECT request FROM payment_demand WHERE sub_wallet = $1 AND expires_ms > $2
ORDER BY expires_ms, identity;
