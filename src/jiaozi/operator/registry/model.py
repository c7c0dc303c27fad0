"""The rule by which an order is known to be dead (rules.md §C.3). Pure.

An order is dead only when the registry says that it has not seen its id, at a signed time past the
order's expiry. The registry forgets ids too, though not before the last day on which an order of
that id could be alive is over. After that day its "absent" proves nothing, and only the feed, which
forgets nothing, can tell what became of the order.
"""

from dataclasses import dataclass
from enum import Enum, auto

from jiaozi.protocol.ids import DAY_MS, last_expiry_day
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """An order that was stored before it was sent; ``scope`` is the account its id is unique in."""

    scope: int
    id: bytes
    identity: bytes
    expires_ms: int
    submission: bytes


@dataclass(frozen=True, slots=True)
class Decided:
    """The order's outcome for good, and where it stands in the blocks, if it does."""

    outcome: Outcome
    height: int | None = None
    position: int | None = None


class Undecided(Enum):
    """What is known of an order without an outcome."""

    OPEN = auto()
    """It may settle yet."""
    DEAD = auto()
    """It has not settled and never can."""


Verdict = Decided | Undecided


class Absence(Enum):
    """What it means that the registry has not seen an id."""

    ALIVE = auto()
    DEAD = auto()
    FORGOTTEN = auto()


def judge_absence(order: StoredOrder, header_time_ms: int) -> Absence:
    """Judge the answer "absent" by the time of the signed header that came with it."""
    if header_time_ms <= order.expires_ms:
        return Absence.ALIVE
    if header_time_ms < (last_expiry_day(order.id) + 1) * DAY_MS:
        return Absence.DEAD
    return Absence.FORGOTTEN


def stored_order(order: Order) -> StoredOrder:
    """Take out of a parsed order what is kept to settle it."""
    return StoredOrder(
        scope=order.scope,
        id=order.id,
        identity=order.identity,
        expires_ms=order.expires_ms,
        submission=order.encoded,
    )
