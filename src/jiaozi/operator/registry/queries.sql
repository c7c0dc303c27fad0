-- The network that this operator joined. See migrations/0006_requests.sql.

-- name: pin_genesis
-- Keep the first genesis that was seen.
INSERT INTO network (genesis) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: pinned_genesis
-- The genesis that was seen first.
SELECT genesis FROM network;
