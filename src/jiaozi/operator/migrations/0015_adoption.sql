-- Wallets of failed operators that their holders brought here: another operator opened them, so there
-- is no opening order of ours.
ALTER TABLE wallet
    ADD COLUMN adopted_ms bigint,
    ALTER COLUMN order_id DROP NOT NULL,
    ALTER COLUMN submission DROP NOT NULL,
    ALTER COLUMN identity DROP NOT NULL,
    ALTER COLUMN expires_ms DROP NOT NULL,
    ADD CHECK (adopted_ms IS NULL OR state = 'open'),
    ADD CHECK (num_nulls(order_id, submission, identity, expires_ms)
        = CASE WHEN adopted_ms IS NULL THEN 0 ELSE 4 END);
