-- What is destroyed at the end of its term. $1: terms that began before this time are over; $2: at
-- most so many at once.

-- name: forget_used_codes
-- Of a code that opened a wallet, the phone and its digest; the evidence has them by then.
UPDATE registration SET data_key = NULL, phone_digest = NULL
WHERE id IN (
    SELECT id FROM registration
    WHERE expires_ms < $1 AND wallet IS NOT NULL AND phone_digest IS NOT NULL
    LIMIT $2)
RETURNING id;

-- name: destroy_evidence_of_closed
-- What was shown for a wallet whose term is over.
UPDATE evidence SET data_key = NULL
WHERE id IN (
    SELECT evidence.id FROM wallet JOIN evidence ON evidence.wallet = wallet.number
    WHERE wallet.ended_ms < $1 AND wallet.state = 'open' AND evidence.data_key IS NOT NULL
    LIMIT $2)
RETURNING id;

-- name: destroy_evidence_of_unopened
-- What was shown for a wallet that the registry refused, or whose order died.
UPDATE evidence SET data_key = NULL
WHERE id IN (
    SELECT evidence.id FROM wallet JOIN evidence ON evidence.wallet = wallet.number
    WHERE wallet.ended_ms < $1 AND wallet.state <> 'open' AND evidence.data_key IS NOT NULL
    LIMIT $2)
RETURNING id;

-- name: forget_phones_of_closed
-- The digest of the phone of a wallet whose term is over.
UPDATE wallet SET phone_digest = NULL
WHERE number IN (
    SELECT number FROM wallet
    WHERE ended_ms < $1 AND state = 'open' AND phone_digest IS NOT NULL
    LIMIT $2)
RETURNING number;

-- name: forget_phones_of_unopened
-- The same of a wallet that the registry refused, or whose order died.
UPDATE wallet SET phone_digest = NULL
WHERE number IN (
    SELECT number FROM wallet
    WHERE ended_ms < $1 AND state <> 'open' AND phone_digest IS NOT NULL
    LIMIT $2)
RETURNING number;

-- name: forget_identifiers
-- By what holders are found of whom every wallet has forgotten its phone, all of them made before $1.
DELETE FROM holder_identifier
WHERE (kind, digest, holder_id) IN (
    SELECT known.kind, known.digest, known.holder_id
    FROM holder_identifier AS known JOIN holder ON holder.id = known.holder_id
    WHERE holder.created_ms < $1 AND NOT EXISTS (
        SELECT FROM wallet
        WHERE wallet.holder_id = known.holder_id AND wallet.phone_digest IS NOT NULL)
    LIMIT $2)
RETURNING holder_id;

-- name: forget_accesses
-- Accesses whose term is over by the database's own clock too, which guards them.
DELETE FROM access_log
WHERE id IN (
    SELECT id FROM access_log
    WHERE time_ms < least($1, (extract(epoch FROM now() - interval '10 years') * 1000)::bigint)
    LIMIT $2)
RETURNING id;

-- name: destroy_cases
-- Cases that nobody has met for a term.
UPDATE screening_case SET data_key = NULL
WHERE id IN (
    SELECT id FROM screening_case WHERE last_ms < $1 AND data_key IS NOT NULL LIMIT $2)
RETURNING id;
