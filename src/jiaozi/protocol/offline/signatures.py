"""Signatures around a purse: how named values are signed, and which signatures hold.

Checking one is most of what reading a payment costs, and a payment stands in two logs, and is often
said again. What holds once holds for ever, so signatures that hold are remembered: the hash of key,
signature and what was signed, of the latest `REMEMBERED_MAX`.
"""

from collections.abc import Sequence
from hashlib import sha256

from jiaozi.protocol import cose, suites
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.reading import write_map
from jiaozi.protocol.order_types import BodyField
from jiaozi.protocol.suites import Signer

REMEMBERED_MAX = 1 << 17
"""About 16 MB, in a process that reads that many."""

_remembered: dict[bytes, None] = {}


def sign_fields(
    value: object, fields: Sequence[BodyField], signer: Signer, domain: Domain, network: NetworkId
) -> bytes:
    """Sign the named fields of a value as one map, and return the COSE message."""
    payload = write_map(fields, {each.name: getattr(value, each.name) for each in fields})
    return cose.sign1(payload, signer, external_aad(domain, network))


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
