-- Signed requests. See migrations/0006_requests.sql.

-- name: use_nonce
-- Take a nonce that was not taken before.
INSERT INTO request_nonce (digest, forget_ms) VALUES ($1, $2)
ON CONFLICT DO NOTHING RETURNING digest;

-- name: forget_nonces
-- Drop the nonces of requests that are too old to be taken.
DELETE FROM request_nonce WHERE forget_ms < $1;
