-- Offline devices, their payments on the way into the registry, and what logs bring to light.

-- A device of ours; wallet is null when it is anonymous. Suspended: no checkpoint until a person has
-- looked.
CREATE TABLE offline_device (
    key        bytea    PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 65),
    wallet     bigint,
    profile    smallint NOT NULL CHECK (profile BETWEEN 1 AND 4),
    suspended  text     CHECK (suspended IN ('log_fault', 'rolled_back')),
    created_ms bigint   NOT NULL
);
CREATE INDEX offline_device_by_wallet ON offline_device (wallet) WHERE wallet IS NOT NULL;

-- What this operator says of a device: that it is enrolled, with the certificates that this gives
-- it, or revoked; and what it moves to and from its guarantee. Stored before it is sent.
CREATE TABLE offline_order (
    order_id             bytea    PRIMARY KEY CHECK (length(order_id) = 16),
    order_type           smallint NOT NULL CHECK (order_type IN (40, 44, 46, 47)),
    device               bytea    REFERENCES offline_device
                                  CHECK ((device IS NULL) = (order_type IN (46, 47))),
    scope                bigint   NOT NULL,
    operator_certificate bytea,
    certificate          bytea,
    submission           bytea    NOT NULL,
    identity             bytea    NOT NULL CHECK (length(identity) = 32),
    expires_ms           bigint   NOT NULL,
    state                text     NOT NULL CHECK (state IN ('sent', 'settled', 'refused', 'dead')),
    outcome              bigint[] CHECK ((outcome IS NULL) = (state IN ('sent', 'dead'))),
    created_ms           bigint   NOT NULL,
    next_try_ms          bigint   NOT NULL,
    CHECK (num_nulls(operator_certificate, certificate) = CASE order_type WHEN 40 THEN 0 ELSE 2 END)
);
CREATE INDEX offline_order_by_device ON offline_order (device, created_ms);
CREATE INDEX offline_order_due ON offline_order (next_try_ms) WHERE state = 'sent';

-- Money that the registry moved onto a device, as the feed told; message is signed once and for all.
CREATE TABLE offline_load (
    device     bytea   NOT NULL,
    number     bigint  NOT NULL CHECK (number > 0),
    wallet     bigint  NOT NULL,
    amount_fen bigint  NOT NULL CHECK (amount_fen > 0),
    identity   bytea   NOT NULL CHECK (length(identity) = 32),
    height     bigint  NOT NULL,
    message    bytea,
    PRIMARY KEY (device, number)
);

-- One offline payment, by its identity. sent: its order is stored and may be at the registry;
-- waiting: refused with outcome, to be tried with a new order; settled: the registry has it, height
-- null where it said so of an earlier order. Payments of our devices that others handed in are told
-- by the feed.
CREATE TABLE offline_payment (
    identity    bytea    PRIMARY KEY CHECK (length(identity) = 32),
    device      bytea    NOT NULL,
    counter     bigint   NOT NULL,
    position    bigint   NOT NULL,
    payee       bytea,
    wallet      bigint,
    amount_fen  bigint   NOT NULL CHECK (amount_fen > 0),
    payment     bytea    NOT NULL,
    state       text     NOT NULL CHECK (state IN ('sent', 'waiting', 'settled')),
    submission  bytea    CHECK (submission IS NULL OR state = 'sent'),
    expires_ms  bigint   NOT NULL,
    outcome     bigint[] CHECK ((outcome IS NULL) = (state <> 'waiting')),
    height      bigint   CHECK (height IS NULL OR state = 'settled'),
    tries       integer  NOT NULL DEFAULT 0,
    created_ms  bigint   NOT NULL,
    next_try_ms bigint   NOT NULL,
    CHECK ((payee IS NULL) <> (wallet IS NULL)),
    CHECK ((submission IS NULL) = (state <> 'sent'))
);
CREATE INDEX offline_payment_by_counter ON offline_payment (device, counter);
CREATE INDEX offline_payment_by_position ON offline_payment (device, position);
CREATE INDEX offline_payment_due ON offline_payment (next_try_ms) WHERE state <> 'settled';

-- What was signed for a device at a place of its log: the same place gets the same bytes again.
CREATE TABLE offline_checkpoint (
    device       bytea  NOT NULL REFERENCES offline_device,
    number       bigint NOT NULL CHECK (number > 0),
    position     bigint NOT NULL,
    head         bytea  NOT NULL CHECK (length(head) = 32),
    message      bytea  NOT NULL,
    time_message bytea  NOT NULL,
    created_ms   bigint NOT NULL,
    PRIMARY KEY (device, number),
    UNIQUE (device, position, head)
);

-- Logs that convict the device that signed them: one for each device is enough.
CREATE TABLE offline_case (
    device     bytea    PRIMARY KEY,
    operator   smallint NOT NULL,
    proof      bytea    NOT NULL,
    created_ms bigint   NOT NULL
);
