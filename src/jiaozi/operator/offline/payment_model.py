"""The rules of an offline payment on its way into the registry. Pure.

::

    payment    sent --settled, or was before--> settled
                |--refused--> waiting --new order--> sent
                |--its order died--> sent, with a new order
                `--refused `TRIES_MAX` times--> forgotten, until it is handed in again

A payment once spoken belongs to its payee. So none is given up that can ever settle here: the
registry knows it by its own identity, whatever order brings it, and takes it once. What names a
device that nobody enrolled, or a wallet that another operator has, is tried a few times only; so is
what surfaced too late, and what a convicted device unloads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from jiaozi.operator.offline.model import RESUME_AFTER_MS
from jiaozi.operator.registry.answers import Final, NotTaken, RawAnswer, read_answer
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.offline.replay import HandedLog, HandedPayment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Retry

FIRST_RETRY_MS = 30_000
RETRY_MS_MAX = 3_600_000
TRIES_MAX = 6
"""Of a payment that is nobody's to settle here; a quarter of an hour."""
GIVEN_UP = (
    Code.DEVICE_UNKNOWN, Code.SURFACED_TOO_LATE, Code.DEVICE_ENDED, Code.LEGS_NOT_ALLOWED,
)  # fmt: skip
"""What such a payment is refused with; the last, of another operator's wallet alone."""
_UNDELIVERABLE = frozenset(
    (Code.DEVICE_ENDED, Code.ACCOUNT_UNKNOWN, Code.ACCOUNT_CLOSED, Code.DEVICE_UNKNOWN)
)
"""What an unload is refused with that may never settle: evidence, or no wallet that can get it."""


class PaymentState(StrEnum):
    """Where an offline payment stands on its way into the registry."""

    SENT = "sent"
    WAITING = "waiting"
    SETTLED = "settled"


class Told(IntEnum):
    """What whoever hands a payment in is told of it."""

    OPEN = 0
    SETTLED = 1
    WAITS = 2
    ELSEWHERE = 3
    """It pays into a wallet of another operator, which alone can take it."""
    RETURNED = 4
    """It pays into a wallet that can never get it: the registry has it so, and the money is on its
    device, whose next checkpoint says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A payment that somebody hands in; its signature was checked up to the root.

    Attributes:
        certificates: Of payer and payee, by their keys, as far as they came with it.
    """

    payment: Payment
    device: bytes
    identity: bytes
    encoded: bytes
    certificates: Mapping[bytes, bytes] = field(default_factory=dict)


class PaymentRecord(NamedTuple):
    """A payment as the desk records it; ``submission`` while an order is under way.

    Attributes:
        expires_ms: Of its last order, which it tells from others.
        height: Of the block that settled it; None where the registry told of an earlier order.
    """

    identity: bytes
    wallet: int | None
    amount_fen: int
    payment: bytes
    state: PaymentState
    submission: bytes | None
    expires_ms: int
    outcome: Outcome | None
    tries: int
    next_try_ms: int
    height: int | None
    is_returned: bool


def handed(payment: HandedPayment, log: HandedLog) -> Handed:
    """Take out of a log's payment what is handed on."""
    return Handed(
        payment=payment.payment,
        device=payment.device.key,
        identity=payment.identity,
        encoded=payment.encoded,
        certificates={
            log.device.key: log.chain.device,
            payment.device.key: payment.certificate,
        },
    )


def first_record(each: Handed, submission: bytes, now_ms: int, expires_ms: int) -> PaymentRecord:
    """Return the record of a payment whose first order was signed just now."""
    return PaymentRecord(
        identity=each.identity,
        wallet=each.payment.wallet,
        amount_fen=each.payment.amount_fen,
        payment=each.encoded,
        state=PaymentState.SENT,
        submission=submission,
        expires_ms=expires_ms,
        outcome=None,
        tries=0,
        next_try_ms=now_ms + RESUME_AFTER_MS,
        height=None,
        is_returned=False,
    )


def after_answer(answer: Final | NotTaken) -> tuple[PaymentState, Outcome | None]:
    """Return what the registry's answer to its order makes of a payment that was sent."""
    match answer:
        case Final(outcome) if outcome == SETTLED or outcome[0] == Code.PAYMENT_SETTLED:
            return PaymentState.SETTLED, None
        case Final(outcome):
            return PaymentState.WAITING, outcome
        case NotTaken(refusal) if refusal.entry.retry is Retry.SAME_ORDER:
            return PaymentState.SENT, None
        case NotTaken(refusal):
            return PaymentState.WAITING, (int(refusal.code),)


def retry_at(now_ms: int, tries: int) -> int:
    """Return when a refused payment is tried again: later each time."""
    return now_ms + min(FIRST_RETRY_MS << min(tries, 16), RETRY_MS_MAX)


def is_given_up(tries: int, outcome: Outcome | None, *, is_elsewhere: bool) -> bool:
    """Say whether a payment that was refused so often is forgotten.

    Never one that waits for a guarantee, for its wallet, or for money that has not surfaced.
    """
    if outcome is None or tries < TRIES_MAX:
        return False
    return outcome[0] in GIVEN_UP and (is_elsewhere or outcome[0] != Code.LEGS_NOT_ALLOWED)


def told(record: PaymentRecord) -> Told:
    """Return what is told of a payment."""
    match record.state:
        case PaymentState.SENT:
            return Told.OPEN
        case PaymentState.WAITING:
            return Told.WAITS
        case PaymentState.SETTLED:
            return Told.RETURNED if record.is_returned else Told.SETTLED


def is_of_stranger(record: PaymentRecord) -> bool:
    """Say whether the registry does not know a device that a payment is by or to."""
    refused = record.outcome is not None and record.outcome[0] == Code.DEVICE_UNKNOWN
    return refused and record.wallet is None


def is_undeliverable(wallet: int | None, refused: Outcome | None) -> bool:
    """Say whether a payment to a wallet was refused so that no unload may ever settle."""
    return wallet is not None and refused is not None and refused[0] in _UNDELIVERABLE


def is_unload(record: PaymentRecord) -> bool:
    """Say whether the order that is under way pays into a wallet."""
    assert record.submission is not None, "it was sent"
    return record.wallet is not None and parse(record.submission).type is OrderType.UNLOAD


def needs_order(record: PaymentRecord, now_ms: int) -> bool:
    """Say whether a new order is to bring a payment: it waits, or its last one has died."""
    match record.state:
        case PaymentState.SENT:
            return record.expires_ms <= now_ms
        case PaymentState.WAITING:
            return record.next_try_ms <= now_ms + RESUME_AFTER_MS
        case PaymentState.SETTLED:
            return False


def is_due(record: PaymentRecord, now_ms: int) -> bool:
    """Say whether a payment that waits is to be tried again at once."""
    return record.state is PaymentState.WAITING and record.next_try_ms <= now_ms


def record_after(record: PaymentRecord, raw: RawAnswer, now_ms: int) -> PaymentRecord:
    """Return the record of a payment whose order was answered."""
    answer = read_answer(raw)
    state, outcome = after_answer(answer)
    was_unload = is_unload(record)
    at_once = was_unload and is_undeliverable(record.wallet, outcome)
    is_settled = isinstance(answer, Final) and answer.outcome == SETTLED
    return record._replace(
        state=state,
        submission=None,
        height=answer.height if is_settled and isinstance(answer, Final) else None,
        outcome=outcome,
        tries=record.tries + 1,
        next_try_ms=now_ms if at_once else retry_at(now_ms, record.tries),
        is_returned=is_settled and record.wallet is not None and not was_unload,
    )
