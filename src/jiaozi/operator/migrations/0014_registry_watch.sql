-- What the registry signed: headers, proofs that it signed two histories, daily statements. And the
-- movements of this operator's vault, by which its books are reconciled.

-- Every header that was seen, one for a height; the chain has no gap up to the cursor. A judged
-- contradiction empties the table, and the chain is fetched anew.
CREATE TABLE header (
    height   bigint PRIMARY KEY CHECK (height >= 0),
    identity bytea  NOT NULL CHECK (length(identity) = 32),
    encoded  bytea  NOT NULL
);
CREATE TABLE header_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    height   bigint  NOT NULL
);
INSERT INTO header_cursor (height) VALUES (-1);
CREATE TRIGGER header_stays BEFORE UPDATE OR DELETE ON header
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();

-- Two signed headers that no one chain can hold. judged_ms: when a person decided to go on.
CREATE TABLE equivocation (
    id        bytea  PRIMARY KEY CHECK (length(id) = 32),
    height    bigint NOT NULL,
    found_ms  bigint NOT NULL,
    encoded   bytea  NOT NULL,
    judged_ms bigint
);
CREATE FUNCTION equivocation_is_judged_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.judged_ms IS NOT NULL
        OR (OLD.id, OLD.height, OLD.found_ms, OLD.encoded)
            IS DISTINCT FROM (NEW.id, NEW.height, NEW.found_ms, NEW.encoded)
    THEN
        RAISE EXCEPTION 'a proof stays as it is, and is judged once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER equivocation_is_judged_once BEFORE UPDATE ON equivocation
    FOR EACH ROW EXECUTE FUNCTION equivocation_is_judged_once();
CREATE TRIGGER equivocation_stays BEFORE DELETE OR TRUNCATE ON equivocation
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();

-- What the registry states of this operator's days (rules.md §D.3); days count from 1970 in UTC+8.
CREATE TABLE daily_statement (
    day                 integer PRIMARY KEY,
    opening_fen         bigint  NOT NULL,
    issued_fen          bigint  NOT NULL,
    destroyed_fen       bigint  NOT NULL,
    exchanged_fen       bigint  NOT NULL,
    redeemed_fen        bigint  NOT NULL,
    vault_fen           bigint  NOT NULL,
    opening_reserve_fen bigint  NOT NULL,
    reserve_fen         bigint  NOT NULL,
    difference_fen      bigint  NOT NULL,
    height              bigint  NOT NULL,
    encoded             bytea   NOT NULL
);
CREATE TRIGGER daily_statement_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON daily_statement
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();

-- One settled leg that debits or credits the vault, as the feed told it.
CREATE TABLE vault_movement (
    height       bigint   NOT NULL,
    position     integer  NOT NULL,
    leg          smallint NOT NULL,
    incoming     boolean  NOT NULL,
    counterparty bigint   NOT NULL,
    amount_fen   bigint   NOT NULL CHECK (amount_fen > 0),
    order_type   smallint NOT NULL,
    order_id     bytea    NOT NULL,
    time_ms      bigint   NOT NULL,
    PRIMARY KEY (height, position, leg)
);
CREATE INDEX vault_movement_by_order ON vault_movement (order_id);
CREATE INDEX vault_movement_by_time ON vault_movement (time_ms);

-- The movements come from the feed: it is read once more from its beginning.
TRUNCATE history_entry;
UPDATE feed_cursor
    SET height = 0, time_ms = 0, sequence = 0, running_hash = decode(repeat('00', 32), 'hex');
