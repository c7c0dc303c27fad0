-- A payment to a wallet that can never get it: the registry has it, and paid nothing.
ALTER TABLE offline_payment ADD COLUMN returned boolean NOT NULL DEFAULT false
    CHECK (NOT returned OR (state = 'settled' AND wallet IS NOT NULL));

-- Payments that were nobody's to settle here, by the day and by what they were refused with.
CREATE TABLE offline_given_up (
    day_ms   bigint   NOT NULL CHECK (day_ms % 86400000 = 0),
    code     smallint NOT NULL,
    payments bigint   NOT NULL CHECK (payments > 0),
    PRIMARY KEY (day_ms, code)
);
