"""The rules of the desk about devices, and what the feed tells of them. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from jiaozi.operator.registry.model import StoredOrder
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.certificate import Chain, Device, Profile
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Outcome

ORDER_LIFETIME_MS = 3_600_000
RESUME_AFTER_MS = 5_000
"""When the resolver looks after an order that somebody is sending now."""
CERTIFICATE_LIFETIME_MS = 365 * DAY_MS
RENEW_BEFORE_MS = 60 * DAY_MS
"""A device may be given a later certificate so long before its own ends."""
ANONYMOUS = frozenset((Profile.CARD, Profile.TAP))
"""Profiles of devices that need not be anyone's."""


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
