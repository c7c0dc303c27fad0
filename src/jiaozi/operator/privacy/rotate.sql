-- Rotation of the wrapping key: for each sealed table, its records under another key, in the order of
-- their ids, and their new data keys. What changed meanwhile, or was destroyed, stays as it is.

-- name: evidence_to_rewrap
-- Evidence after an id that another key wraps.
SELECT id, data_key FROM evidence WHERE id > $1 AND wrapping_key <> $2 ORDER BY id LIMIT $3;

-- name: rewrap_evidence
-- Put new data keys in the place of those that were read.
UPDATE evidence SET data_key = new.data_key
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS new (id, before, data_key)
WHERE evidence.id = new.id AND evidence.data_key = new.before;

-- name: registrations_to_rewrap
-- Registrations after an id that another key wraps.
SELECT id, data_key FROM registration WHERE id > $1 AND wrapping_key <> $2 ORDER BY id LIMIT $3;

-- name: rewrap_registrations
-- Put new data keys in the place of those that were read.
UPDATE registration SET data_key = new.data_key
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS new (id, before, data_key)
WHERE registration.id = new.id AND registration.data_key = new.before;

-- name: cases_to_rewrap
-- Screening cases after an id that another key wraps.
SELECT id, data_key FROM screening_case WHERE id > $1 AND wrapping_key <> $2 ORDER BY id LIMIT $3;

-- name: rewrap_cases
-- Put new data keys in the place of those that were read.
UPDATE screening_case SET data_key = new.data_key
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS new (id, before, data_key)
WHERE screening_case.id = new.id AND screening_case.data_key = new.before;
