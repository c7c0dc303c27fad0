-- Sessions. See migrations/0010_sessions.sql.

-- name: use_login
-- Take a login that was not taken before.
INSERT INTO login_used (digest, forget_ms) VALUES ($1, $2)
ON CONFLICT DO NOTHING RETURNING digest;

-- name: add_session
-- A session begins.
INSERT INTO session (digest, wallet, public_key, expires_ms) VALUES ($1, $2, $3, $4);

-- name: find_session
-- A session that has not expired.
SELECT digest, wallet, public_key, expires_ms FROM session WHERE digest = $1 AND expires_ms > $2;

-- name: end_session
-- A session ends.
DELETE FROM session WHERE digest = $1;

-- name: end_sessions
-- All sessions of a wallet end.
DELETE FROM session WHERE wallet = $1;

-- name: forget_sessions
-- Drop the sessions that have expired.
DELETE FROM session WHERE expires_ms < $1;

-- name: forget_logins
-- Drop the logins whose challenge is too old to be taken.
DELETE FROM login_used WHERE forget_ms < $1;
