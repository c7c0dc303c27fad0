-- Daily statements. See registry/migrations/0003_daily_statement.sql.

-- name: lock
-- One maker at a time, before its snapshot is taken: the next one finds the work done.
SELECT pg_advisory_lock($1);

-- name: unlock
-- Let the next one in.
SELECT pg_advisory_unlock($1);

-- name: tip
-- The last block.
SELECT height, time_ms FROM block ORDER BY height DESC LIMIT 1;

-- name: blocks
-- Blocks after a height, with what a statement says of them.
SELECT height, time_ms, identity, order_count, body
FROM block WHERE height > $1 ORDER BY height LIMIT $2;

-- name: operators
-- All operators with a vault.
SELECT operator FROM account WHERE kind = 3 ORDER BY operator;

-- name: balances
-- What accounts hold now.
SELECT number, balance_fen FROM account WHERE number = ANY ($1::bigint[]);

-- name: last_day
-- The last day that was stated.
SELECT max(day) FROM daily_statement;

-- name: held_after
-- What every operator held after a day, and the block that was the last one then.
SELECT operator, daily_statement.height, identity, daily_statement.vault_fen, reserve_fen
FROM daily_statement JOIN block ON block.height = daily_statement.height WHERE day = $1;

-- name: all_statements
-- Everything that was stated.
SELECT encoded FROM daily_statement ORDER BY day, operator;

-- name: of_operator
-- One operator's statements from one day to another.
SELECT encoded FROM daily_statement
WHERE operator = $1 AND day BETWEEN $2 AND $3 ORDER BY day LIMIT $4;

-- name: add
-- A statement, once for an operator and a day.
INSERT INTO daily_statement (operator, day, height, vault_fen, reserve_fen, difference_fen, encoded)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: with_difference
-- How many statements do not add up.
SELECT count(*) FROM daily_statement WHERE difference_fen > 0;
