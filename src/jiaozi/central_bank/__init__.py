"""The central bank: registry, issuance, certification, rulebook and supervision.

Knows accounts, keys, orders and balances of everyone, and no one's name, phone or document: who
the holder of a wallet is, only its operator knows.
"""
