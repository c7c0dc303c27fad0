-- name: devices
-- Devices by their keys, in the order of the fields of devices.Enrolled.
SELECT key, suite, operator, wallet, profile, generation, not_after_ms, balance_cap_fen,
       shadow_fen, loads, payments, revoked, revoked_ms, convicted, covered_fen
FROM device WHERE key = ANY ($1::bytea[]);

-- name: devices_of_wallets
-- The devices that were enrolled from these wallets.
SELECT key, suite, operator, wallet, profile, generation, not_after_ms, balance_cap_fen,
       shadow_fen, loads, payments, revoked, revoked_ms, convicted, covered_fen
FROM device WHERE wallet = ANY ($1::bigint[]) ORDER BY key;

-- name: devices_of_groups
-- The devices of all wallets in the groups of these, after the head of the group.
WITH head AS (SELECT DISTINCT head FROM account WHERE number = ANY ($1::bigint[])),
member AS (
    SELECT head, head AS number FROM head
    UNION ALL
    SELECT head, account.number FROM head JOIN account USING (head)
    WHERE account.number <> account.head AND kind = 5
)
SELECT head, key, suite, device.operator, wallet, profile, generation, not_after_ms,
       balance_cap_fen, shadow_fen, loads, payments, revoked, revoked_ms, convicted, covered_fen
FROM member JOIN device ON wallet = member.number ORDER BY key;

-- name: state_devices
-- Every device, in the order of the fields of DeviceRecord.
SELECT key, suite, operator, wallet, profile, generation, not_after_ms, balance_cap_fen,
       shadow_fen, loads, payments, revoked, revoked_ms, convicted, covered_fen
FROM device ORDER BY key;

-- name: live_caps
-- What the live devices of these operators may hold together at a block time.
SELECT operator, sum(balance_cap_fen)::bigint AS caps_fen
FROM device
WHERE operator = ANY ($1::smallint[]) AND revoked IS NULL AND not_after_ms > $2
GROUP BY operator;

-- name: lacks
-- What the devices of each operator lack together that have paid more than was seen on them. Read
-- once by a writer, which counts on from it: an index would cost each payment more than it saves.
SELECT operator, sum(-shadow_fen)::bigint AS lacks_fen
FROM device WHERE shadow_fen < 0 GROUP BY operator;

-- name: payments_by_counter
-- What is recorded under these counters of these devices.
SELECT offline_payment.device, offline_payment.counter, identity
FROM unnest($1::bytea[], $2::bigint[]) AS asked (device, counter)
JOIN offline_payment USING (device, counter);

-- name: payments_by_position
-- What is recorded at these places of these devices' logs.
SELECT offline_payment.device, offline_payment.position, identity
FROM unnest($1::bytea[], $2::bigint[]) AS asked (device, position)
JOIN offline_payment USING (device, position);

-- name: highest_counter
-- The highest counter under which a device's payment is recorded.
SELECT max(counter) FROM offline_payment WHERE device = $1;

-- name: list_head
-- Where the revocation list stands; no row while it is empty.
SELECT number, hash, oldest_generation FROM revocation ORDER BY number DESC LIMIT 1;

-- name: list_entries
-- Entries of the revocation list after a number, with the hash up to each.
SELECT number, entry, hash FROM revocation WHERE number > $1 ORDER BY number LIMIT $2;

-- name: write_devices
-- Devices after a block, new ones and known ones.
INSERT INTO device (key, suite, operator, wallet, profile, generation, not_after_ms,
                    balance_cap_fen, shadow_fen, loads, payments, revoked, revoked_ms, convicted,
                    covered_fen)
SELECT * FROM unnest(
    $1::bytea[], $2::integer[], $3::smallint[], $4::bigint[], $5::smallint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
    $13::bigint[], $14::boolean[], $15::bigint[]
)
ON CONFLICT (key) DO UPDATE SET
    profile = excluded.profile, generation = excluded.generation,
    not_after_ms = excluded.not_after_ms, balance_cap_fen = excluded.balance_cap_fen,
    shadow_fen = excluded.shadow_fen, loads = excluded.loads, payments = excluded.payments,
    revoked = excluded.revoked, revoked_ms = excluded.revoked_ms,
    convicted = excluded.convicted, covered_fen = excluded.covered_fen;

-- name: append_revocation
-- The next entry of the revocation list.
INSERT INTO revocation (number, entry, hash, oldest_generation) VALUES ($1, $2, $3, $4);
