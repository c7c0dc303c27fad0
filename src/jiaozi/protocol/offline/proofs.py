"""Proofs of fraud, which anyone verifies from the file and the root's key alone (rules.md §G.3).

::

    proof = [1, payment, payment]     one device key spoke two payments under one counter or place
          | [2, handed in]            a device's own signed log, in which an entry cannot be right
          | [3, load, load]           one operator signed two loads under one number of a device

Payments and loads stand with their certificates, a log is what the device handed in (`log`). The
first two convict the device, the third its operator. What convicts is always a signature of the
accused over each of two things that cannot both be; a shadow balance below zero is no proof.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Any

from jiaozi.protocol import cbor
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.log import LOG_BYTES_MAX
from jiaozi.protocol.offline.messages import Payment, read_payment
from jiaozi.protocol.offline.operator_messages import Load, read_load
from jiaozi.protocol.offline.reading import is_of_kind
from jiaozi.protocol.offline.replay import Fault, read_log
from jiaozi.protocol.refusals import Code, Refusal, refuse

PROOF_BYTES_MAX = LOG_BYTES_MAX + 64

_ARRAYS = {b"\x82": 2, b"\x83": 3}
"""The first byte of an array, and how many parts follow."""


class ProofKind(IntEnum):
    """What a proof rests on."""

    DOUBLE_SPEND = 1
    LOG = 2
    DOUBLE_LOAD = 3


@dataclass(kw_only=True, eq=False)
class ProofFound(Refusal):
    """A purse refuses a message, and what it has of its signer now convicts that signer anywhere.

    Attributes:
        proof: As `verify_proof` takes it, to be kept by whoever holds the purse.
    """

    proof: bytes


@dataclass(kw_only=True, eq=False)
class DoubleSpendFound(ProofFound):
    """A payer paid this purse twice under one counter."""

    code: Code = field(default=Code.DOUBLE_SPENT, init=False)


@dataclass(kw_only=True, eq=False)
class DoubleLoadFound(ProofFound):
    """The purse's operator signed two different loads under one number."""

    code: Code = field(default=Code.DOUBLE_LOADED, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a verified proof says.

    Attributes:
        device: Key of the device; of a double load the one that was to be loaded.
        operator: That certified it and is liable; of a double load the accused.
        payments: The two that exclude each other, of a double spend.
        loads: The two that exclude each other, of a double load.
        fault: Place and kind of the entry that cannot be right, of a log.
        hash: SHA-256 of the proof: by it an order of the central bank's officers names it.
    """

    kind: ProofKind
    device: bytes
    operator: int
    hash: bytes
    payments: tuple[Payment, ...] = ()
    loads: tuple[Load, ...] = ()
    fault: tuple[int, Fault] | None = None


def double_spend_proof(first: bytes, second: bytes) -> bytes:
    """Put two payments together, as they travelled; the same two always make the same proof."""
    return cbor.encode([int(ProofKind.DOUBLE_SPEND), *sorted((first, second))])


def log_proof(handed_in: bytes) -> bytes:
    """Make a log that has a fault a proof."""
    return cbor.encode([int(ProofKind.LOG), handed_in])


def double_load_proof(first: bytes, second: bytes) -> bytes:
    """Put two loads together, as they travelled."""
    return cbor.encode([int(ProofKind.DOUBLE_LOAD), *sorted((first, second))])


def verify_proof(data: bytes, anchor: Anchor) -> Proof:
    """Verify a proof of any kind.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``, ``log_differs``, or
            ``proof_invalid``: all is genuine, and nothing in it excludes anything else.
    """
    if len(data) > PROOF_BYTES_MAX:
        raise refuse(Code.TOO_LARGE, "proof", PROOF_BYTES_MAX)
    proof_hash = sha256(data).digest()
    match _split(data):
        case [ProofKind.DOUBLE_SPEND, bytes(first), bytes(second)]:
            return _double_spend(first, second, proof_hash, anchor)
        case [ProofKind.LOG, bytes(handed_in)]:
            return _log(handed_in, proof_hash, anchor)
        case [ProofKind.DOUBLE_LOAD, bytes(first), bytes(second)]:
            return _double_load(first, second, proof_hash, anchor)
        case _:
            raise refuse(Code.MALFORMED, "proof")


def _split(data: bytes) -> list[Any]:
    """Take the parts of an array that may be long, item by item: so it costs no more than it is."""
    if data[:1] not in _ARRAYS:
        raise refuse(Code.MALFORMED, "proof")
    count = _ARRAYS[data[:1]]
    try:
        items = cbor.decode_sequence(data[1:], items_max=count, item_size_max=PROOF_BYTES_MAX)
        parts = [value for value, _ in items]
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "proof") from None
    if len(parts) != count or not is_of_kind(parts):
        raise refuse(Code.MALFORMED, "proof")
    return parts


def _double_spend(first: bytes, second: bytes, proof_hash: bytes, anchor: Anchor) -> Proof:
    payment, device, message = read_payment(first, anchor)
    other, other_device, other_message = read_payment(second, anchor)
    is_one_place = payment.counter == other.counter or payment.position == other.position
    if device.key != other_device.key or not is_one_place:
        raise refuse(Code.PROOF_INVALID)
    if message.identity == other_message.identity:
        raise refuse(Code.PROOF_INVALID)
    return Proof(
        kind=ProofKind.DOUBLE_SPEND,
        device=device.key,
        operator=device.operator,
        hash=proof_hash,
        payments=(payment, other),
    )


def _log(handed_in: bytes, proof_hash: bytes, anchor: Anchor) -> Proof:
    log = read_log(handed_in, anchor)
    if log.fault is None:
        raise refuse(Code.PROOF_INVALID)
    return Proof(
        kind=ProofKind.LOG,
        device=log.device.key,
        operator=log.device.operator,
        hash=proof_hash,
        fault=log.fault,
    )


def _double_load(first: bytes, second: bytes, proof_hash: bytes, anchor: Anchor) -> Proof:
    load, certifier = read_load(first, anchor)
    other, other_certifier = read_load(second, anchor)
    operator, other_operator = certifier.operator, other_certifier.operator
    is_one_place = (load.device, load.number) == (other.device, other.number)
    if operator != other_operator or not is_one_place or load == other:
        raise refuse(Code.PROOF_INVALID)
    return Proof(
        kind=ProofKind.DOUBLE_LOAD,
        device=load.device,
        operator=operator,
        hash=proof_hash,
        loads=(load, other),
    )
