"""What the description of this API shows beside the network that all parties share."""

from hashlib import sha256

from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.offline.revocations import (
    NO_ENTRIES,
    ListHead,
    extend_hash,
    revocation_entry,
    sign_frame,
)
from jiaozi.protocol.suites import Ed25519Signer, Suite
from jiaozi.service.network_examples import GENESIS

_MADE_MS = 1_790_000_000_000
_YEAR_MS = 31_536_000_000


def _signer(name: str) -> Ed25519Signer:
    return Ed25519Signer(sha256(b"jiaozi/example/" + name.encode()).digest())


def _revocations() -> bytes:
    network = read_genesis(GENESIS)
    signer = _signer("list")
    certified = Certified(
        use=Use.LIST_SIGNING,
        operator=0,
        suite=Suite.ED25519,
        key=signer.public_key,
        not_before_ms=_MADE_MS,
        not_after_ms=_MADE_MS + _YEAR_MS,
    )
    entry = revocation_entry(_signer("device").public_key, _MADE_MS + _YEAR_MS)
    head = ListHead(number=1, hash=extend_hash(NO_ENTRIES, [entry]), time_ms=_MADE_MS)
    certificate = certify(certified, _signer("root"), network.id)
    return cbor.encode(sign_frame(head, [entry], signer, certificate, network.id))


REVOCATIONS = _revocations()
"""A page of one frame, which revokes one device."""
