"""The registry: the central bank's ledger of who holds what.

How one order flows, file by file::

    http/orders.py   the signed request of an operator
    intake.py        bytes -> orders; shape checked; signatures checked by verifiers.py
    writer.py        one batch at a time: load, post, commit as one block, answer
    post.py          one order against the accounts: the signers, then the rules of model.py
    control.py       keys, operators, rulebooks: what officers decide
    store.py         the statements of queries.sql
    views.py         what operators, holders and auditors may read
    state_hash.py    every so many blocks, beside the writer: the hash of the whole state
"""
