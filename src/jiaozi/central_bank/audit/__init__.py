"""The audit: rebuilds both ledgers from the blocks alone, and says where anything differs.

It shares nothing with the registry but `jiaozi.protocol`: another program that reads the same
blocks by the same rules. How one block flows, file by file::

    sources.py       blocks from the central bank's database, or over HTTP with the auditor's key
    checkers.py      all cores: whatever the bytes of one block decide ...
    check.py         ... header and its signature, body, Merkle root, every order and its signatures
    follow.py        the chain: one block after the other, ids used once, figures, state hashes
    signers.py       who had to sign, by the table of rules.md §A, with the keys of that moment
    rebuild.py       what a settled order did to accounts and control
    state.py         accounts of both ledgers, certified keys, quotas, rulebooks
    saved_state.py   the last state whose hash a header names: where the next audit goes on
    compare.py       at the end, the registry's own tables against the rebuilt state

What it does not recompute: limits and caps, and whether a refusal was called for; a refused order
must have no effect, and that is checked. `rebuild.py` has the state and block time at hand that a
limit needs; only the rulebooks' contents, which no block holds, would have to come in. Operators
check their own feeds (`jiaozi.protocol.feed`).
"""
