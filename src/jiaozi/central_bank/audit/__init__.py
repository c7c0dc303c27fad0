"""The audit: rebuilds both ledgers from the blocks alone, and says where anything differs.

It shares nothing with the registry but `jiaozi.protocol`: another program that reads the same
blocks by the same rules. How one block flows, file by file::

    sources.py       blocks from the central bank's database, or over HTTP with the auditor's key
    checkers.py      all cores: whatever the bytes of one block decide ...
    check.py         ... header and its signature, body, Merkle root, every order and its signatures
    follow.py        the chain: one block after the other, ids used once, figures, state hashes
    signers.py       who had to sign, by the table of rules.md §A, with the keys of that moment
    rebuild.py       what a settled order did to accounts and control
    limits.py        what payers may spend and payees may hold, by the rulebook in force
    accounts.py      accounts of both ledgers, and what each wallet and group has spent
    state.py         all accounts, certified keys, quotas, rulebooks
    saved_state.py   the last state whose hash a header names: where the next audit goes on
    compare.py       at the end, the registry's own tables against the rebuilt state

Every settled order is checked against all of this. A refused one must be well formed, signed by
those who had to sign it, alive, and of an id that was not used before; it must have no effect, and
its outcome must be one of the catalogue. Whether it had to be refused is not checked, nor in which
order of time orders came in, nor slow-downs: that does not stand in the blocks. Rulebooks come as
files, whose hashes do. Operators check their own feeds (`jiaozi.protocol.feed`).
"""
