-- Accesses to personal data. See migrations/0007_privacy.sql.

-- name: add_access
-- Write an access down before the record is opened.
INSERT INTO access_log (time_ms, record, wallet, actor, purpose, case_reference)
VALUES ($1, $2, $3, $4, $5, $6);
