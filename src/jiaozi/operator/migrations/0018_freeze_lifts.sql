-- Who lifted a freeze and for which file: this operator's own, or the holder's. The registry knows neither.
CREATE TABLE freeze_lift (
    order_id    bytea  PRIMARY KEY REFERENCES certify_order,
    wallet      bigint NOT NULL REFERENCES wallet,
    case_id     bytea  NOT NULL CHECK (length(case_id) = 16),
    clerk       text   NOT NULL CHECK (clerk ~ '^[A-Za-z0-9-]{1,32}$'),
    file_number text   NOT NULL CHECK (length(file_number) BETWEEN 1 AND 64)
);
CREATE INDEX freeze_lift_by_wallet ON freeze_lift (wallet);
INSERT INTO freeze_lift (order_id, wallet, case_id, clerk, file_number)
    SELECT lift_id, wallet, case_id, 'unknown', 'lifted before clerks were recorded'
    FROM freeze_case WHERE lift_id IS NOT NULL;
ALTER TABLE freeze_case DROP COLUMN lift_id;
