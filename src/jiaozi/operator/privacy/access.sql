-- Accesses to personal data. See migrations/0007_privacy.sql.

-- name: add_access
-- Write an access down before the record is opened.
INSERT INTO access_log (time_ms, record, wallet, actor, purpose, case_reference)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: accesses
-- Who opened records of a wallet, newest first; the one that opened it was before the wallet was.
SELECT id, time_ms, record, actor, purpose, case_reference FROM access_log
WHERE id < $2 AND (wallet = $1 OR record IN (
    SELECT 'registration/' || registration.id FROM registration WHERE registration.wallet = $1))
ORDER BY id DESC LIMIT $3;
