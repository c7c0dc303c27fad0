"""What the feed says of a wallet beside its money, and what this operator asks for. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Outcome

LIFE_TYPES = frozenset(
    each
    for each, rule in ORDER_TYPES.items()
    if rule.legs is None
    and each is not OrderType.OPEN_ACCOUNT
    and any(field.name == "number" for field in rule.body)
)
"""The orders about one wallet that move no money."""


class Event(NamedTuple):
    """A settled order about a wallet: the columns of the table."""

    wallet: int
    height: int
    position: int
    order_type: int
    order_id: bytes
    identity: bytes
    time_ms: int


class ToldEvent(NamedTuple):
    """An event of the feed, with what its order says."""

    event: Event
    body: dict[str, Any]


def event_of(order: Order, height: int, position: int, time_ms: int) -> ToldEvent:
    """Return what a settled order about a wallet did."""
    event = Event(
        order.body["number"], height, position, int(order.type), order.id, order.identity, time_ms
    )
    return ToldEvent(event, order.body)


class RebindState(StrEnum):
    """Where a rebind stands."""

    REQUESTED = "requested"
    WAITING = "waiting"
    OBJECTED = "objected"
    COMPLETED = "completed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebindRecord:
    """A rebind as its operator records it."""

    id: UUID
    wallet: int
    suite: int
    public_key: bytes
    state: RebindState
    request_id: OrderId
    completion_id: OrderId | None
    completes_ms: int | None
    outcome: Outcome | None
    """Why the registry refused the request, if it did."""
