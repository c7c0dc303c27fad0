-- What platforms ask sub-wallets to pay, by the tokens that they know them by, until it expires. The
-- requests are signed and bear no note.
CREATE TABLE payment_demand (
    sub_wallet bigint NOT NULL REFERENCES wallet,
    identity   bytea  NOT NULL CHECK (length(identity) = 32),
    request    text   NOT NULL CHECK (length(request) BETWEEN 1 AND 2100),
    expires_ms bigint NOT NULL,
    PRIMARY KEY (sub_wallet, identity)
);
