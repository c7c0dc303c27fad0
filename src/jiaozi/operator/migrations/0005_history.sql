-- What the feed told: rebuilt from height 0 by emptying both tables.

-- How far the feed was read, with the head that proves that nothing was left out.
CREATE TABLE feed_cursor (
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    height       bigint  NOT NULL,
    time_ms      bigint  NOT NULL,
    sequence     bigint  NOT NULL,
    running_hash bytea   NOT NULL CHECK (length(running_hash) = 32)
);
INSERT INTO feed_cursor (height, time_ms, sequence, running_hash)
    VALUES (0, 0, 0, decode(repeat('00', 32), 'hex'));

-- One leg as one wallet sees it. outcome is null when settled. A payee sees settled legs only.
CREATE TABLE history_entry (
    wallet       bigint   NOT NULL,
    height       bigint   NOT NULL,
    position     integer  NOT NULL,
    leg          smallint NOT NULL,
    incoming     boolean  NOT NULL,
    counterparty bigint   NOT NULL,
    amount_fen   bigint   NOT NULL CHECK (amount_fen > 0),
    order_type   smallint NOT NULL,
    order_id     bytea    NOT NULL,
    identity     bytea    NOT NULL CHECK (length(identity) = 32),
    reference    bytea,
    link         bytea,
    outcome      bigint[] CHECK (outcome IS NULL OR NOT incoming),
    time_ms      bigint   NOT NULL,
    PRIMARY KEY (wallet, height, position, leg)
);
-- An id is unique only for the account that an order debits first: the identity tells orders apart.
CREATE INDEX history_entry_by_order ON history_entry (wallet, order_id);
CREATE INDEX history_entry_by_time ON history_entry (wallet, time_ms);
