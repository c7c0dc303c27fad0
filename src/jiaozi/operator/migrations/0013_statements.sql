-- What a holder looks for in a history: whom, by what reference, what was sent back of a payment.

CREATE INDEX history_entry_by_counterparty
    ON history_entry (wallet, counterparty, height, position, leg);
CREATE INDEX history_entry_by_reference
    ON history_entry (wallet, reference) WHERE reference IS NOT NULL;
CREATE INDEX history_entry_by_link
    ON history_entry (wallet, link) WHERE link IS NOT NULL;
