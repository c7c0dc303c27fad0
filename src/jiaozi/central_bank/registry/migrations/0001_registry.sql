-- The registry: accounts of both ledgers, blocks, the ids that orders used up, feeds, control state.
-- Nothing here holds a name, a phone number, a document or any text that a person wrote.

CREATE TABLE account (
    number                  bigint   PRIMARY KEY,
    kind                    smallint NOT NULL,
    operator                smallint NOT NULL,
    wallet_class            smallint NOT NULL,
    holder                  smallint NOT NULL,
    suite                   integer  NOT NULL,
    key                     bytea    NOT NULL CHECK (length(key) <= 65),
    group_id                bytea    NOT NULL CHECK (length(group_id) = 16),
    -- The account that carries the totals of the group: the first that was opened in it.
    head                    bigint   NOT NULL,
    parent                  bigint   REFERENCES account (number),
    closed                  boolean  NOT NULL DEFAULT false,
    -- Bit 0: debits; bit 1: everything.
    freezes                 smallint NOT NULL DEFAULT 0 CHECK (freezes BETWEEN 0 AND 3),
    balance_cap_fen         bigint   CHECK (balance_cap_fen >= 0),
    single_limit_fen        bigint   CHECK (single_limit_fen >= 0),
    day_limit_fen           bigint   CHECK (day_limit_fen >= 0),
    year_limit_fen          bigint   CHECK (year_limit_fen >= 0),
    second_factor_above_fen bigint   CHECK (second_factor_above_fen >= 0),
    balance_fen             bigint   NOT NULL DEFAULT 0,
    -- Days count from 1970 in UTC+8; the sums are those of that day and its calendar year.
    spent_on                integer  NOT NULL DEFAULT 0,
    day_spent_fen           bigint   NOT NULL DEFAULT 0 CHECK (day_spent_fen >= 0),
    year_spent_fen          bigint   NOT NULL DEFAULT 0 CHECK (year_spent_fen >= day_spent_fen),
    group_balance_fen       bigint   NOT NULL DEFAULT 0,
    group_spent_on          integer  NOT NULL DEFAULT 0,
    group_day_spent_fen     bigint   NOT NULL DEFAULT 0 CHECK (group_day_spent_fen >= 0),
    group_year_spent_fen    bigint   NOT NULL DEFAULT 0
        CHECK (group_year_spent_fen >= group_day_spent_fen),
    -- Only issuance (1) and settlement (2) stand below zero.
    CONSTRAINT balance_not_below_zero CHECK (balance_fen >= 0 OR kind IN (1, 2)),
    CONSTRAINT contra_not_above_zero CHECK (balance_fen <= 0 OR kind NOT IN (1, 2))
) WITH (fillfactor = 70);

-- A holder's group at an operator is found when a further wallet is opened in it. An institution's
-- accounts are in no group: an operator could name one as a wallet's otherwise.
CREATE UNIQUE INDEX account_group ON account (group_id, operator) WHERE number = head AND kind = 5;

CREATE TABLE block (
    height        bigint  PRIMARY KEY,
    time_ms       bigint  NOT NULL,
    identity      bytea   NOT NULL CHECK (length(identity) = 32),
    header        bytea   NOT NULL,
    order_count   integer NOT NULL,
    body          bytea   NOT NULL,
    -- Money by kind of account after this block, and what was ever issued and destroyed.
    issued_fen    bigint  NOT NULL,
    destroyed_fen bigint  NOT NULL,
    vault_fen     bigint  NOT NULL,
    wallet_fen    bigint  NOT NULL,
    escrow_fen    bigint  NOT NULL,
    offline_fen   bigint  NOT NULL,
    guarantee_fen bigint  NOT NULL,
    CONSTRAINT outstanding_is_somewhere CHECK (
        issued_fen - destroyed_fen
            = vault_fen + wallet_fen + escrow_fen + offline_fen + guarantee_fen
    )
);
ALTER TABLE block ALTER COLUMN body SET STORAGE EXTERNAL;

-- The ids that orders used up, with the first outcome; a partition is dropped when its day is over.
CREATE TABLE used_id (
    last_expiry_day integer  NOT NULL,
    id              bytea    NOT NULL,
    account         bigint   NOT NULL,
    identity        bytea    NOT NULL,
    refusal         bytea,
    height          bigint   NOT NULL,
    position        integer  NOT NULL
) PARTITION BY LIST (last_expiry_day);
CREATE UNIQUE INDEX used_id_key ON used_id (id, account, last_expiry_day);

-- One row for an operator and block in which something concerns its wallets.
CREATE TABLE feed_block (
    operator       smallint NOT NULL,
    height         bigint   NOT NULL REFERENCES block (height),
    first_sequence bigint   NOT NULL,
    last_sequence  bigint   NOT NULL,
    running_hash   bytea    NOT NULL,
    -- Position, mask of visible legs and cause of each entry; and the proof of the head.
    entries        bytea    NOT NULL,
    proof          bytea    NOT NULL,
    PRIMARY KEY (operator, height)
);

CREATE TABLE certified_key (
    key           bytea    PRIMARY KEY,
    suite         integer  NOT NULL,
    key_use       smallint NOT NULL,
    operator      smallint NOT NULL,
    person        bytea,
    not_before_ms bigint   NOT NULL,
    not_after_ms  bigint   NOT NULL,
    revoked       boolean  NOT NULL DEFAULT false
);

CREATE TABLE operator (
    code      smallint PRIMARY KEY,
    quota_fen bigint   NOT NULL CHECK (quota_fen >= 0)
);

-- A payment through the payment system funds a reserve once.
CREATE TABLE reserve_funding (
    reference bytea PRIMARY KEY CHECK (length(reference) = 32)
);

CREATE TABLE rulebook_in_force (
    starts_at_ms  bigint PRIMARY KEY,
    rulebook_hash bytea  NOT NULL
);

-- Blocks and feeds are only ever added to.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER block_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON block
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER feed_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON feed_block
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
