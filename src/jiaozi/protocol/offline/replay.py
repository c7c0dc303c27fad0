"""Whether a log can be right: it is replayed as its device must have lived it (rules.md §G.3).

The device signed the head, and the head covers every byte of the entries; so whoever hands a log on
can add, change or leave out nothing, not even under another certificate for the same key, and an
entry that cannot be right convicts the device alone. `read_log` goes through the entries from the
checkpoint: balance by hop, counter, loads. The first that does not fit is the log's fault. What
came in answers a request since that checkpoint, whose number stands in its challenge: so nothing
comes in once more after it.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from hashlib import sha256

from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.offline.balances import SALT_LENGTH, added, balance_hash, spend
from jiaozi.protocol.offline.certificate import Anchor, Chain, Device, read_chain
from jiaozi.protocol.offline.log import (
    EntryKind,
    Statement,
    certificates_hash,
    decode_entry,
    first_head,
    next_head,
    read_statement,
    split_log,
)
from jiaozi.protocol.offline.messages import (
    Payment,
    challenge_prefix,
    decode_payment,
    read_payment,
    taken_apart,
)
from jiaozi.protocol.offline.operator_messages import Checkpoint, read_checkpoint, read_load
from jiaozi.protocol.offline.signatures import holds
from jiaozi.protocol.refusals import Code, Refusal, refuse


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
class HandedPayment:
    """A payment of a log; ``device`` paid, and ``encoded`` is the COSE message alone.

    Attributes:
        certificate: Of the device that paid.
    """

    payment: Payment
    device: Device
    certificate: bytes
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


def read_log(data: bytes, anchor: Anchor) -> HandedLog:
    """Read what a device handed in, and replay it.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``; ``log_differs``:
            entries, checkpoint or certificates are not those that the device signed; or
            ``suite_unsupported``: an entry takes a suite that is not known here to be judged.
    """
    signed, chain, checkpoint, entries = split_log(data)
    device = read_chain(chain, anchor)
    statement = read_statement(signed, device, anchor)
    if certificates_hash(chain) != statement.certificates:
        raise refuse(Code.LOG_DIFFERS)
    begun_at = _begin(checkpoint, statement, device, anchor)
    replay = _Replay(device, chain.device, begun_at, anchor)
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

    def __init__(
        self, device: Device, certificate: bytes, checkpoint: Checkpoint | None, anchor: Anchor
    ) -> None:
        self._device, self._certificate, self._anchor = device, certificate, anchor
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
        match decode_entry(entry):
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
            load, certifier = read_load(encoded, self._anchor)
        except Refusal as refusal:
            return _judged(refusal, Fault.LOAD_INVALID)
        expected = (self._device.key, self._device.operator, self.loads + 1)
        if (load.device, certifier.operator, load.number) != expected:
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
        signed, chain = taken_apart(encoded)
        self.payments.append(
            HandedPayment(
                payment=payment,
                device=payer,
                certificate=chain.device,
                encoded=signed,
                identity=message.identity,
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
                payment=payment,
                device=self._device,
                certificate=self._certificate,
                encoded=encoded,
                identity=message.identity,
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


def _judged(refusal: Refusal, fault: Fault) -> Fault:
    """Take what is refused for a fault; but nobody is convicted for a suite of later times."""
    if refusal.code is Code.SUITE_UNSUPPORTED:
        raise refusal
    return fault


def _begin(
    encoded: bytes, statement: Statement, device: Device, anchor: Anchor
) -> Checkpoint | None:
    """Read the checkpoint that a log begins at; none before the first."""
    if sha256(encoded).digest() != statement.checkpoint:
        raise refuse(Code.LOG_DIFFERS)
    if not encoded:
        return None
    checkpoint, certifier = read_checkpoint(encoded, anchor)
    if (checkpoint.device, certifier.operator) != (device.key, device.operator):
        raise refuse(Code.LOG_DIFFERS)
    return checkpoint
