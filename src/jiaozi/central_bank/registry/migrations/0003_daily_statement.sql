-- What was stated of each operator's days (rules.md §D.3). Days count from 1970 in UTC+8.

CREATE TABLE daily_statement (
    operator       smallint NOT NULL,
    day            integer  NOT NULL,
    -- Where the next day goes on from: the last block of this one, and what was held after it.
    height         bigint   NOT NULL,
    vault_fen      bigint   NOT NULL,
    reserve_fen    bigint   NOT NULL,
    difference_fen bigint   NOT NULL CHECK (difference_fen >= 0),
    encoded        bytea    NOT NULL,
    PRIMARY KEY (operator, day)
);
CREATE INDEX daily_statement_by_day ON daily_statement (day);
CREATE INDEX daily_statement_to_look_into ON daily_statement (day) WHERE difference_fen > 0;

CREATE TRIGGER daily_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON daily_statement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who has a vault: a few rows among millions of wallets.
CREATE INDEX account_vault ON account (operator) WHERE kind = 3;
