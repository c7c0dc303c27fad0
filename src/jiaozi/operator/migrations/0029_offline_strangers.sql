-- Certificates of devices that the registry did not know when a payment of them or to them came. It
-- was asked to take them up; outcome is what it decided, null while it has not. Most turn out to be
-- enrolled, and the other device of the payment is the one that nobody knows.
CREATE TABLE offline_stranger (
    key         bytea    PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 65),
    operator    smallint NOT NULL,
    certificate bytea    NOT NULL,
    outcome     bigint[],
    created_ms  bigint   NOT NULL
);
CREATE INDEX offline_stranger_taken_up ON offline_stranger (created_ms, key)
    WHERE outcome[1] IN (0, 160);
