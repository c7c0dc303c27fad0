-- A company's signatories. See migrations/0009_identity.sql.

-- name: lock_company
-- Two signatories that remove each other come in turn, so that one remains.
SELECT id FROM holder WHERE id = $1 FOR NO KEY UPDATE;

-- name: count_signatories
-- How many signatories a company has; a wallet that came to nothing makes none.
SELECT count(*) FROM signatory JOIN wallet ON wallet.number = signatory.number
WHERE signatory.holder_id = $1 AND signatory.removed_ms IS NULL
    AND wallet.state IN ('opening', 'open');

-- name: add_signatory
-- Whose a wallet of a company's group is.
INSERT INTO signatory (number, holder_id, evidence_id, added_ms) VALUES ($1, $2, $3, $4);

-- name: signatories
-- A company's signatories with what they showed, sealed; oldest first.
SELECT signatory.number,
    CASE WHEN wallet.ended_ms IS NULL THEN wallet.state ELSE 'closed' END AS state,
    signatory.added_ms,
    signatory.removed_ms, evidence.id, evidence.data_key, evidence.sealed
FROM signatory
JOIN wallet ON wallet.number = signatory.number
LEFT JOIN evidence ON evidence.id = signatory.evidence_id
WHERE signatory.holder_id = $1 AND wallet.state IN ('opening', 'open')
ORDER BY signatory.added_ms, signatory.number;

-- name: remove_signatory
-- A company let a signatory go.
UPDATE signatory SET removed_by = $2, removed_ms = $3 WHERE number = $1 AND removed_ms IS NULL;

-- name: freezes_of_removed
-- A signatory's wallet and its sub-wallets, each with the last order that freezes it for the removal.
SELECT DISTINCT ON (wallet.number) wallet.number, certify_order.order_id, certify_order.state
FROM wallet LEFT JOIN certify_order
    ON certify_order.wallet = wallet.number AND certify_order.for_removal
WHERE (wallet.number = $1 OR wallet.parent = $1) AND wallet.state IN ('opening', 'open')
    AND wallet.ended_ms IS NULL
ORDER BY wallet.number, certify_order.created_ms DESC, certify_order.order_id DESC;

-- name: note_removal
-- What an order freezes a wallet for.
UPDATE certify_order SET for_removal = true WHERE order_id = $1;
