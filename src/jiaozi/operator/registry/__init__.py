"""The registry as an operator sees it: over HTTP, signed with the operator's transport key.

Owns the client of the central bank's API and the one way to learn what became of a stored order.
Knows no customer; what an outcome means for a deposit or a wallet is left to the features.
"""
