-- What is held on a person, by table: $1 are wallets. A row is one JSON text; of sealed records the
-- sealed parts stand beside it. What one wallet's opening did not show is not in its export.

-- name: wallets_of_holder
-- All wallets of the holder of one.
SELECT number FROM wallet
WHERE holder_id = (SELECT holder_id FROM wallet WHERE number = $1)
ORDER BY number;

-- name: sealed_evidence
-- What was shown for the wallets.
SELECT id, wallet, data_key, sealed,
    (to_jsonb(it) - '{data_key,sealed,wrapping_key}'::text[])::text AS document
FROM evidence AS it WHERE wallet = ANY($1::bigint[]) ORDER BY recorded_ms, id;

-- name: sealed_registrations
-- The codes that opened the wallets.
SELECT id, wallet, data_key, sealed,
    (to_jsonb(it) - '{data_key,sealed,wrapping_key}'::text[])::text AS document
FROM registration AS it WHERE wallet = ANY($1::bigint[]) ORDER BY requested_ms, id;

-- name: holder
-- The holder.
SELECT to_jsonb(it)::text AS document FROM holder AS it
WHERE id IN (SELECT holder_id FROM wallet WHERE number = ANY($1::bigint[]));

-- name: holder_identifier
-- Keyed digests of phones of the wallets, and of documents if one was shown for any of them.
SELECT to_jsonb(it)::text AS document FROM holder_identifier AS it
WHERE EXISTS (
    SELECT FROM wallet
    WHERE wallet.number = ANY($1::bigint[]) AND wallet.holder_id = it.holder_id
        AND (wallet.phone_digest = it.digest OR it.kind = 'document' AND EXISTS (
            SELECT FROM evidence
            WHERE evidence.wallet = wallet.number AND evidence.kind = 'document')));

-- name: wallet
-- The wallets.
SELECT to_jsonb(it)::text AS document FROM wallet AS it
WHERE number = ANY($1::bigint[]) ORDER BY number;

-- name: deposit_account
-- The built-in core's deposits that the wallets reach (customers/queries.sql, deposit_phone).
SELECT to_jsonb(it)::text AS document FROM deposit_account AS it
WHERE owner IN (
    SELECT wallet.phone_digest FROM wallet JOIN holder_identifier AS phone
        ON phone.holder_id = wallet.holder_id AND phone.digest = wallet.phone_digest
    WHERE wallet.number = ANY($1::bigint[]) AND phone.kind = 'phone' AND phone.is_first)
ORDER BY id;

-- name: deposit_hold
-- What was held of those deposits.
SELECT to_jsonb(it)::text AS document FROM deposit_hold AS it
WHERE account_id IN (
    SELECT account.id FROM wallet
    JOIN holder_identifier AS phone
        ON phone.holder_id = wallet.holder_id AND phone.digest = wallet.phone_digest
    JOIN deposit_account AS account ON account.owner = wallet.phone_digest
    WHERE wallet.number = ANY($1::bigint[]) AND phone.kind = 'phone' AND phone.is_first);

-- name: deposit_posting
-- What was posted to those deposits.
SELECT to_jsonb(it)::text AS document FROM deposit_posting AS it
WHERE EXISTS (
    SELECT FROM wallet
    JOIN holder_identifier AS phone
        ON phone.holder_id = wallet.holder_id AND phone.digest = wallet.phone_digest
    JOIN deposit_account AS account ON account.owner = wallet.phone_digest
    WHERE wallet.number = ANY($1::bigint[]) AND phone.kind = 'phone' AND phone.is_first
        AND account.id IN (it.debit, it.credit));

-- name: exchange
-- Exchanges into the wallets.
SELECT to_jsonb(it)::text AS document FROM exchange AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, id;

-- name: redemption
-- Redemptions out of the wallets.
SELECT to_jsonb(it)::text AS document FROM redemption AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, order_id;

-- name: sweep
-- What was redeemed above a cap.
SELECT to_jsonb(it)::text AS document FROM sweep AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, identity;

-- name: waterfall
-- The deposits that were chosen for it.
SELECT to_jsonb(it)::text AS document FROM waterfall AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet;

-- name: offline_device
-- Devices that pay without network.
SELECT to_jsonb(it)::text AS document FROM offline_device AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, key;

-- name: offline_order
-- What this operator told the registry of them.
SELECT to_jsonb(it)::text AS document FROM offline_order AS it
WHERE device IN (SELECT key FROM offline_device WHERE wallet = ANY($1::bigint[]))
ORDER BY created_ms, order_id;

-- name: offline_load
-- What the wallets loaded devices with.
SELECT to_jsonb(it)::text AS document FROM offline_load AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY device, number;

-- name: offline_payment
-- What their devices paid, and what was paid into the wallets.
SELECT to_jsonb(it)::text AS document FROM offline_payment AS it
WHERE wallet = ANY($1::bigint[])
    OR device IN (SELECT key FROM offline_device WHERE wallet = ANY($1::bigint[]))
ORDER BY created_ms, identity;

-- name: offline_checkpoint
-- From where their devices went on.
SELECT to_jsonb(it)::text AS document FROM offline_checkpoint AS it
WHERE device IN (SELECT key FROM offline_device WHERE wallet = ANY($1::bigint[]))
ORDER BY device, number;

-- name: history_entry
-- What the feed told of the wallets.
SELECT to_jsonb(it)::text AS document FROM history_entry AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet, height, position, leg;

-- name: wallet_event
-- What the registry settled about the wallets after their opening.
SELECT to_jsonb(it)::text AS document FROM wallet_event AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet, height, position;

-- name: rebind_key
-- New keys that were asked for.
SELECT to_jsonb(it)::text AS document FROM rebind_key AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet;

-- name: rebind
-- Requests to replace a lost key.
SELECT to_jsonb(it)::text AS document FROM rebind AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, id;

-- name: freeze_lift
-- Freezes that this operator lifted, without clerk and file.
SELECT to_jsonb(it)::text AS document FROM (
    SELECT wallet, case_id, order_id FROM freeze_lift) AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY order_id;

-- name: freeze_case
-- Freezes by this operator; the file of the office that asked is the office's to tell.
SELECT to_jsonb(it)::text AS document FROM (
    SELECT wallet, case_id, order_id FROM freeze_case) AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY case_id;

-- name: wallet_pin
-- When the wallets' PINs were set and what was tried; never what would help to guess one.
SELECT to_jsonb(it)::text AS document FROM (
    SELECT wallet, set_ms, tries, locked_until_ms FROM wallet_pin) AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet;

-- name: pin_reset
-- PINs that wait for their day; never what would help to guess one.
SELECT to_jsonb(it)::text AS document FROM (SELECT wallet, due_ms FROM pin_reset) AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY wallet;

-- name: countersignature
-- Orders of the wallets that the operator signed too.
SELECT to_jsonb(it)::text AS document FROM countersignature AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY signed_ms, order_id;

-- name: session
-- Sessions that read for the wallets.
SELECT to_jsonb(it)::text AS document FROM (
    SELECT wallet, public_key, expires_ms FROM session) AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY expires_ms;

-- name: access_log
-- Who opened records of the wallets, and why.
SELECT to_jsonb(it)::text AS document FROM access_log AS it
WHERE wallet = ANY($1::bigint[]) OR record IN (
    SELECT 'registration/' || registration.id FROM registration
    WHERE registration.wallet = ANY($1::bigint[]))
ORDER BY id;

-- name: signatory
-- Which of the wallets are a company's signatories'.
SELECT to_jsonb(it)::text AS document FROM signatory AS it
WHERE number = ANY($1::bigint[]) ORDER BY number;

-- name: certify_order
-- Changes of class, and freezes of signatories that were removed.
SELECT to_jsonb(it)::text AS document FROM certify_order AS it
WHERE wallet = ANY($1::bigint[]) ORDER BY created_ms, order_id;

-- name: payment_demand
-- What platforms ask the wallets to pay.
SELECT to_jsonb(it)::text AS document FROM payment_demand AS it
WHERE sub_wallet = ANY($1::bigint[]) ORDER BY expires_ms, identity;

-- name: platform_token
-- What platforms call the wallets or their sub-wallets.
SELECT to_jsonb(it)::text AS document FROM platform_token AS it
WHERE sub_wallet IN (
    SELECT number FROM wallet
    WHERE number = ANY($1::bigint[]) OR parent = ANY($1::bigint[]))
ORDER BY created_ms, token;
