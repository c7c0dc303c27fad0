-- The root's certificates of the keys that genesis does not name, for those who check what these
-- keys signed; and the block time of a revocation, after which a block key signs no header.
ALTER TABLE certified_key ADD COLUMN certificate bytea, ADD COLUMN revoked_ms bigint;
UPDATE certified_key SET revoked_ms = 0 WHERE revoked;
ALTER TABLE certified_key DROP COLUMN revoked;
