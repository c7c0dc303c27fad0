"""The rules of the desk. Pure.

::

    payment    sent --settled, or was before--> settled
                |--refused--> waiting --new order--> sent
                |--its order died--> sent, with a new order
                `--refused `TRIES_MAX` times--> forgotten, until it is handed in again

A payment once spoken belongs to its payee. So none is given up that can ever settle here: the
registry knows it by its own identity, whatever order brings it, and takes it once. What names a
device that nobody enrolled, or a wallet that another operator has, is tried a few times only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from jiaozi.operator.registry.answers import Final, NotTaken
from jiaozi.operator.registry.model import StoredOrder
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.certificate import Chain, Device, Profile
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.offline.replay import HandedLog, HandedPayment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Retry

ORDER_LIFETIME_MS = 3_600_000
RESUME_AFTER_MS = 5_000
"""When the resolver looks after an order that somebody is sending now."""
FIRST_RETRY_MS = 30_000
RETRY_MS_MAX = 3_600_000
TRIES_MAX = 6
"""Of a payment that is nobody's to settle here; a quarter of an hour."""
CERTIFICATE_LIFETIME_MS = 365 * DAY_MS
RENEW_BEFORE_MS = 60 * DAY_MS
"""A device may be given a later certificate so long before its own ends."""
ANONYMOUS = frozenset((Profile.CARD, Profile.TAP))
"""Profiles of devices that need not be anyone's."""


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


class Suspicion(StrEnum):
    """Why a person should look at a device."""

    LOG_FAULT = "log_fault"
    """A log that convicts it: it gets no checkpoint until then."""
    ROLLED_BACK = "rolled_back"
    """A log that lacks payments of its own; but anyone may have brought an old one of an honest
    device, which gets its checkpoint for a whole one."""


class DeviceState(StrEnum):
    """What the holder of a device is told of it."""

    ENROLLING = "enrolling"
    REFUSED = "refused"
    ENROLLED = "enrolled"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CONVICTED = "convicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """A device of ours as the desk records it; ``wallet`` is None when it is anonymous."""

    key: bytes
    wallet: int | None
    profile: Profile
    suspicion: Suspicion | None

    @property
    def is_suspended(self) -> bool:
        """Whether it gets no checkpoint until a person has looked."""
        return self.suspicion is Suspicion.LOG_FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineOrder:
    """An order about a device, or of the guarantee.

    Attributes:
        device: None when it is about the guarantee.
        chain: The certificates that an enrolment gives its device.
    """

    device: bytes | None
    type: OrderType
    chain: Chain | None
    order: StoredOrder
    state: OrderState
    outcome: Outcome | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Money that the registry moved onto a device; ``message`` once it was signed."""

    device: bytes
    number: int
    wallet: int
    amount_fen: int
    identity: bytes
    message: bytes | None


class Stranger(NamedTuple):
    """A device that nobody enrolled, as somebody's certify key has it. The columns of the table.

    Attributes:
        outcome: Of the order that was to take it up; None before that.
    """

    key: bytes
    operator: int
    certificate: bytes
    outcome: Outcome | None
    created_ms: int


class ToldLoad(NamedTuple):
    """A settled load as the feed tells it. The columns of the statement."""

    device: bytes
    number: int
    wallet: int
    amount_fen: int
    identity: bytes
    height: int


class ToldPayment(NamedTuple):
    """A settled payment as the feed tells it. The columns of the statement.

    It is returned when the registry has it, and has paid nothing into the wallet that it names.
    """

    identity: bytes
    device: bytes
    counter: int
    position: int
    payee: bytes | None
    wallet: int | None
    amount_fen: int
    payment: bytes
    height: int
    time_ms: int
    is_returned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDevice:
    """A device as the registry has it; amounts in fen, times in Unix milliseconds."""

    operator: int
    wallet: int | None
    profile: Profile
    generation: int
    not_after_ms: int
    balance_cap_fen: int
    shadow_fen: int
    loads: int
    payments: int
    revoked_ms: int | None
    convicted: bool
    covered_fen: int


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


def told_stranger(order: Order, time_ms: int) -> Stranger:
    """Return the device that a settled order took up."""
    assert order.inner is not None, "its shape asks for a device certificate"
    device = order.inner.said
    assert isinstance(device, Device), "its domain is that of device certificates"
    return Stranger(device.key, device.operator, order.body["device_certificate"], SETTLED, time_ms)


def told_load(order: Order, height: int) -> ToldLoad:
    """Return what a settled load did."""
    [leg] = order.legs
    return ToldLoad(
        order.body["device"], order.body["load"], leg.debit, leg.amount, order.identity, height
    )


def told_payment(order: Order, height: int, time_ms: int) -> ToldPayment:
    """Return the payment that a settled order brought."""
    assert order.inner is not None, "its shape asks for a payment"
    payment = order.inner.said
    assert isinstance(payment, Payment), "its domain is that of payments"
    return ToldPayment(
        order.inner.message.identity, order.inner.key, payment.counter, payment.position,
        payment.payee, payment.wallet, payment.amount_fen, order.body["payment"], height, time_ms,
        payment.wallet is not None and order.type is OrderType.SETTLE_OFFLINE,
    )  # fmt: skip


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
    return outcome[0] in (Code.DEVICE_UNKNOWN, Code.SURFACED_TOO_LATE) or (
        is_elsewhere and outcome[0] == Code.LEGS_NOT_ALLOWED
    )


def told(record: PaymentRecord) -> Told:
    """Return what is told of a payment."""
    match record.state:
        case PaymentState.SENT:
            return Told.OPEN
        case PaymentState.WAITING:
            return Told.WAITS
        case PaymentState.SETTLED:
            return Told.RETURNED if record.is_returned else Told.SETTLED


def state_of(
    record: DeviceRecord, enrolment: OfflineOrder | None, known: RegistryDevice | None
) -> DeviceState:
    """Return what a holder is told of a device."""
    if known is None:
        is_under_way = enrolment is not None and enrolment.state is OrderState.SENT
        return DeviceState.ENROLLING if is_under_way else DeviceState.REFUSED
    if known.convicted:
        return DeviceState.CONVICTED
    if known.revoked_ms is not None:
        return DeviceState.REVOKED
    is_suspended = record.is_suspended or known.shadow_fen < 0
    return DeviceState.SUSPENDED if is_suspended else DeviceState.ENROLLED
