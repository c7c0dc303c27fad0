-- Whether an order freezes a wallet of a signatory who was removed: what became of the last one is what
-- the company is told, and a dead one is sent anew.
ALTER TABLE certify_order ADD COLUMN for_removal boolean NOT NULL DEFAULT false;
CREATE INDEX certify_order_for_removal ON certify_order (wallet) WHERE for_removal;
