-- Keys and accesses of personal data: which keys wrap it, who opened it and why, when a wallet ended.

-- Key-encryption keys by the number of their file (keys.py); the highest one wraps what is new.
-- check_value tells whether a file holds the key that was meant; unknown for what was there before.
CREATE TABLE wrapping_key (
    number      smallint PRIMARY KEY CHECK (number > 0),
    check_value bytea    CHECK (length(check_value) = 32),
    added_ms    bigint   NOT NULL
);
INSERT INTO wrapping_key (number, added_ms)
    VALUES (1, (extract(epoch FROM now()) * 1000)::bigint);

-- A wrapped data key begins with the number of the key that wraps it. The reference keeps that key
-- as long as a record names it, and lets no record name one that is gone.
ALTER TABLE registration ALTER COLUMN data_key DROP NOT NULL,
    ALTER COLUMN phone_digest DROP NOT NULL;
UPDATE registration SET data_key = '\x0001'::bytea || data_key;
UPDATE evidence SET data_key = '\x0001'::bytea || data_key;
ALTER TABLE registration ADD COLUMN wrapping_key smallint
    GENERATED ALWAYS AS (get_byte(data_key, 0) * 256 + get_byte(data_key, 1)) STORED
    REFERENCES wrapping_key;
ALTER TABLE evidence ADD COLUMN wrapping_key smallint
    GENERATED ALWAYS AS (get_byte(data_key, 0) * 256 + get_byte(data_key, 1)) STORED
    REFERENCES wrapping_key;

-- The wallet that evidence was shown for: what one wallet showed is not shown to another one of the
-- same holder, and its term counts from the end of that wallet. It is stored first, in one transaction.
ALTER TABLE evidence ADD COLUMN wallet bigint REFERENCES wallet DEFERRABLE INITIALLY DEFERRED;
UPDATE evidence SET wallet = wallet.number FROM wallet
    WHERE wallet.holder_id = evidence.holder_id AND wallet.created_ms = evidence.recorded_ms;
CREATE INDEX evidence_by_wallet ON evidence (wallet);

-- When there was an end of a wallet: refused, dead or closed. Terms count from it.
ALTER TABLE wallet ADD COLUMN ended_ms bigint;
UPDATE wallet SET ended_ms = expires_ms WHERE state IN ('refused', 'dead');
CREATE INDEX wallet_by_end ON wallet (ended_ms) WHERE ended_ms IS NOT NULL;

-- The digest of a phone leads back to the phone for whoever has the lookup key: it ends with the term.
ALTER TABLE wallet ALTER COLUMN phone_digest DROP NOT NULL,
    ADD CONSTRAINT wallet_forgets_at_its_end
    CHECK (phone_digest IS NOT NULL OR ended_ms IS NOT NULL);
CREATE OR REPLACE FUNCTION wallet_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND OLD.state <> 'opening' THEN
        RAISE EXCEPTION 'a wallet that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF (OLD.number, OLD.holder_id, OLD.phone_digest, OLD.public_key, OLD.order_id, OLD.submission)
        IS DISTINCT FROM
        (NEW.number, NEW.holder_id, coalesce(NEW.phone_digest, OLD.phone_digest), NEW.public_key,
            NEW.order_id, NEW.submission)
    THEN
        RAISE EXCEPTION 'what a stored order says does not change';
    END IF;
    RETURN NEW;
END $$;

-- Who opened a record and why (privacy/access.py). No personal data of the holder is in it.
CREATE TABLE access_log (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_ms        bigint NOT NULL,
    record         text   NOT NULL CHECK (length(record) BETWEEN 1 AND 128),
    wallet         bigint,
    actor          text   NOT NULL CHECK (actor ~ '^(holder|service|clerk/[A-Za-z0-9-]{1,32})$'),
    purpose        text   NOT NULL CHECK (purpose ~ '^[a-z_]{1,32}$'),
    case_reference text   CHECK (length(case_reference) BETWEEN 1 AND 64)
);
CREATE INDEX access_log_by_wallet ON access_log (wallet, id);
CREATE INDEX access_log_by_record ON access_log (record);
CREATE INDEX access_log_by_time ON access_log USING brin (time_ms);

-- Append-only; what is older than ten years goes with its term (privacy/retention.py).
CREATE FUNCTION access_stays_for_ten_years() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.time_ms > extract(epoch FROM now() - interval '10 years') * 1000 THEN
        RAISE EXCEPTION 'an access is kept for ten years';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER access_log_stays BEFORE UPDATE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION stays_as_it_is();
CREATE TRIGGER access_log_stays_for_ten_years BEFORE DELETE ON access_log
    FOR EACH ROW EXECUTE FUNCTION access_stays_for_ten_years();
