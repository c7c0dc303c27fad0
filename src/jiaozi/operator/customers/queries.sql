-- Customers: registrations, holders, evidence. See migrations/0001_customers.sql.

-- name: count_registrations
-- How many codes were asked for a phone since a time.
SELECT count(*) FROM registration WHERE phone_digest = $1 AND requested_ms > $2;

-- name: count_source
-- How many codes an address asked for since a time.
SELECT count(*) FROM code_source WHERE digest = $1 AND requested_ms > $2;

-- name: add_source
-- An address asked for a code.
INSERT INTO code_source (digest, requested_ms) VALUES ($1, $2);

-- name: forget_sources
-- Drop the addresses that count towards no quota any more.
DELETE FROM code_source WHERE requested_ms <= $1;

-- name: add_registration
-- Keep a registration before its code is sent.
INSERT INTO registration
    (id, phone_digest, data_key, sealed, code_digest, requested_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: count_try
-- Spend a try before the code is compared: five parallel guesses are five tries.
UPDATE registration SET tries = tries + 1
WHERE id = $1 AND tries < $2 AND expires_ms > $3 AND wallet IS NULL
RETURNING phone_digest, code_digest, data_key, sealed;

-- name: forget_registrations
-- Drop the registrations that opened no wallet and count towards no quota any more.
DELETE FROM registration WHERE wallet IS NULL AND expires_ms < $1 AND requested_ms < $2;

-- name: wallet_of_registration
-- The wallet that a code opened, and its key, so that a repeated request finds it.
SELECT wallet.number, wallet.public_key
FROM registration JOIN wallet ON wallet.number = registration.wallet
WHERE registration.id = $1;

-- name: use_registration
-- A code opens one wallet.
UPDATE registration SET wallet = $2 WHERE id = $1 AND wallet IS NULL RETURNING id;

-- name: lock_identity
-- Two openings by one phone, or by one document, find or make one holder, not two.
SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 0));

-- name: find_holders
-- The holders that showed an identifier, oldest first, and whether a document is known of each.
SELECT holder.id, holder.group_id, holder_identifier.is_verified,
    EXISTS (SELECT FROM holder_identifier AS known
            WHERE known.holder_id = holder.id AND known.kind = 'document') AS has_document
FROM holder_identifier JOIN holder ON holder.id = holder_identifier.holder_id
WHERE holder_identifier.holder_kind = $1
    AND holder_identifier.kind = $2 AND holder_identifier.digest = $3
ORDER BY holder.created_ms, holder.id;

-- name: add_holder
-- A new holder with a group of its own.
INSERT INTO holder (id, kind, group_id, created_ms) VALUES ($1, $2, $3, $4);

-- name: add_identifier
-- A holder showed a value; whoever was first with it stays the first.
INSERT INTO holder_identifier (holder_kind, kind, digest, holder_id, is_verified, is_first)
SELECT $1, $2, $3, $4, $5, NOT EXISTS (
    SELECT FROM holder_identifier WHERE kind = $2 AND digest = $3 AND is_first)
ON CONFLICT (kind, digest, holder_id)
    DO UPDATE SET is_verified = holder_identifier.is_verified OR excluded.is_verified
RETURNING is_first;

-- name: add_evidence
-- Sealed personal data of a holder, shown for one wallet.
INSERT INTO evidence (id, holder_id, kind, data_key, sealed, recorded_ms, wallet)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: has_document
-- Whether any document is known of a holder.
SELECT EXISTS (SELECT FROM holder_identifier WHERE holder_id = $1 AND kind = 'document');

-- name: documents_of_wallet
-- Whose documents are known behind a wallet, sealed: the holder's and its signatories'.
SELECT evidence.id, evidence.data_key, evidence.sealed
FROM wallet JOIN evidence ON evidence.holder_id = wallet.holder_id
WHERE wallet.number = $1 AND evidence.kind IN ('document', 'signatory')
    AND evidence.data_key IS NOT NULL
    AND NOT EXISTS (SELECT FROM signatory
        WHERE signatory.evidence_id = evidence.id AND signatory.removed_ms IS NOT NULL)
ORDER BY evidence.recorded_ms, evidence.id;

-- name: deposit_phone
-- The phone whose deposits a wallet reaches, sealed: the one proven when this very wallet was opened,
-- if its holder was the first to prove it. Whoever has the phone later reaches nothing by it.
SELECT evidence.id, evidence.data_key, evidence.sealed
FROM wallet
JOIN holder_identifier AS phone
    ON phone.holder_id = wallet.holder_id AND phone.digest = wallet.phone_digest
JOIN evidence ON evidence.wallet = wallet.number
WHERE wallet.number = $1 AND phone.kind = 'phone' AND phone.is_first
    AND evidence.kind = 'phone' AND evidence.data_key IS NOT NULL
ORDER BY evidence.recorded_ms LIMIT 1;

-- name: shown
-- The phone and the document that were shown for a wallet, sealed; the newest document first.
SELECT id, kind, data_key, sealed FROM evidence
WHERE wallet = $1 AND kind IN ('phone', 'document') AND data_key IS NOT NULL
ORDER BY recorded_ms DESC, id;
