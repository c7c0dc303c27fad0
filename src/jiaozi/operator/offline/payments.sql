-- Offline payments on their way into the registry. See migrations/0019_offline.sql.

-- name: find_payments
-- What is recorded of payments.
SELECT identity, wallet, amount_fen, payment, state, submission, expires_ms, outcome, tries,
    next_try_ms, height, returned
FROM offline_payment WHERE identity = ANY($1::bytea[]);

-- name: add_payments
-- Keep payments with what the registry answered, or with the orders that have no answer yet; of what a
-- device has not settled, no more than so many. Rows are locked in the order of their identities,
-- here and below: so nobody waits for one another.
WITH given AS (
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[],
        $6::bigint[], $7::bigint[], $8::bytea[], $9::text[], $10::bytea[], $11::bigint[],
        $12::text[], $13::bigint[], $14::integer[], $15::bigint[], $16::boolean[])
        AS it (identity, device, counter, position, payee, wallet, amount_fen, payment, state,
            submission, expires_ms, outcome, height, tries, next_try_ms, returned)
), full_up AS (
    SELECT device FROM (SELECT DISTINCT device FROM given WHERE state <> 'settled') AS it
    WHERE $18 <= (
        SELECT count(*) FROM (
            SELECT FROM offline_payment
            WHERE offline_payment.device = it.device AND state <> 'settled' LIMIT $18) AS kept)
)
INSERT INTO offline_payment (
    identity, device, counter, position, payee, wallet, amount_fen, payment, state, submission,
    expires_ms, outcome, height, tries, next_try_ms, returned, created_ms)
SELECT identity, device, counter, position, payee, wallet, amount_fen, payment, state, submission,
    expires_ms, outcome::bigint[], height, tries, next_try_ms, returned, $17
FROM given
WHERE state = 'settled' OR device NOT IN (SELECT device FROM full_up)
ORDER BY identity
ON CONFLICT (identity) DO UPDATE SET state = 'settled', submission = NULL, outcome = NULL,
    height = excluded.height, returned = excluded.returned
WHERE excluded.state = 'settled' AND offline_payment.state <> 'settled';

-- name: renew_orders
-- New orders for payments that wait, or whose order died; only where nobody else was quicker.
WITH locked AS (
    SELECT identity FROM offline_payment WHERE identity = ANY($1::bytea[]) ORDER BY identity
    FOR UPDATE)
UPDATE offline_payment SET state = 'sent', submission = it.submission, expires_ms = $4,
    outcome = NULL, next_try_ms = $5
FROM locked JOIN unnest($1::bytea[], $2::bigint[], $3::bytea[])
    AS it (identity, expires_ms, submission) USING (identity)
WHERE offline_payment.identity = it.identity AND offline_payment.expires_ms = it.expires_ms
    AND offline_payment.state <> 'settled';

-- name: record_answers
-- What the registry answered to the orders of payments that were kept before.
WITH locked AS (
    SELECT identity FROM offline_payment WHERE identity = ANY($1::bytea[]) ORDER BY identity
    FOR UPDATE)
UPDATE offline_payment SET state = it.state, submission = NULL, height = it.height,
    outcome = it.outcome::bigint[], tries = offline_payment.tries + 1,
    next_try_ms = it.next_try_ms, returned = it.returned
FROM locked JOIN unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[], $5::text[],
    $6::bigint[], $7::boolean[])
    AS it (identity, expires_ms, state, height, outcome, next_try_ms, returned) USING (identity)
WHERE offline_payment.identity = it.identity AND offline_payment.expires_ms = it.expires_ms
    AND offline_payment.state = 'sent';

-- name: give_up
-- Forget payments that are nobody's to settle here, and count them by day and by what they were
-- refused with.
WITH locked AS (
    SELECT identity FROM offline_payment WHERE identity = ANY($1::bytea[]) ORDER BY identity
    FOR UPDATE
), given_up AS (
    DELETE FROM offline_payment
    USING locked JOIN unnest($1::bytea[], $2::bigint[], $3::text[])
        AS it (identity, expires_ms, outcome) USING (identity)
    WHERE offline_payment.identity = it.identity AND offline_payment.expires_ms = it.expires_ms
        AND offline_payment.state = 'sent'
    RETURNING (it.outcome::bigint[])[1] AS code)
INSERT INTO offline_given_up (day_ms, code, payments)
SELECT $4, code, count(*) FROM given_up GROUP BY code
ON CONFLICT (day_ms, code) DO UPDATE SET payments = offline_given_up.payments + excluded.payments;

-- name: given_up
-- How many payments were given up, by what they were refused with.
SELECT code, sum(payments)::bigint AS payments FROM offline_given_up GROUP BY code ORDER BY code;

-- name: take_told
-- Payments that the feed tells, whoever handed them in.
INSERT INTO offline_payment (
    identity, device, counter, position, payee, wallet, amount_fen, payment, state, height,
    expires_ms, created_ms, next_try_ms, returned)
SELECT identity, device, counter, position, payee, wallet, amount_fen, payment, 'settled', height,
    0, time_ms, 0, returned
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[],
    $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[], $11::boolean[])
    AS it (identity, device, counter, position, payee, wallet, amount_fen, payment, height, time_ms,
        returned)
-- Most were handed in here: a conflict that changes nothing would lock and write their rows too.
WHERE NOT EXISTS (
    SELECT FROM offline_payment WHERE identity = it.identity AND height IS NOT NULL)
ORDER BY identity
ON CONFLICT (identity) DO UPDATE SET state = 'settled', submission = NULL, outcome = NULL,
    height = excluded.height, returned = excluded.returned
WHERE offline_payment.height IS NULL;

-- name: due_payments
-- Payments to go on with; the next try is put off, so that two resolvers share the work.
UPDATE offline_payment SET next_try_ms = $2
WHERE identity IN (
    SELECT identity FROM offline_payment WHERE state <> 'settled' AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING identity;

-- name: double_spends
-- Pairs of settled payments of one device of ours under one counter or place of its log.
WITH twice AS (
    SELECT one.identity AS first, other.identity AS second
    FROM offline_payment AS one JOIN offline_payment AS other
        ON other.device = one.device AND other.counter = one.counter
        AND other.identity > one.identity
    UNION
    SELECT one.identity, other.identity
    FROM offline_payment AS one JOIN offline_payment AS other
        ON other.device = one.device AND other.position = one.position
        AND other.identity > one.identity
)
SELECT one.device, one.payment AS first, other.payment AS second,
    one.amount_fen AS first_fen, other.amount_fen AS second_fen
FROM twice
JOIN offline_payment AS one ON one.identity = twice.first AND one.state = 'settled'
JOIN offline_payment AS other ON other.identity = twice.second AND other.state = 'settled'
JOIN offline_device ON key = one.device
ORDER BY one.device, one.counter, one.identity, other.identity;

-- name: waiting
-- Payments that the registry has refused for now, the oldest first.
SELECT identity, device, counter, wallet, amount_fen, outcome, tries, next_try_ms
FROM offline_payment WHERE state = 'waiting' ORDER BY created_ms, identity LIMIT $1;
