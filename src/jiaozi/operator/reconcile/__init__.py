"""Reconcile: every fen of this operator's books against the registry's.

Three tell of the same money: the core, which takes and pays deposits; the sagas of exchange and
redemption; and the feed, by which the vault moved. The registry's daily statement is a fourth. Owns
the vault's movements, the statements as they were received, and what does not fit.
"""
