-- New keys for lost ones, and freezes by this operator; their orders are in certify_order.

-- A code that was shown begins one rebind. The registration itself is forgotten in time.
CREATE TABLE rebind (
    id              uuid    PRIMARY KEY,
    registration_id uuid    NOT NULL UNIQUE,
    wallet          bigint  NOT NULL REFERENCES wallet,
    suite           integer NOT NULL,
    public_key      bytea   NOT NULL CHECK (length(public_key) BETWEEN 1 AND 65),
    state           text    NOT NULL DEFAULT 'requested' CHECK (
        state IN ('requested', 'waiting', 'objected', 'completed', 'ended')),
    request_id      bytea   NOT NULL REFERENCES certify_order,
    completion_id   bytea   REFERENCES certify_order,
    completes_ms    bigint,
    created_ms      bigint  NOT NULL DEFAULT (extract(epoch FROM now()) * 1000)::bigint,
    next_try_ms     bigint  NOT NULL
);
CREATE INDEX rebind_by_wallet ON rebind (wallet);
CREATE INDEX rebind_to_resume ON rebind (next_try_ms) WHERE state NOT IN ('completed', 'ended');
CREATE INDEX wallet_event_by_order ON wallet_event (wallet, identity);

-- Freezes by this operator: the file of whoever asked, and the clerk. The registry knows neither.
CREATE TABLE freeze_case (
    case_id     bytea  PRIMARY KEY CHECK (length(case_id) = 16),
    wallet      bigint NOT NULL REFERENCES wallet,
    order_id    bytea  NOT NULL REFERENCES certify_order,
    lift_id     bytea  REFERENCES certify_order,
    clerk       text   NOT NULL CHECK (clerk ~ '^[A-Za-z0-9-]{1,32}$'),
    file_number text   NOT NULL CHECK (length(file_number) BETWEEN 1 AND 64)
);
CREATE INDEX freeze_case_by_wallet ON freeze_case (wallet);
