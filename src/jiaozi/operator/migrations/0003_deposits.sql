-- The built-in core banking: customers' deposits in double entry.
-- A posting debits one account and credits another, so all accounts together are always zero.

-- customer: a deposit, never overdrawn, holds included. own: the operator's contra accounts, whose
-- balances are the sums of their postings: kept nowhere, they are no row that everyone waits for.
CREATE TABLE deposit_account (
    id          text   PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    kind        text   NOT NULL CHECK (kind IN ('customer', 'own')),
    owner       bytea  CHECK (length(owner) = 32),
    balance_fen bigint,
    held_fen    bigint NOT NULL DEFAULT 0 CHECK (held_fen >= 0),
    CHECK ((kind = 'customer') = (owner IS NOT NULL)),
    CHECK ((kind = 'customer') = (balance_fen IS NOT NULL)),
    CHECK (balance_fen >= held_fen),
    CHECK (kind = 'customer' OR held_fen = 0)
);
CREATE INDEX deposit_account_by_owner ON deposit_account (owner);

INSERT INTO deposit_account (id, kind) VALUES ('digital-yuan', 'own'), ('funding', 'own');

-- A key that was released before anything was held under it has neither account nor amount: it bars
-- the hold that comes too late.
CREATE TABLE deposit_hold (
    key        text   PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 128),
    account_id text   REFERENCES deposit_account,
    amount_fen bigint CHECK (amount_fen > 0),
    state      text   NOT NULL CHECK (state IN ('held', 'captured', 'released')),
    CHECK (num_nulls(account_id, amount_fen) = 0
        OR state = 'released' AND num_nulls(account_id, amount_fen) = 2)
);

CREATE TABLE deposit_posting (
    key        text   PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 128),
    debit      text   NOT NULL REFERENCES deposit_account,
    credit     text   NOT NULL REFERENCES deposit_account CHECK (credit <> debit),
    amount_fen bigint NOT NULL CHECK (amount_fen > 0)
);

CREATE FUNCTION deposit_hold_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'held' OR NEW.state = 'held'
        OR (OLD.key, OLD.account_id, OLD.amount_fen)
            IS DISTINCT FROM (NEW.key, NEW.account_id, NEW.amount_fen)
    THEN
        RAISE EXCEPTION 'a hold ends once, with the amount it began with';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deposit_hold_ends_once BEFORE UPDATE ON deposit_hold
    FOR EACH ROW EXECUTE FUNCTION deposit_hold_ends_once();

CREATE FUNCTION stays_as_it_is() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER deposit_posting_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_posting
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();
CREATE TRIGGER deposit_hold_stays BEFORE DELETE OR TRUNCATE ON deposit_hold
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();
