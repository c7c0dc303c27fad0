-- What sub-wallets are called at platforms. See migrations/0009_identity.sql.

-- name: give_token
-- The token of a sub-wallet at a platform: the one that it has, or a new one.
INSERT INTO platform_token (token, sub_wallet, platform, created_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (sub_wallet, platform) DO UPDATE SET platform = excluded.platform
RETURNING token;

-- name: take_back_token
-- A token means nothing from now on.
DELETE FROM platform_token WHERE sub_wallet = $1 AND platform = $2;

-- name: platforms_of
-- Where the sub-wallets of a wallet are known, and under which tokens.
SELECT platform_token.sub_wallet, platform_token.platform, platform_token.token
FROM platform_token JOIN wallet ON wallet.number = platform_token.sub_wallet
WHERE wallet.parent = $1
ORDER BY platform_token.created_ms, platform_token.token;

-- name: resolve_token
-- The sub-wallet behind a token, for the platform that it was given to and for nobody else.
SELECT platform_token.sub_wallet
FROM platform_token JOIN wallet ON wallet.number = platform_token.sub_wallet
WHERE platform_token.token = $1 AND platform_token.platform = $2
    AND wallet.state = 'open' AND wallet.ended_ms IS NULL;
