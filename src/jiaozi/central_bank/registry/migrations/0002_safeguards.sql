-- What protects wallets beside their balance, who carries a failed operator's wallets, halts.

-- How much of the balance may not leave; bit 0 and 1 of freezes stop debits and everything.
ALTER TABLE account ADD COLUMN frozen_fen bigint NOT NULL DEFAULT 0 CHECK (frozen_fen >= 0);

-- Freezes, a rebind, changes that wait and mandates of a wallet that has any, read together and so
-- one value (jiaozi.protocol.safeguards); due_ms is when something of it happens by itself.
CREATE TABLE safeguard (
    account bigint PRIMARY KEY REFERENCES account (number),
    due_ms  bigint,
    record  bytea  NOT NULL
);
CREATE INDEX safeguard_due ON safeguard (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE carrier (
    operator smallint PRIMARY KEY,
    carrier  smallint NOT NULL CHECK (carrier <> operator)
);

CREATE TABLE halt (
    scope        smallint NOT NULL,
    subject      bigint   NOT NULL,
    until_ms     bigint   NOT NULL,
    orders_per_s bigint   CHECK (orders_per_s > 0),
    PRIMARY KEY (scope, subject)
);
