"""Headers: what the registry signed, kept, and compared with what it signed for others.

A registry that tells two operators two histories must sign two of them. Owns the chain of headers
as this operator was given it, its comparison with those of other operators, and the proofs. What
contradicts is the protocol's to say (`jiaozi.protocol.equivocation`).
"""
