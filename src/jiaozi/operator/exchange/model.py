"""The two sagas as states and steps. Pure.

::

    exchange   opened --hold--> held --send--> settled --capture--> captured
                  |               |---------> refused --release--> released
                  v               `---------> dead    --release--> released
               rejected --release--> released (the deposit does not cover it)

    redemption stored --send--> settled --credit--> credited
                  |---------> refused
                  `---------> dead

``held`` means that the order is stored with the hold, so it may have been sent. A deposit is
captured when the order settled and released when it was refused for good or is dead, at no other
moment. A rejected exchange is released too: another process may have held meanwhile, or be about
to, and a released key is never held again. The database knows the same arrows
(migrations/0004_exchange.sql).
"""

from dataclasses import dataclass
from enum import StrEnum

from jiaozi.operator.registry.model import Decided, StoredOrder, Undecided, Verdict
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.refusals import SETTLED, Code

ORDER_LIFETIME_MS = 5 * 60_000
"""How long an exchange may take before its order dies and the deposit is given back."""

RESUME_AFTER_MS = 5_000
"""When the resolver looks after a saga that somebody is working on now."""


class ExchangeState(StrEnum):
    """Where an exchange stands."""

    OPENED = "opened"
    REJECTED = "rejected"
    HELD = "held"
    SETTLED = "settled"
    CAPTURED = "captured"
    REFUSED = "refused"
    DEAD = "dead"
    RELEASED = "released"


class RedemptionState(StrEnum):
    """Where a redemption stands."""

    STORED = "stored"
    SETTLED = "settled"
    CREDITED = "credited"
    REFUSED = "refused"
    DEAD = "dead"


class Progress(StrEnum):
    """What a holder is told: settled and refused are for good."""

    OPEN = "open"
    SETTLED = "settled"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A deposit on its way into a wallet; ``order`` once the deposit is held."""

    wallet: AccountNumber
    id: bytes
    deposit_id: str
    amount_fen: int
    state: ExchangeState
    order: StoredOrder | None
    decided: Decided | None

    @property
    def core_key(self) -> str:
        """The key of this exchange's hold in the core's books."""
        return f"exchange/{format_number(self.wallet)}/{self.id.hex()}"

    @property
    def progress(self) -> Progress:
        """What the holder is told."""
        match self.state:
            case ExchangeState.SETTLED | ExchangeState.CAPTURED:
                return Progress.SETTLED
            case ExchangeState.OPENED | ExchangeState.HELD:
                return Progress.OPEN
            case _:
                return Progress.REFUSED

    @property
    def told(self) -> Decided | None:
        """The outcome that the holder is told; a dead order's is that it expired."""
        return _told(self.progress, self.decided, self.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Digital yuan on its way into a deposit, by an order that the holder signed."""

    wallet: AccountNumber
    deposit_id: str
    amount_fen: int
    state: RedemptionState
    order: StoredOrder
    decided: Decided | None

    @property
    def core_key(self) -> str:
        """The key of this redemption's credit in the core's books."""
        return f"redeem/{format_number(self.wallet)}/{self.order.id.hex()}"

    @property
    def progress(self) -> Progress:
        """What the holder is told."""
        match self.state:
            case RedemptionState.SETTLED | RedemptionState.CREDITED:
                return Progress.SETTLED
            case RedemptionState.STORED:
                return Progress.OPEN
            case _:
                return Progress.REFUSED

    @property
    def told(self) -> Decided | None:
        """The outcome that the holder is told; a dead order's is that it expired."""
        return _told(self.progress, self.decided, self.order)


def exchange_after(verdict: Verdict) -> ExchangeState:
    """Return what a verdict on the order makes of a held exchange."""
    match verdict:
        case Decided(outcome=outcome):
            return ExchangeState.SETTLED if outcome == SETTLED else ExchangeState.REFUSED
        case Undecided.DEAD:
            return ExchangeState.DEAD
        case Undecided.OPEN:
            return ExchangeState.HELD


def redemption_after(verdict: Verdict) -> RedemptionState:
    """Return what a verdict on the order makes of a stored redemption."""
    match verdict:
        case Decided(outcome=outcome):
            return RedemptionState.SETTLED if outcome == SETTLED else RedemptionState.REFUSED
        case Undecided.DEAD:
            return RedemptionState.DEAD
        case Undecided.OPEN:
            return RedemptionState.STORED


def _told(progress: Progress, decided: Decided | None, order: StoredOrder | None) -> Decided | None:
    if progress is Progress.OPEN or decided is not None or order is None:
        return decided
    return Decided((int(Code.EXPIRED), order.expires_ms))
