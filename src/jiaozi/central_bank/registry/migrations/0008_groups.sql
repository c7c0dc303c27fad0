-- The wallets of a group beside its head: their devices count towards its cap. Nothing that a block
-- changes of an account is in it.
CREATE INDEX account_in_group ON account (head) WHERE number <> head AND kind = 5;

-- A guarantee always covers what its operator's devices lack: nothing is left to be covered later.
DROP INDEX device_uncovered;
