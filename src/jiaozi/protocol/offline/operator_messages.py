"""What an operator signs for a purse: loads, and checkpoints of its log.

::

    load       = [COSE by operator's certify key, operator's certificate]
                 {1: device, 2: number, 3: amount, 4: order}
    checkpoint = [COSE by operator's certify key, operator's certificate]
                 {1: device, 2: number, 3: position, 4: head, 5: counter, 6: loads, 7: balance}

``order`` in a load is the identity of the order that moved the money (`jiaozi.protocol.cose`).
"""

from dataclasses import dataclass

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.certificate import Anchor, read_operator
from jiaozi.protocol.offline.messages import COSE_BYTES_MAX, MESSAGE_BYTES_MAX
from jiaozi.protocol.offline.reading import read_map, read_parts
from jiaozi.protocol.offline.signatures import sign_fields
from jiaozi.protocol.order_types import BodyField, FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

CHECKPOINTS_MAX = 2**32
"""Of one device: there is always a next number, whatever a stolen key has signed."""

_U, _B32 = FieldKind.UINT, FieldKind.BYTES32
_LOAD = (
    BodyField(1, "device", FieldKind.KEY),
    BodyField(2, "number", _U),
    BodyField(3, "amount_fen", _U),
    BodyField(4, "order", _B32),
)
_CHECKPOINT = (
    BodyField(1, "device", FieldKind.KEY),
    BodyField(2, "number", _U),
    BodyField(3, "position", _U),
    BodyField(4, "head", _B32),
    BodyField(5, "counter", _U),
    BodyField(6, "loads", _U),
    BodyField(7, "balance_fen", _U),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Money for a device, which the registry has moved already by an order."""

    device: bytes
    number: int
    amount_fen: int
    order: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a device's log begins anew: what the registry says that it holds there."""

    device: bytes
    number: int
    position: int
    head: bytes
    counter: int
    loads: int
    balance_fen: int


def sign_load(load: Load, certify: Signer, certificate: bytes, network: NetworkId) -> bytes:
    """Make a load as it travels, with the operator's certificate."""
    return cbor.encode(
        [sign_fields(load, _LOAD, certify, Domain.OFFLINE_LOAD, network), certificate]
    )


def read_load(data: bytes, anchor: Anchor) -> tuple[Load, Certified]:
    """Read a load and return it with what the root says of the key that signed it.

    Raises:
        Refusal: A shape code, ``device_uncertified`` or ``signature_invalid``.
    """
    message, certifier = _read_operators(data, "load", Domain.OFFLINE_LOAD, anchor)
    load = Load(**read_map(message.payload, "load", _LOAD))
    if not load.amount_fen:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    return load, certifier


def sign_checkpoint(
    checkpoint: Checkpoint, certify: Signer, certificate: bytes, network: NetworkId
) -> bytes:
    """Make a checkpoint as it travels, with the operator's certificate."""
    signed = sign_fields(checkpoint, _CHECKPOINT, certify, Domain.OFFLINE_CHECKPOINT, network)
    return cbor.encode([signed, certificate])


def read_checkpoint(data: bytes, anchor: Anchor) -> tuple[Checkpoint, Certified]:
    """Read a checkpoint and return it with what the root says of the key that signed it.

    Raises:
        Refusal: A shape code, ``device_uncertified`` or ``signature_invalid``.
    """
    message, certifier = _read_operators(data, "checkpoint", Domain.OFFLINE_CHECKPOINT, anchor)
    checkpoint = Checkpoint(**read_map(message.payload, "checkpoint", _CHECKPOINT))
    if checkpoint.number > CHECKPOINTS_MAX:
        raise refuse(Code.MALFORMED, "checkpoint.number")
    return checkpoint, certifier


def _read_operators(
    data: bytes, name: str, domain: Domain, anchor: Anchor
) -> tuple[Message, Certified]:
    signed, certificate = read_parts(data, name, size_max=MESSAGE_BYTES_MAX, count=2)
    certified = read_operator(certificate, anchor)
    aad = external_aad(domain, anchor.network)
    message = cose.read1(signed, key=certified.key, aad=aad, size_max=COSE_BYTES_MAX)
    return message, certified
