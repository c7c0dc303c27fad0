"""Wallets: opened under a holder's own key, carried by this operator.

Owns the wallet's record at the operator and the order that opens it at the registry. The balance
of record is the registry's; the operator holds no key of a wallet.
"""
