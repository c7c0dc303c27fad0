"""A device's log: what it hands in at an operator, and how anyone reads it (rules.md §G.3).

::

    entry     = [1, load] | [2, payment that came in] | [3, COSE of a payment made, salt]
    head 0    = SHA-256("jiaozi/offline-entry/1" || device key)
    head n    = SHA-256("jiaozi/offline-entry/1" || head n-1 || entry n)
    statement = COSE_Sign1 by the device, domain "jiaozi/offline-statement/1"
                {1: checkpoint, 2: position, 3: head, 4: list number, 5: certificates}
    handed in = CBOR sequence: statement, operator's certificate, device certificate,
                checkpoint or h'', entry, entry, ...

``checkpoint`` in a statement is the SHA-256 of the checkpoint's bytes, ``certificates`` that of the
two certificates' as they are handed in. The device signs the head, the head covers every byte of
the entries; so whoever hands a log on can add, change or leave out nothing, not even under another
certificate for the same key, and an entry that cannot be right convicts the device alone.
`read_log` replays the entries from the checkpoint as the device must have: balance by hop, counter,
loads. The first that does not fit is the log's fault. What came in answers a request since that
checkpoint, whose number stands in its challenge: so nothing comes in once more after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from hashlib import sha256
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.offline.certificate import Anchor, Chain, Device, read_chain
from jiaozi.protocol.offline.messages import (
    COSE_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    SALT_LENGTH,
    Checkpoint,
    Payment,
    balance_hash,
    challenge_prefix,
    decode_payment,
    read_checkpoint,
    read_load,
    read_payment,
)
from jiaozi.protocol.offline.reading import is_of_kind, read_map, write_map
from jiaozi.protocol.offline.signatures import holds
from jiaozi.protocol.order_types import BodyField, FieldKind
from jiaozi.protocol.refusals import Code, Refusal, refuse
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


class Fault(IntEnum):
    """Why an entry convicts the device that logged and signed it."""

    ENTRY_MALFORMED = 1
    LOAD_INVALID = 2
    PAYMENT_INVALID = 3
    COLLECTED_TWICE = 4
    NOT_ITS_OWN = 5
    OUT_OF_PLACE = 6
    BALANCE_BELOW_ZERO = 7
    HOP_FALSE = 8
    BALANCE_FALSE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a device signs of its log: where it stands, and the hashes of where it began."""

    checkpoint: bytes
    position: int
    head: bytes
    list_number: int
    certificates: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedPayment:
    """A payment of a log; ``device`` paid, and ``encoded`` is the COSE message alone."""

    payment: Payment
    device: Device
    encoded: bytes
    identity: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedLog:
    """A log whose signature holds, and what replaying it came to.

    Attributes:
        payments: In and out, in order, each with a signature that was checked.
        balances_fen: What the device holds by hop; up to the fault if there is one.
        fault: The first entry that convicts the device, with its position.
    """

    device: Device
    chain: Chain
    statement: Statement
    checkpoint: Checkpoint | None
    payments: tuple[HandedPayment, ...]
    balances_fen: tuple[int, ...]
    counter: int
    loads: int
    fault: tuple[int, Fault] | None


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


def received_in(entry: bytes) -> bytes:
    """Return the payment that came in by an own entry, as it travelled."""
    value: Any = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    assert value[0] == EntryKind.COLLECTED, "the entry is of a payment that came in"
    payment: bytes = value[1]
    return payment


def spend(balances_fen: Sequence[int], amount_fen: int) -> tuple[tuple[int, ...], int] | None:
    """Take an amount, the lowest hops first, and return what is left and the hop it carries.

    The last hop may not be spent: that money has changed hands as often as it may. None when the
    others do not hold the amount.
    """
    left, hop = list(balances_fen), 0
    for index in range(len(left) - 1):
        taken = min(left[index], amount_fen)
        if taken:
            left[index] -= taken
            amount_fen -= taken
            hop = index + 1
    return None if amount_fen else (tuple(left), hop)


def sign_log(
    statement: Statement, chain: Chain, checkpoint: bytes, entries: Sequence[bytes],
    signer: Signer, anchor: Anchor,
) -> bytes:  # fmt: skip
    """Make what a device hands in."""
    payload = write_map(
        _STATEMENT, {each.name: getattr(statement, each.name) for each in _STATEMENT}
    )
    aad = external_aad(Domain.OFFLINE_STATEMENT, anchor.network)
    parts = (cose.sign1(payload, signer, aad), *chain.parts, checkpoint, *entries)
    return b"".join(map(cbor.encode_bytes, parts))


def read_log(data: bytes, anchor: Anchor) -> HandedLog:
    """Read what a device handed in, and replay it.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``; ``log_differs``:
            entries, checkpoint or certificates are not those that the device signed; or
            ``suite_unsupported``: an entry takes a suite that is not known here to be judged.
    """
    signed, chain, checkpoint, entries = _split(data)
    device = read_chain(chain, anchor)
    aad = external_aad(Domain.OFFLINE_STATEMENT, anchor.network)
    message = cose.read1(signed, key=device.key, aad=aad, size_max=COSE_BYTES_MAX)
    statement = Statement(**read_map(message.payload, "statement", _STATEMENT))
    if certificates_hash(chain) != statement.certificates:
        raise refuse(Code.LOG_DIFFERS)
    replay = _Replay(device, _begin(checkpoint, statement, device, anchor), anchor)
    head = reduce(next_head, entries, replay.head)
    if (replay.position + len(entries), head) != (statement.position, statement.head):
        raise refuse(Code.LOG_DIFFERS)
    for entry in entries:
        replay.take(entry)
    return HandedLog(
        device=device,
        chain=chain,
        statement=statement,
        checkpoint=replay.checkpoint,
        payments=tuple(replay.payments),
        balances_fen=replay.balances_fen,
        counter=replay.counter,
        loads=replay.loads,
        fault=replay.fault,
    )


class _Replay:
    """Follows a log entry by entry; after a fault only what pays is still read."""

    def __init__(self, device: Device, checkpoint: Checkpoint | None, anchor: Anchor) -> None:
        self._device, self._anchor = device, anchor
        self._seen: set[tuple[bytes, int]] = set()
        self.checkpoint = checkpoint
        self.payments: list[HandedPayment] = []
        self.fault: tuple[int, Fault] | None = None
        self.balances_fen = (0,) * (device.limits.hops + 1)
        self.position, self.head = 0, first_head(device.key)
        self.counter = self.loads = self._epoch = 0
        if checkpoint is not None:
            self._epoch = checkpoint.number
            self.position, self.head = checkpoint.position, checkpoint.head
            self.counter, self.loads = checkpoint.counter, checkpoint.loads
            self.balances_fen = (checkpoint.balance_fen, *self.balances_fen[1:])

    def take(self, entry: bytes) -> None:
        """Read one entry and go on behind it."""
        try:
            fault = self._read(entry)
        except Refusal as refusal:
            fault = _judged(refusal, Fault.ENTRY_MALFORMED)
        self.position += 1
        self.head = next_head(self.head, entry)
        if fault is not None and self.fault is None:
            self.fault = (self.position, fault)

    def _read(self, entry: bytes) -> Fault | None:
        match _decode_entry(entry):
            case [EntryKind.LOADED, bytes(load)]:
                return self._load(load)
            case [EntryKind.COLLECTED, bytes(payment)]:
                return self._collect(payment)
            case [EntryKind.PAID, bytes(payment), bytes(salt)] if len(salt) == SALT_LENGTH:
                return self._pay(payment, salt)
            case _:
                return Fault.ENTRY_MALFORMED

    def _load(self, encoded: bytes) -> Fault | None:
        try:
            load, operator = read_load(encoded, self._anchor)
        except Refusal as refusal:
            return _judged(refusal, Fault.LOAD_INVALID)
        expected = (self._device.key, self._device.operator, self.loads + 1)
        if (load.device, operator, load.number) != expected:
            return Fault.LOAD_INVALID
        self.loads += 1
        return self._add(load.amount_fen, 0)

    def _collect(self, encoded: bytes) -> Fault | None:
        try:
            payment, payer, message = read_payment(encoded, self._anchor)
        except Refusal as refusal:
            return _judged(refusal, Fault.PAYMENT_INVALID)
        if payment.payee != self._device.key or payment.hop > self._device.limits.hops:
            return Fault.PAYMENT_INVALID
        encoded_cose = cose_of(encoded)
        self.payments.append(
            HandedPayment(
                payment=payment, device=payer, encoded=encoded_cose, identity=message.identity
            )
        )
        is_asked_since = (payment.challenge or b"").startswith(challenge_prefix(self._epoch))
        if not is_asked_since or (payer.key, payment.counter) in self._seen:
            return Fault.COLLECTED_TWICE
        self._seen.add((payer.key, payment.counter))
        return self._add(payment.amount_fen, payment.hop)

    def _pay(self, encoded: bytes, salt: bytes) -> Fault | None:
        payment, message = decode_payment(encoded)
        aad = external_aad(Domain.OFFLINE_PAYMENT, self._anchor.network)
        if message.signatures[0].key != self._device.key or not holds(message, aad):
            return Fault.NOT_ITS_OWN
        self.payments.append(
            HandedPayment(
                payment=payment, device=self._device, encoded=encoded, identity=message.identity
            )
        )
        place = (self.counter + 1, self.position + 1, self.head)
        self.counter += 1
        if (payment.counter, payment.position, payment.previous) != place:
            return Fault.OUT_OF_PLACE
        spent = spend(self.balances_fen, payment.amount_fen)
        if spent is None:
            return Fault.BALANCE_BELOW_ZERO
        self.balances_fen, hop = spent
        if payment.hop != hop:
            return Fault.HOP_FALSE
        if payment.balance_after != balance_hash(self.balances_fen, salt):
            return Fault.BALANCE_FALSE
        return None

    def _add(self, amount_fen: int, hop: int) -> Fault | None:
        if sum(self.balances_fen) + amount_fen > FEN_MAX:
            return Fault.ENTRY_MALFORMED
        self.balances_fen = added(self.balances_fen, hop, amount_fen)
        return None


def added(balances_fen: Sequence[int], hop: int, amount_fen: int) -> tuple[int, ...]:
    """Return the balances with an amount more at a hop."""
    return (*balances_fen[:hop], balances_fen[hop] + amount_fen, *balances_fen[hop + 1 :])


def cose_of(travelled: bytes) -> bytes:
    """Return the COSE message of a payment that was read before, without its certificates."""
    parts: Any = cbor.decode(travelled, size_max=MESSAGE_BYTES_MAX)
    signed: bytes = parts[0]
    return signed


def _judged(refusal: Refusal, fault: Fault) -> Fault:
    """Take what is refused for a fault; but nobody is convicted for a suite of later times."""
    if refusal.code is Code.SUITE_UNSUPPORTED:
        raise refusal
    return fault


def _decode_entry(entry: bytes) -> object:
    try:
        value = cbor.decode(entry, size_max=ENTRY_BYTES_MAX)
    except cbor.NotCanonical:
        return None
    return value if is_of_kind(value) else None


def _split(data: bytes) -> tuple[bytes, Chain, bytes, list[bytes]]:
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


def _begin(
    encoded: bytes, statement: Statement, device: Device, anchor: Anchor
) -> Checkpoint | None:
    """Read the checkpoint that a log begins at; none before the first."""
    if sha256(encoded).digest() != statement.checkpoint:
        raise refuse(Code.LOG_DIFFERS)
    if not encoded:
        return None
    checkpoint, operator = read_checkpoint(encoded, anchor)
    if (checkpoint.device, operator) != (device.key, device.operator):
        raise refuse(Code.LOG_DIFFERS)
    return checkpoint
