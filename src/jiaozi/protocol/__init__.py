"""The language that all parties share: money, ids, bytes, signatures, orders, proofs.

Pure: no input or output, no clock, no randomness; time and nonces come in as arguments. It imports
no other package of Jiaozi. Where two readers of a message could differ, the byte layout stands at
the top of the module that owns it.
"""
