-- Headers and proofs. See migrations/0014_registry_watch.sql.

-- name: read_cursor
-- Up to which height the chain has no gap; -1 before the first header.
SELECT height FROM header_cursor;

-- name: move_cursor
-- Move on from where the headers just kept began; nobody else may have moved on since.
UPDATE header_cursor SET height = $1 WHERE height = $2 RETURNING height;

-- name: keep
-- Keep headers; one that is there stays.
INSERT INTO header (height, identity, encoded)
SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])
ON CONFLICT (height) DO NOTHING;

-- name: others
-- What is kept at heights where something else was seen.
SELECT seen.height, header.encoded
FROM unnest($1::bigint[], $2::bytea[]) AS seen (height, identity)
JOIN header ON header.height = seen.height AND header.identity <> seen.identity
ORDER BY seen.height;

-- name: header_at
-- One header.
SELECT encoded FROM header WHERE height = $1;

-- name: page
-- The chain from a height on, as far as it has no gap.
SELECT encoded FROM header
WHERE height >= $1 AND height <= (SELECT height FROM header_cursor)
ORDER BY height LIMIT $2;

-- name: add_proof
-- Keep a proof, once.
INSERT INTO equivocation (id, height, found_ms, encoded) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: proofs
-- All proofs, the newest first.
SELECT encoded FROM equivocation ORDER BY found_ms DESC, id LIMIT $1;

-- name: open_proofs
-- How many proofs nobody has judged.
SELECT count(*) FROM equivocation WHERE judged_ms IS NULL;

-- name: judge
-- A person has decided to go on in spite of what is proved.
UPDATE equivocation SET judged_ms = $1 WHERE judged_ms IS NULL;

-- name: forget_chain
-- Drop the chain that was followed: the registry may go on with the other one.
TRUNCATE header;

-- name: rewind
-- Fetch the chain anew.
UPDATE header_cursor SET height = -1;
