"""A device's log: what it hands in at an operator, and its bytes (rules.md §G.3).

::

    entry     = [1, load] | [2, payment that came in] | [3, COSE of a payment made, salt]
    head 0    = SHA-256("jiaozi/offline-entry/1" || device key)
    head n    = SHA-256("jiaozi/offline-entry/1" || head n-1 || entry n)
    statement = COSE_Sign1 by the device, domain "jiaozi/offline-statement/1"
                {1: checkpoint, 2: position, 3: head, 4: list number, 5: certificates}
    handed in = CBOR sequence: statement, operator's certificate, device certificate,
                checkpoint or h'', entry, entry, ...

``checkpoint`` in a statement is the SHA-256 of the checkpoint's bytes, ``certificates`` that of the
two certificates' as they are handed in. `replay` says whether a log can be right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.offline.certificate import Anchor, Chain, Device
from jiaozi.protocol.offline.messages import COSE_BYTES_MAX, MESSAGE_BYTES_MAX
from jiaozi.protocol.offline.reading import is_of_kind, read_map
from jiaozi.protocol.offline.signatures import sign_fields
from jiaozi.protocol.order_types import BodyField, FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

ENTRIES_MAX = 20_000
ENTRY_BYTES_MAX = MESSAGE_BYTES_MAX + 64
LOG_BYTES_MAX = 16 * 1024 * 1024

_TAG = b"jiaozi/offline-entry/1"
_PARTS = 4
_STATEMENT = (
    BodyField(1, "checkpoint", FieldKind.BYTES32),
    BodyField(2, "position", FieldKind.UINT),
    BodyField(3, "head", FieldKind.BYTES32),
    BodyField(4, "list_number", FieldKind.UINT),
    BodyField(5, "certificates", FieldKind.BYTES32),
)


class EntryKind(IntEnum):
    """What an entry of the log is about."""

    LOADED = 1
    COLLECTED = 2
    PAID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a device signs of its log: where it stands, and the hashes of where it began."""

    checkpoint: bytes
    position: int
    head: bytes
    list_number: int
    certificates: bytes


def first_head(key: bytes) -> bytes:
    """Return the head of a log without entries."""
    return sha256(_TAG + key).digest()


def next_head(head: bytes, entry: bytes) -> bytes:
    """Return the head of a log with one entry more."""
    return sha256(_TAG + head + entry).digest()


def loaded_entry(load: bytes) -> bytes:
    """Encode that a load came."""
    return cbor.encode([int(EntryKind.LOADED), load])


def collected_entry(payment: bytes) -> bytes:
    """Encode that a payment came in, with its payer's certificates."""
    return cbor.encode([int(EntryKind.COLLECTED), payment])


def paid_entry(encoded_cose: bytes, salt: bytes) -> bytes:
    """Encode that a payment was made, and what opens its balance."""
    return cbor.encode([int(EntryKind.PAID), encoded_cose, salt])


def certificates_hash(chain: Chain) -> bytes:
    """Return what a statement says of the certificates that its device stands under."""
    return sha256(b"".join(map(cbor.encode_bytes, chain.parts))).digest()


def payment_in(entry: bytes) -> bytes | None:
    """Return the COSE message of the payment that an own entry is about; None for another kind."""
    value: Any = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    return value[1] if value[0] == EntryKind.PAID else None


def load_in(entry: bytes) -> bytes | None:
    """Return the load that an own entry is about, as it travelled; None for another kind."""
    value: Any = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    return value[1] if value[0] == EntryKind.LOADED else None


def received_in(entry: bytes) -> bytes:
    """Return the payment that came in by an own entry, as it travelled."""
    value: Any = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    assert value[0] == EntryKind.COLLECTED, "the entry is of a payment that came in"
    payment: bytes = value[1]
    return payment


def sign_log(
    statement: Statement, chain: Chain, checkpoint: bytes, entries: Sequence[bytes],
    signer: Signer, anchor: Anchor,
) -> bytes:  # fmt: skip
    """Make what a device hands in."""
    signed = sign_fields(statement, _STATEMENT, signer, Domain.OFFLINE_STATEMENT, anchor.network)
    parts = (signed, *chain.parts, checkpoint, *entries)
    return b"".join(map(cbor.encode_bytes, parts))


def decode_entry(entry: bytes) -> object:
    """Read an entry of a log that was handed in; None for what cannot be one."""
    try:
        value = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    except cbor.NotCanonical:
        return None
    return value if is_of_kind(value) else None


def split_log(data: bytes) -> tuple[bytes, Chain, bytes, list[bytes]]:
    """Take apart what was handed in: signed statement, certificates, checkpoint, entries.

    Raises:
        Refusal: A shape code.
    """
    if len(data) > LOG_BYTES_MAX:
        raise refuse(Code.TOO_LARGE, "log", LOG_BYTES_MAX)
    parts: list[bytes] = []
    try:
        for part, _ in cbor.decode_sequence(
            data, items_max=ENTRIES_MAX + _PARTS, item_size_max=MESSAGE_BYTES_MAX + 128
        ):
            if type(part) is not bytes:
                raise refuse(Code.MALFORMED, "log")
            parts.append(part)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "log") from None
    if len(parts) < _PARTS:
        raise refuse(Code.MALFORMED, "log")
    signed, operator, device, checkpoint = parts[:_PARTS]
    return signed, Chain(operator=operator, device=device), checkpoint, parts[_PARTS:]


def read_statement(signed: bytes, device: Device, anchor: Anchor) -> Statement:
    """Read what a device signed of its log.

    Raises:
        Refusal: A shape code, or ``signature_invalid``.
    """
    aad = external_aad(Domain.OFFLINE_STATEMENT, anchor.network)
    message = cose.read1(signed, key=device.key, aad=aad, size_max=COSE_BYTES_MAX)
    return Statement(**read_map(message.payload, "statement", _STATEMENT))
