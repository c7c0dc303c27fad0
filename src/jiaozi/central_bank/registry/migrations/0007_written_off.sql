-- A guarantee also covers what a revoked device lacks without proof, and gets it back all the same
-- once it surfaces.
ALTER TABLE device DROP CONSTRAINT covered_is_convicted;
ALTER TABLE device ADD CONSTRAINT covered_is_revoked CHECK (covered_fen = 0 OR revoked IS NOT NULL);
