-- What a device has not settled is counted before more is kept.
CREATE INDEX offline_payment_unsettled ON offline_payment (device) WHERE state <> 'settled';
