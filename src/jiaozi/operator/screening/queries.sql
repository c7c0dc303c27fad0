-- Screening cases. See migrations/0009_identity.sql.

-- name: note_hit
-- A hit: a new case, or once more the one that is known. Whether the officer has cleared it.
INSERT INTO screening_case
    (id, match_digest, place, data_key, sealed, first_ms, last_ms)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (match_digest) DO UPDATE
    SET hits = screening_case.hits + 1, last_ms = excluded.last_ms
RETURNING cleared_ms IS NOT NULL AS is_cleared;

-- name: cases
-- Cases, oldest first: those that nobody judged, or all.
SELECT id, place, data_key, sealed, hits, first_ms, last_ms, cleared_by, cleared_ms
FROM screening_case
WHERE cleared_ms IS NULL OR $1
ORDER BY first_ms, id LIMIT $2;

-- name: clear_case
-- The officer found that the subject is not whom the list means.
UPDATE screening_case SET cleared_by = $2, cleared_ms = $3
WHERE id = $1 AND cleared_ms IS NULL RETURNING id;
