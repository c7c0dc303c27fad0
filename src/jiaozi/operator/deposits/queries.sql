-- The built-in core banking. See migrations/0003_deposits.sql.

-- name: accounts_of
-- The deposits of an owner.
SELECT id, balance_fen, held_fen FROM deposit_account WHERE owner = $1 ORDER BY id;

-- name: open_account
-- A deposit account for an owner.
INSERT INTO deposit_account (id, kind, owner, balance_fen) VALUES ($1, 'customer', $2, 0);

-- name: find_hold
-- What is held under a key.
SELECT account_id, amount_fen, state FROM deposit_hold WHERE key = $1;

-- name: hold
-- Set money aside, if it is there.
WITH reserved AS (
    UPDATE deposit_account SET held_fen = held_fen + $3
    WHERE id = $2 AND kind = 'customer' AND balance_fen - held_fen >= $3
    RETURNING id)
INSERT INTO deposit_hold (key, account_id, amount_fen, state)
SELECT $1, id, $3, 'held' FROM reserved
RETURNING key;

-- name: capture
-- End a hold and move its money to the operator's own stock of digital yuan.
WITH ended AS (
    UPDATE deposit_hold SET state = 'captured' WHERE key = $1 AND state = 'held'
    RETURNING account_id, amount_fen),
drawn AS (
    UPDATE deposit_account
    SET balance_fen = balance_fen - amount_fen, held_fen = held_fen - amount_fen
    FROM ended WHERE id = account_id)
INSERT INTO deposit_posting (key, debit, credit, amount_fen)
SELECT $1, account_id, 'digital-yuan', amount_fen FROM ended
RETURNING key;

-- name: release
-- End a hold without a posting.
WITH ended AS (
    UPDATE deposit_hold SET state = 'released' WHERE key = $1 AND state = 'held'
    RETURNING account_id, amount_fen)
UPDATE deposit_account SET held_fen = held_fen - amount_fen
FROM ended WHERE id = account_id
RETURNING id;

-- name: bar
-- Release a key under which nothing was ever held, so that nothing ever will be.
INSERT INTO deposit_hold (key, state) VALUES ($1, 'released')
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: credit
-- Pay into a deposit from one of the operator's own accounts, once for a key.
WITH posted AS (
    INSERT INTO deposit_posting (key, debit, credit, amount_fen)
    SELECT $1, $4, id, $3 FROM deposit_account WHERE id = $2 AND kind = 'customer'
    ON CONFLICT (key) DO NOTHING
    RETURNING credit, amount_fen)
UPDATE deposit_account SET balance_fen = balance_fen + amount_fen
FROM posted WHERE id = posted.credit
RETURNING id;

-- name: find_posting
-- What was posted under a key.
SELECT credit, amount_fen FROM deposit_posting WHERE key = $1;
