"""Statements: what moved in and out of a wallet in a period, between two balances that agree.

Owns how a statement is computed, checked against the registry, signed and written (CSV, ISO 20022
camt.053, PDF). The entries are the history's; nothing is stored here.
"""
