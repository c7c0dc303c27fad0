-- Sessions of browsers and the logins that opened them (sessions/). Times are Unix milliseconds.

-- A login is taken once; it is remembered until its challenge would be too old anyway.
CREATE TABLE login_used (
    digest    bytea  PRIMARY KEY CHECK (length(digest) = 32),
    forget_ms bigint NOT NULL
);
CREATE INDEX login_used_to_forget ON login_used (forget_ms);

-- The cookie is nowhere here: digest is its SHA-256. A session holds for the key that opened it. A
-- crash of the database ends all sessions, which is no loss.
CREATE UNLOGGED TABLE session (
    digest     bytea  PRIMARY KEY CHECK (length(digest) = 32),
    wallet     bigint NOT NULL,
    public_key bytea  NOT NULL,
    expires_ms bigint NOT NULL
);
CREATE INDEX session_by_wallet ON session (wallet);
CREATE INDEX session_to_forget ON session (expires_ms);
