"""What a holder runs: the keystore, the client, and the journal of orders not yet settled.

Knows the protocol only. The private key never leaves this package; operators and the central bank
see signatures.
"""
