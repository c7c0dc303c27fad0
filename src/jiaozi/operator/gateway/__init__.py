"""The gateway: holders' signed orders on their way to the registry.

Checks the shape and that the payer is one of our wallets, batches, hands the answers back. It keeps
nothing: the registry answers a repeated order with its first outcome, so a gateway may be killed
and replaced at any moment.
"""
