"""From feed entries to lines of history. Pure.

A wallet's history has the settled legs that debit or credit it, and those of its own orders that
were refused for good. What a payee could not receive is not told to the payee.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.life.model import LIFE_TYPES, ToldEvent, event_of
from jiaozi.operator.offline.model import (
    Stranger,
    ToldLoad,
    ToldPayment,
    told_load,
    told_payment,
    told_stranger,
)
from jiaozi.operator.waterfall.model import ToldSweep
from jiaozi.protocol.feed import Entry, FeedBlock
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order, parse_view
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, refuse

PAGE_MAX = 500
PAGE_DEFAULT = 50


class Cursor(NamedTuple):
    """A place in a wallet's history; lines come newest first."""

    height: int
    position: int
    leg: int

    def __str__(self) -> str:
        return f"{self.height}.{self.position}.{self.leg}"


NEWEST = Cursor(2**63 - 1, 0, 0)


class Line(NamedTuple):
    """One leg as one wallet sees it; ``outcome`` is None when settled. The columns of the table."""

    wallet: int
    height: int
    position: int
    leg: int
    incoming: bool
    counterparty: int
    amount_fen: int
    order_type: int
    order_id: bytes
    identity: bytes
    reference: bytes | None
    link: bytes | None
    outcome: Outcome | None
    time_ms: int

    @property
    def cursor(self) -> Cursor:
        """Where the line stands."""
        return Cursor(self.height, self.position, self.leg)


class Opening(NamedTuple):
    """What the feed told of an order that opens a wallet."""

    number: int
    order_id: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a holder wants to see; None is everything.

    Attributes:
        from_ms: Unix milliseconds; ``to_ms`` is the first that is left out.
        min_fen: The least amount; ``max_fen`` the most.
        reference: Of the order.
        link: Identity of the original that an order is linked to.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    order_type: OrderType | None = None
    incoming: bool | None = None
    counterparty: int | None = None
    min_fen: int | None = None
    max_fen: int | None = None
    reference: bytes | None = None
    link: bytes | None = None


class Shown(NamedTuple):
    """A line, and how much of it was sent back by orders linked to it."""

    line: Line
    returned_fen: int


class Sum(NamedTuple):
    """What settled of one type in one direction."""

    order_type: int
    incoming: bool
    amount_fen: int
    entries: int


def read_cursor(text: str) -> Cursor:
    """Read a cursor as it was given out.

    Raises:
        Refusal: ``malformed``.
    """
    parts = text.split(".")
    if len(parts) != 3 or not all(each.isascii() and each.isdigit() for each in parts):
        raise refuse(Code.MALFORMED, "after")
    height, position, leg = (int(each) for each in parts)
    if height >= 2**63 or position >= 2**31 or leg >= 2**15:
        raise refuse(Code.MALFORMED, "after")
    return Cursor(height, position, leg)


@dataclass(frozen=True, slots=True)
class Told:
    """What blocks of the feed told, by what it is to be kept as."""

    lines: list[Line] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    events: list[ToldEvent] = field(default_factory=list)
    sweeps: list[ToldSweep] = field(default_factory=list)
    loads: list[ToldLoad] = field(default_factory=list)
    payments: list[ToldPayment] = field(default_factory=list)
    strangers: list[Stranger] = field(default_factory=list)
    reassigned: list[tuple[int, int]] = field(default_factory=list)
    """Failed operators and their carriers."""

    def take(self, block: FeedBlock, carriage: Carriage) -> None:
        """Take in a checked block.

        Raises:
            Refusal: An entry is no order: its legs are not those that were signed.
        """
        header = block.header.header
        for entry in block.entries:
            order = parse_view(entry.cose, entry.legs)
            settled = entry.outcome == SETTLED
            if settled and order.type in _OFFLINE_PAYMENTS:
                self.payments.append(told_payment(order, header.height, header.time_ms))
            if order.type is OrderType.OPEN_ACCOUNT:
                self.openings.append(Opening(order.body["number"], order.id, entry.outcome))
            elif order.legs or entry.legs:
                self.lines.extend(_legs(entry, order, header.height, header.time_ms, carriage))
                if settled and order.type is OrderType.LOAD:
                    self.loads.append(told_load(order, header.height))
                if order.type is OrderType.SWEEP:
                    self.sweeps.append(_sweep(entry, order, header.height, header.time_ms))
            elif settled and order.type is OrderType.TAKE_UP:
                self.strangers.append(told_stranger(order, header.time_ms))
            elif settled and order.type in LIFE_TYPES:
                self.events.append(event_of(order, header.height, entry.position, header.time_ms))
            elif settled and order.type is OrderType.REASSIGN:
                self.reassigned.append((order.body["operator"], order.body["carrier"]))
                carriage.reassigned(*self.reassigned[-1])


_OFFLINE_PAYMENTS = frozenset((OrderType.SETTLE_OFFLINE, OrderType.UNLOAD))


def _sweep(entry: Entry, order: Order, height: int, time_ms: int) -> ToldSweep:
    leg = order.legs[0]
    return ToldSweep(
        order.identity, leg.debit, order.id, leg.amount, height, entry.position, time_ms
    )


def _legs(
    entry: Entry, order: Order, height: int, time_ms: int, carriage: Carriage
) -> Iterator[Line]:
    outcome = None if entry.outcome == SETTLED else entry.outcome
    places = [index for index, leg in enumerate(entry.legs) if leg is not None]
    for index, leg in zip(places, order.legs, strict=True):
        ends = ((False, leg.debit, leg.credit), (True, leg.credit, leg.debit))
        for incoming, wallet, counterparty in ends:
            if (incoming and outcome is not None) or not carriage.carries_wallet(wallet):
                continue
            yield Line(
                wallet, height, entry.position, index, incoming, counterparty, leg.amount,
                int(order.type), order.id, order.identity, order.reference,
                order.link, outcome, time_ms,
            )  # fmt: skip
