"""Admit orders: hostile bytes in, orders of our own wallets out, or the refusal at once.

Cheap on purpose: shape only. The registry checks every signature and everything that needs state;
what could never be taken there is refused here without a journey.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.registry.answers import RawAnswer, not_taken
from jiaozi.protocol import cbor
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Role
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, Order, parse, parse_item
from jiaozi.protocol.refusals import Code, Refusal, refuse

ORDERS_MAX = 2_000
"""Most orders in one request."""

Count: TypeAlias = Callable[[int], None]
"""Counts an order for the account that it debits first, and refuses one too many."""


@dataclass(slots=True)
class Admitted:
    """The orders of a request: those to send, and the answers that are known already.

    Attributes:
        submissions: To be sent, by their places, in their order.
        answers: One place per order of the request; None where the registry will answer.
        closings: Those that close a wallet, by their places: asked after before sending.
    """

    submissions: dict[int, bytes] = field(default_factory=dict)
    answers: list[RawAnswer | None] = field(default_factory=list)
    closings: dict[int, Order] = field(default_factory=dict)

    def refuse(self, place: int, refusal: Refusal) -> None:
        """Answer an order with a refusal instead of sending it."""
        del self.submissions[place]
        self.answers[place] = not_taken(refusal)

    def filled(self, answered: list[RawAnswer]) -> list[RawAnswer]:
        """Return all answers in the order of the request, with those of the registry put in."""
        rest: Iterator[RawAnswer] = iter(answered)
        return [next(rest) if each is None else each for each in self.answers]


def admit_one(body: bytes, carriage: Carriage, count: Count) -> Order:
    """Return an order that may be sent.

    Raises:
        Refusal: A shape code, ``other_operator`` or ``not_allowed``, or what `count` says.
    """
    order = parse(body)
    _check(order, carriage)
    count(_owner(order))
    return order


def admit_sequence(body: bytes, carriage: Carriage, count: Count) -> Admitted:
    """Read a CBOR sequence of orders; one that is refused does not hold up the others.

    Raises:
        Refusal: ``not_canonical``: no sequence, so that nothing of it is taken; ``too_large``.
    """
    admitted = Admitted()
    items = cbor.decode_sequence(body, items_max=ORDERS_MAX, item_size_max=SUBMISSION_BYTES_MAX)
    try:
        for item in items:
            try:
                order = parse_item(item)
                _check(order, carriage)
                count(_owner(order))
            except Refusal as refusal:
                admitted.answers.append(not_taken(refusal))
            else:
                place = len(admitted.answers)
                admitted.submissions[place] = item[1]
                admitted.answers.append(None)
                if order.type is OrderType.CLOSE:
                    admitted.closings[place] = order
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "body") from None
    return admitted


def _check(order: Order, carriage: Carriage) -> None:
    """Take what holders and their mandates sign for wallets that are carried here.

    Every other order has a use case that stores it first.
    """
    if order.type not in _TAKEN:
        raise refuse(Code.NOT_ALLOWED)
    if not carriage.carries(_owner(order)):
        raise refuse(Code.OTHER_OPERATOR)


def _owner(order: Order) -> int:
    """Return the wallet whose holder signs: a claim debits an account that is nobody's."""
    return order.legs[0].credit if order.type is OrderType.CLAIM else order.scope


_TAKEN = frozenset(
    {OrderType.PAYMENT, OrderType.LOAD}
    | {
        each
        for each, rule in ORDER_TYPES.items()
        if Role.WALLET in rule.signers or Role.MANDATE in rule.signers
    }
)
