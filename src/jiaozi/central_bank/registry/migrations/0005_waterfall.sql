-- Whether the holder consents to have redeemed what a payment lifts the wallet above its balance
-- cap: as its safeguards say, and here where a batch looks.
ALTER TABLE account ADD COLUMN waterfall boolean NOT NULL DEFAULT false;
