-- Identity: classes that change, sub-wallets, a company's signatories, quotas of codes, screening.

-- Which addresses asked for codes of late, by keyed digest: gone with the hour of their quota.
CREATE TABLE code_source (
    digest       bytea  NOT NULL CHECK (length(digest) = 32),
    requested_ms bigint NOT NULL
);
CREATE INDEX code_source_by_digest ON code_source (digest, requested_ms);
CREATE INDEX code_source_to_forget ON code_source (requested_ms);

-- opened_by: the wallet whose key asked for this one; null for one that a code opened.
-- parent: of a sub-wallet; the registry has it too.
ALTER TABLE wallet
    ADD COLUMN opened_by bigint REFERENCES wallet,
    ADD COLUMN parent bigint REFERENCES wallet,
    ADD CHECK (parent IS NULL OR parent = opened_by);
-- The same request again finds the same wallet, unless that one came to nothing.
CREATE UNIQUE INDEX wallet_opened_by ON wallet (opened_by, public_key)
    WHERE state IN ('opening', 'open');

-- What a sub-wallet is called at one platform: the platform learns the token, not the number.
CREATE TABLE platform_token (
    token      bytea  PRIMARY KEY CHECK (length(token) = 16),
    sub_wallet bigint NOT NULL REFERENCES wallet,
    platform   bigint NOT NULL,
    created_ms bigint NOT NULL,
    UNIQUE (sub_wallet, platform)
);

ALTER TABLE evidence
    DROP CONSTRAINT evidence_kind_check,
    ADD CONSTRAINT evidence_kind_check
        CHECK (kind IN ('phone', 'document', 'attestation', 'signatory'));

-- Who may sign for a company, each with a wallet of the company's group.
CREATE TABLE signatory (
    number      bigint PRIMARY KEY REFERENCES wallet,
    holder_id   uuid   NOT NULL REFERENCES holder,
    evidence_id uuid   REFERENCES evidence,
    added_ms    bigint NOT NULL,
    removed_by  bigint REFERENCES wallet,
    removed_ms  bigint,
    CHECK (num_nulls(removed_by, removed_ms) IN (0, 2))
);
CREATE INDEX signatory_by_holder ON signatory (holder_id);
INSERT INTO signatory (number, holder_id, added_ms)
    SELECT number, holder_id, created_ms FROM wallet WHERE holder_kind = 2;

-- What the certify key says of an open wallet: stored before it is sent, like an opening.
-- wallet_class: of an order that sets one; null for one that freezes.
CREATE TABLE certify_order (
    order_id     bytea    PRIMARY KEY CHECK (length(order_id) = 16),
    wallet       bigint   NOT NULL REFERENCES wallet,
    wallet_class smallint CHECK (wallet_class BETWEEN 1 AND 4),
    submission   bytea    NOT NULL,
    identity     bytea    NOT NULL CHECK (length(identity) = 32),
    expires_ms   bigint   NOT NULL,
    state        text     NOT NULL CHECK (state IN ('sent', 'settled', 'refused', 'dead')),
    outcome      bigint[] CHECK ((outcome IS NOT NULL) = (state IN ('settled', 'refused'))),
    created_ms   bigint   NOT NULL,
    next_try_ms  bigint   NOT NULL
);
-- Two classes at once could settle in either order.
CREATE UNIQUE INDEX certify_order_class_under_way ON certify_order (wallet)
    WHERE state = 'sent' AND wallet_class IS NOT NULL;
CREATE INDEX certify_order_to_resume ON certify_order (next_try_ms) WHERE state = 'sent';

CREATE FUNCTION certify_order_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND OLD.state <> 'sent' THEN
        RAISE EXCEPTION 'an order that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF (OLD.order_id, OLD.wallet, OLD.wallet_class, OLD.submission)
        IS DISTINCT FROM (NEW.order_id, NEW.wallet, NEW.wallet_class, NEW.submission)
    THEN
        RAISE EXCEPTION 'what a stored order says does not change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER certify_order_ends_once BEFORE UPDATE ON certify_order
    FOR EACH ROW EXECUTE FUNCTION certify_order_ends_once();

-- Whom a screening list named, once for each subject and entry; sealed, for the compliance officer.
CREATE TABLE screening_case (
    id           uuid   PRIMARY KEY,
    match_digest bytea  NOT NULL UNIQUE CHECK (length(match_digest) = 32),
    place        text   NOT NULL CHECK (place IN ('opening', 'upgrade', 'signatory', 'exchange')),
    data_key     bytea,
    wrapping_key smallint GENERATED ALWAYS AS
        (get_byte(data_key, 0) * 256 + get_byte(data_key, 1)) STORED REFERENCES wrapping_key,
    sealed       bytea  NOT NULL,
    hits         integer NOT NULL DEFAULT 1,
    first_ms     bigint NOT NULL,
    last_ms      bigint NOT NULL,
    cleared_by   text   CHECK (length(cleared_by) BETWEEN 1 AND 64),
    cleared_ms   bigint,
    CHECK (num_nulls(cleared_by, cleared_ms) IN (0, 2))
);
CREATE INDEX screening_case_open ON screening_case (first_ms) WHERE cleared_ms IS NULL;
