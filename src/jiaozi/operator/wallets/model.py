"""The rules of a wallet at its operator. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jiaozi.operator.customers.model import Evidence, WalletClass
from jiaozi.operator.registry.model import Decided, StoredOrder, Undecided, Verdict
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import SERIAL_MAX, WALLET_SERIAL_MIN, AccountNumber, account_number
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, refusal_of, refuse
from jiaozi.protocol.suites import key_fits

OPENING_LIFETIME_MS = 3_600_000
"""How long an opening may take before it is given up."""

CLASS_ORDER_LIFETIME_MS = 3_600_000
"""How long a change of class may take before it is given up."""
FREEZE_LIFETIME_MS = 6 * DAY_MS
"""How long a freeze is sent again: what must happen waits for a registry that is away for days."""
SUB_WALLETS_MAX = 100
"""Sub-wallets under one wallet."""
SIGNATORIES_MAX = 100
"""Signatories of one company."""

SERIALS = SERIAL_MAX + 1 - WALLET_SERIAL_MIN
"""How many serials a wallet's is drawn from."""


class WalletState(StrEnum):
    """Where a wallet stands between the order that opens it and its use."""

    OPENING = "opening"
    OPEN = "open"
    REFUSED = "refused"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A wallet as its operator records it.

    Attributes:
        order: That opens it; None when a failed operator opened it and it is carried on here.
        ended_ms: When it closed, or came to nothing.
    """

    number: AccountNumber
    wallet_class: WalletClass
    holder: Holder
    suite: int
    public_key: bytes
    state: WalletState
    order: StoredOrder | None
    outcome: Outcome | None
    created_ms: int
    opened_by: AccountNumber | None = None
    parent: AccountNumber | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRequest:
    """What a customer asks for.

    Attributes:
        public_key: Of the wallet-to-be; it signed the request, unless another wallet's key did.
        limits: Own limits in fen, by the names of the order's fields.
    """

    wallet_class: WalletClass
    holder: Holder
    suite: int
    public_key: bytes
    evidence: Evidence
    limits: Mapping[str, int] = field(default_factory=dict)


class OrderState(StrEnum):
    """Where an order of the certify key about an open wallet stands."""

    SENT = "sent"
    SETTLED = "settled"
    REFUSED = "refused"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyOrder:
    """An order that the certify key signed about an open wallet.

    Attributes:
        wallet_class: That it sets; None when it freezes.
    """

    wallet: AccountNumber
    wallet_class: WalletClass | None
    order: StoredOrder
    state: OrderState
    outcome: Outcome | None


def wallet_number(operator: int, random: int) -> AccountNumber:
    """Compose a wallet number from a random integer below `SERIALS`."""
    return account_number(operator, WALLET_SERIAL_MIN + random)


def check_key(suite: int, public_key: bytes) -> None:
    """Check that a key is one that orders can be signed with.

    Raises:
        Refusal: ``suite_unsupported``.
    """
    if not key_fits(suite, public_key):
        raise refuse(Code.SUITE_UNSUPPORTED, suite)


def state_after(verdict: Verdict) -> WalletState:
    """Return what a verdict on the opening order makes of the wallet."""
    match verdict:
        case Decided(outcome=outcome):
            return WalletState.OPEN if outcome == SETTLED else WalletState.REFUSED
        case Undecided.DEAD:
            return WalletState.DEAD
        case Undecided.OPEN:
            return WalletState.OPENING


def order_state_after(verdict: Verdict) -> OrderState:
    """Return what a verdict makes of an order about an open wallet."""
    match verdict:
        case Decided(outcome=outcome):
            return OrderState.SETTLED if outcome == SETTLED else OrderState.REFUSED
        case Undecided.DEAD:
            return OrderState.DEAD
        case Undecided.OPEN:
            return OrderState.SENT


def check_opened(wallet: Wallet) -> None:
    """Check that a wallet can be used.

    Raises:
        Refusal: Why the registry refused it; ``expired`` when its order died; ``unknown`` while it
            is not settled.
    """
    match wallet.state:
        case WalletState.OPEN:
            return
        case WalletState.REFUSED:
            assert wallet.outcome is not None
            refusal = refusal_of(wallet.outcome)
            assert refusal is not None
            raise refusal
        case WalletState.DEAD:
            assert wallet.order is not None, "what was adopted is open"
            raise refuse(Code.EXPIRED, wallet.order.expires_ms)
        case WalletState.OPENING:
            raise refuse(Code.UNKNOWN)
