"""The second factor: a PIN, and the operator's signature under the order it was given for.

Owns the PINs of this operator's wallets and the record of what was countersigned. Whether an order
needs a second factor is the registry's to decide (rules.md §E.6); an operator's signature alone
spends nothing.
"""
