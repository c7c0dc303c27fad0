-- Devices, their orders, and cases. See migrations/0019_offline.sql.

-- name: add_device
-- A device of ours, once.
INSERT INTO offline_device (key, wallet, profile, created_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO NOTHING;

-- name: lock_device
-- One device, alone with whoever decides about it.
SELECT key, wallet, profile, suspicion FROM offline_device WHERE key = $1 FOR UPDATE;

-- name: find_device
-- One device.
SELECT key, wallet, profile, suspicion FROM offline_device WHERE key = $1;

-- name: devices_of
-- The devices of a wallet, the oldest first.
SELECT key, wallet, profile, suspicion FROM offline_device WHERE wallet = $1
ORDER BY created_ms, key LIMIT $2;

-- name: suspect
-- Why a person should look; a log that convicts outweighs an old one.
UPDATE offline_device
SET suspicion = CASE suspicion WHEN 'log_fault' THEN suspicion ELSE $2 END WHERE key = $1;

-- name: clear
-- A person has looked.
UPDATE offline_device SET suspicion = NULL WHERE key = $1;

-- name: suspected
-- Devices that a person should look at.
SELECT key, wallet, profile, suspicion FROM offline_device WHERE suspicion IS NOT NULL
ORDER BY created_ms, key;

-- name: add_order
-- An order, before it is sent.
INSERT INTO offline_order (
    order_id, order_type, device, scope, operator_certificate, certificate, submission, identity,
    expires_ms, state, created_ms, next_try_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'sent', $10, $11);

-- name: find_order
-- One order.
SELECT order_id, order_type, device, scope, operator_certificate, certificate, submission, identity,
    expires_ms, state, outcome
FROM offline_order WHERE order_id = $1;

-- name: last_order
-- The last order of a kind about a device.
SELECT order_id, order_type, device, scope, operator_certificate, certificate, submission, identity,
    expires_ms, state, outcome
FROM offline_order WHERE device = $1 AND order_type = $2
ORDER BY created_ms DESC, order_id DESC LIMIT 1;

-- name: enrolled
-- The enrolment that gave a device the certificates it has.
SELECT order_id, order_type, device, scope, operator_certificate, certificate, submission, identity,
    expires_ms, state, outcome
FROM offline_order WHERE device = $1 AND order_type = 40 AND state = 'settled'
ORDER BY created_ms DESC, order_id DESC LIMIT 1;

-- name: lock_guarantee
-- One move of the guarantee is decided on at a time.
LOCK TABLE offline_order IN SHARE ROW EXCLUSIVE MODE;

-- name: open_guarantee_order
-- A move of the guarantee that is under way.
SELECT order_id, order_type, device, scope, operator_certificate, certificate, submission, identity,
    expires_ms, state, outcome
FROM offline_order WHERE order_type IN (46, 47) AND state = 'sent'
ORDER BY created_ms, order_id LIMIT 1;

-- name: decide_order
-- What became of an order, for good.
UPDATE offline_order SET state = $2, outcome = $3 WHERE order_id = $1 AND state = 'sent';

-- name: due_orders
-- Orders to go on with; the next try is put off, so that two resolvers share the work.
UPDATE offline_order SET next_try_ms = $2
WHERE order_id IN (
    SELECT order_id FROM offline_order WHERE state = 'sent' AND next_try_ms <= $1
    ORDER BY next_try_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING order_id;

-- name: add_decision
-- Which clerk decided about a device, and for which file.
INSERT INTO device_decision (device, decision, clerk, file_number, decided_ms)
VALUES ($1, $2, $3, $4, $5);

-- name: add_case
-- A log that convicts its device; the first is enough.
INSERT INTO offline_case (device, operator, proof, created_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (device) DO NOTHING;

-- name: cases
-- All of them, the oldest first.
SELECT device, operator, proof FROM offline_case ORDER BY created_ms, device;

-- name: add_issue_codes
-- Codes that a clerk has made, by their hashes.
INSERT INTO issue_code (hash, clerk, file_number, created_ms, expires_ms)
SELECT hash, $2, $3, $4, $5 FROM unnest($1::bytea[]) AS it (hash);

-- name: use_issue_code
-- Use a code up for a device; for the same device again.
UPDATE issue_code SET device = $2, used_ms = coalesce(used_ms, $3)
WHERE hash = $1 AND (device = $2 OR (device IS NULL AND expires_ms > $3))
RETURNING hash;

-- name: count_issue_codes
-- How many can be used, were used, and can be used no more.
SELECT count(*) FILTER (WHERE device IS NULL AND expires_ms > $1) AS open,
    count(device) AS used,
    count(*) FILTER (WHERE device IS NULL AND expires_ms <= $1) AS expired
FROM issue_code;
