"""Signatures that hold are remembered: a payment stands in two logs, and is often said again.

Checking one is most of what reading a payment costs. What holds once holds for ever, so only the
hash of key, signature and what was signed is kept, of the latest `REMEMBERED_MAX`.
"""

from hashlib import sha256

from jiaozi.protocol import suites
from jiaozi.protocol.cose import Message

REMEMBERED_MAX = 1 << 17
"""About 16 MB, in a process that reads that many."""

_remembered: dict[bytes, None] = {}


def holds(message: Message, aad: bytes) -> bool:
    """Say whether the one signature of a COSE_Sign1 message holds."""
    [signature] = message.signatures
    signed = message.signed_bytes(signature, aad)
    parts = (signature.suite.to_bytes(4, "big", signed=True), signature.key, signature.value)
    digest = sha256(b"".join((*parts, signed))).digest()
    if digest in _remembered:
        return True
    if not suites.verify(signature.suite, signature.key, signed, signature.value):
        return False
    _remembered[digest] = None
    if len(_remembered) > REMEMBERED_MAX:
        # Another thread may have forgotten the same one.
        _remembered.pop(next(iter(_remembered)), None)
    return True
