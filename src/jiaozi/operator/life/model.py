"""What an entry of the feed says of a wallet beside its money. Pure."""

from typing import Any, NamedTuple

from jiaozi.protocol.order_types import ORDER_TYPES, OrderType
from jiaozi.protocol.orders import Order

LIFE_TYPES = frozenset(
    each
    for each, rule in ORDER_TYPES.items()
    if rule.legs is None
    and each is not OrderType.OPEN_ACCOUNT
    and any(field.name == "number" for field in rule.body)
)
"""The orders about one wallet that move no money."""
ENDS_SESSIONS = frozenset(
    {
        OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE,
        OrderType.REBIND_REQUEST, OrderType.REBIND_COMPLETE, OrderType.REBIND_OVERRULE,
        OrderType.CLOSE,
    }
)  # fmt: skip
"""After these nobody stays signed in (rules.md §F.3)."""


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
