-- name: accounts
-- All that the rules ask of accounts, in the order of the fields of model.Account.
SELECT number, kind, operator, wallet_class, holder, suite, key, group_id, head, parent, closed,
       freezes, frozen_fen, balance_cap_fen, single_limit_fen, day_limit_fen, year_limit_fen,
       second_factor_above_fen, waterfall, balance_fen, spent_on, day_spent_fen, year_spent_fen,
       group_balance_fen, group_spent_on, group_day_spent_fen, group_year_spent_fen
FROM account WHERE number = ANY ($1::bigint[]);

-- name: group_heads
-- The wallets that carry the totals of these groups, with the same fields.
SELECT number, kind, operator, wallet_class, holder, suite, key, group_id, head, parent, closed,
       freezes, frozen_fen, balance_cap_fen, single_limit_fen, day_limit_fen, year_limit_fen,
       second_factor_above_fen, waterfall, balance_fen, spent_on, day_spent_fen, year_spent_fen,
       group_balance_fen, group_spent_on, group_day_spent_fen, group_year_spent_fen
FROM account WHERE number = head AND kind = 5 AND group_id = ANY ($1::bytea[]);

-- name: write_barrier
-- A commit that changes nothing: when it is confirmed, everything before it in the server's log is
-- wherever commits have to be, on the synchronous standby too.
SELECT pg_logical_emit_message(true, 'jiaozi', 'leads');

-- name: waits_for_standby
-- Whether a commit to this database waits for the synchronous standby.
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'
);

-- name: prepare_changes
-- Where a batch puts what it changes of accounts before one statement writes it: copying rows is
-- cheaper than passing arrays.
CREATE TEMPORARY TABLE IF NOT EXISTS change (
    number bigint, balance_fen bigint, spent_on integer, day_spent_fen bigint,
    year_spent_fen bigint, group_balance_fen bigint, group_spent_on integer,
    group_day_spent_fen bigint, group_year_spent_fen bigint
) ON COMMIT DELETE ROWS;

-- name: plan_by_key
-- Every statement of the writer goes by key: no plan that reads a whole table is ever right, and
-- the planner knows nothing of a temporary table's rows.
SELECT set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false);

-- name: write_changes
-- What accepted orders change of accounts; the caller compares the number of rows.
UPDATE account SET
    balance_fen = change.balance_fen, spent_on = change.spent_on,
    day_spent_fen = change.day_spent_fen, year_spent_fen = change.year_spent_fen,
    group_balance_fen = change.group_balance_fen, group_spent_on = change.group_spent_on,
    group_day_spent_fen = change.group_day_spent_fen,
    group_year_spent_fen = change.group_year_spent_fen
FROM change WHERE account.number = change.number;

-- name: write_terms
-- All of an account that orders change beside its balance and sums.
UPDATE account SET
    wallet_class = $2, suite = $3, key = $4, closed = $5, freezes = $6, frozen_fen = $7,
    balance_cap_fen = $8, single_limit_fen = $9, day_limit_fen = $10, year_limit_fen = $11,
    second_factor_above_fen = $12, waterfall = $13
WHERE number = $1;

-- name: safeguards
-- The safeguards of these wallets, of those that have any.
SELECT account, record FROM safeguard WHERE account = ANY ($1::bigint[]);

-- name: write_safeguards
-- The safeguards of a wallet after a block.
INSERT INTO safeguard (account, due_ms, record) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET due_ms = excluded.due_ms, record = excluded.record;

-- name: drop_safeguards
-- A wallet without any has no row.
DELETE FROM safeguard WHERE account = $1;

-- name: due_wallets
-- The wallets of which something is due at a block time, those due first, as many as a block takes.
SELECT account FROM safeguard WHERE due_ms <= $1 ORDER BY due_ms, account LIMIT $2;

-- name: next_due
-- When the next thing happens by itself.
SELECT min(due_ms) FROM safeguard WHERE due_ms IS NOT NULL;

-- name: carriers
-- Who carries the wallets of failed operators.
SELECT operator, carrier FROM carrier;

-- name: write_carrier
-- A carrier; whoever fails later hands on what it carried.
INSERT INTO carrier (operator, carrier) VALUES ($1, $2)
ON CONFLICT (operator) DO UPDATE SET carrier = excluded.carrier;

-- name: halts
-- All halts, those that have ended too.
SELECT scope, subject, until_ms, orders_per_s FROM halt;

-- name: write_halt
-- A halt, in the place of one of the same scope and subject.
INSERT INTO halt (scope, subject, until_ms, orders_per_s) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope, subject) DO UPDATE
    SET until_ms = excluded.until_ms, orders_per_s = excluded.orders_per_s;

-- name: carried
-- Wallets that an operator opened, from a number on: a number begins with its operator's code.
SELECT number FROM account
WHERE number > $1 AND number < $2 AND kind = 5 ORDER BY number LIMIT $3;

-- name: used_ids
-- Which of these ids were used up among those that expire on a day, and with what outcome.
SELECT id, account, identity, refusal, height, position
FROM used_id WHERE last_expiry_day = $1 AND id = ANY ($2::bytea[]);

-- name: used_id
-- The outcome of one order.
SELECT identity, refusal, height, position
FROM used_id WHERE last_expiry_day = $1 AND id = $2 AND account = $3;

-- name: days_remembered
-- The days whose ids are remembered, from the names of their partitions.
SELECT substring(child.relname FROM '[0-9]+$')::integer AS day
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'used_id'::regclass;

-- name: append_block
-- A block on top of the one before, and only there: a deposed writer adds nothing.
INSERT INTO block (height, time_ms, identity, header, order_count, body, issued_fen, destroyed_fen,
                   vault_fen, wallet_fen, escrow_fen, offline_fen, guarantee_fen, shadow_fen)
SELECT $1::bigint, $2::bigint, $3::bytea, $4::bytea, $5::integer, $6::bytea, $7::bigint,
       $8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bigint,
       $14::bigint
WHERE coalesce((SELECT max(height) FROM block), -1) = $1::bigint - 1;

-- name: last_block
-- Where the chain stands.
SELECT height, time_ms, identity, header, issued_fen, destroyed_fen, vault_fen, wallet_fen,
       escrow_fen, offline_fen, guarantee_fen, shadow_fen
FROM block ORDER BY height DESC LIMIT 1;

-- name: genesis
-- The document the network began with.
SELECT body FROM block WHERE height = 0;

-- name: headers
-- Signed headers from a height on.
SELECT header FROM block WHERE height >= $1 ORDER BY height LIMIT $2;

-- name: blocks
-- Whole blocks from a height on.
SELECT height, header, body FROM block WHERE height >= $1 ORDER BY height LIMIT $2;

-- name: block
-- One whole block.
SELECT height, header, order_count, body FROM block WHERE height = $1;

-- name: reserve_total
-- What operators hold in reserve: minus the balance of settlement, whose number is given.
SELECT -balance_fen AS reserve_fen FROM account WHERE number = $1;

-- name: feed_heads
-- Where each operator's feed stands: one step in the index for each, however long the feeds are.
WITH RECURSIVE head AS (
    (SELECT operator, last_sequence, running_hash
     FROM feed_block ORDER BY operator DESC, height DESC LIMIT 1)
    UNION ALL
    SELECT next.operator, next.last_sequence, next.running_hash
    FROM head CROSS JOIN LATERAL (
        SELECT operator, last_sequence, running_hash
        FROM feed_block WHERE feed_block.operator < head.operator
        ORDER BY operator DESC, height DESC LIMIT 1
    ) AS next
)
SELECT operator, last_sequence, running_hash FROM head;

-- name: feed_page
-- The blocks of an operator's feed after a height.
SELECT feed_block.height, first_sequence, entries, proof, header, order_count, body
FROM feed_block JOIN block ON block.height = feed_block.height
WHERE feed_block.operator = $1 AND feed_block.height > $2
ORDER BY feed_block.height LIMIT $3;

-- name: append_feed
-- What concerns an operator in a block.
INSERT INTO feed_block (operator, height, first_sequence, last_sequence, running_hash, entries,
                        proof)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: certified_keys
-- All keys with a use.
SELECT key, suite, key_use, operator, person, not_before_ms, not_after_ms, certificate,
       revoked_ms
FROM certified_key;

-- name: write_certified_key
-- A new key, or a known one whose revocation changed.
INSERT INTO certified_key (key, suite, key_use, operator, person, not_before_ms, not_after_ms,
                           certificate, revoked_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (key) DO UPDATE SET revoked_ms = excluded.revoked_ms;

-- name: operators
-- The operators and their quotas.
SELECT code, quota_fen FROM operator;

-- name: write_operator
-- A new operator or quota.
INSERT INTO operator (code, quota_fen) VALUES ($1, $2)
ON CONFLICT (code) DO UPDATE SET quota_fen = excluded.quota_fen;

-- name: rulebooks
-- Which rulebook applies from when.
SELECT starts_at_ms, rulebook_hash FROM rulebook_in_force ORDER BY starts_at_ms;

-- name: write_rulebook
-- A rulebook put in force; a later order for the same time takes its place.
INSERT INTO rulebook_in_force (starts_at_ms, rulebook_hash) VALUES ($1, $2)
ON CONFLICT (starts_at_ms) DO UPDATE SET rulebook_hash = excluded.rulebook_hash;

-- name: fundings
-- The payments that have funded reserves.
SELECT reference FROM reserve_funding;

-- name: write_funding
-- A payment that has funded a reserve: once.
INSERT INTO reserve_funding (reference) VALUES ($1);

-- name: state_accounts
-- Every account as far as blocks determine it, in the order of the fields of AccountRecord.
SELECT number, kind, operator, wallet_class, holder, suite, key, group_id, parent, closed, freezes,
       frozen_fen, balance_cap_fen, single_limit_fen, day_limit_fen, year_limit_fen, second_factor_above_fen,
       balance_fen
FROM account ORDER BY number;

-- name: state_safeguards
-- All safeguards, as they are hashed.
SELECT account, record FROM safeguard ORDER BY account;

-- name: tip_height
-- The height of the last block.
SELECT max(height) FROM block;
