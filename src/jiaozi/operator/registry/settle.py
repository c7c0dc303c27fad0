"""Learn what became of a stored order: send the same bytes again, or ask for it by its id.

Any answer that is not definite leaves the order open (design.md §3, "unknown is not failed").
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jiaozi.operator.registry.answers import Final, NotTaken, RawAnswer, read_answer
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.model import (
    Absence,
    Decided,
    StoredOrder,
    Undecided,
    Verdict,
    judge_absence,
)
from jiaozi.protocol.refusals import Code, Refusal


class FeedRecord(Protocol):
    """What was learnt from the feed, which forgets nothing."""

    async def verdict(self, order: StoredOrder) -> Verdict:
        """Say what the feed shows of an order that moves money of a wallet of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleOrder:
    """Sends and asks; takes no step with money.

    Attributes:
        submit: Where all orders of this operator leave for the registry, in batches.
        feed: Asked about orders that the registry may have forgotten.
    """

    submit: Callable[[Sequence[bytes]], Awaitable[list[RawAnswer]]]
    registry: RegistryClient
    feed: FeedRecord
    now_ms: Callable[[], int]

    async def __call__(self, order: StoredOrder) -> Verdict:
        """Learn what became of an order; any number of times, at any moment.

        While the order is alive, sending it is asking for it: the registry answers one that it
        has seen with the first outcome.
        """
        if order.expires_ms > self.now_ms():
            return await self._send(order)
        return await self._ask(order)

    async def _send(self, order: StoredOrder) -> Verdict:
        try:
            [answer] = await self.submit([order.submission])
        except Refusal:
            return Undecided.OPEN
        match read_answer(answer):
            case Final(outcome, height, position):
                return Decided(outcome, height, position)
            case NotTaken(refusal) if refusal.code is Code.ID_REUSED:
                return _ID_STANDS_FOR_ANOTHER
            case _:
                # Refused now is not refused for good: an earlier copy may be under way.
                return Undecided.OPEN

    async def _ask(self, order: StoredOrder) -> Verdict:
        try:
            found = await self.registry.outcome(order.scope, order.id)
        except Refusal:
            return Undecided.OPEN
        if found.standing is not None:
            is_ours = found.identity == order.identity
            return found.standing if is_ours else _ID_STANDS_FOR_ANOTHER
        match judge_absence(order, found.header.time_ms):
            case Absence.ALIVE:
                return await self._send(order)
            case Absence.DEAD:
                return Undecided.DEAD
            case Absence.FORGOTTEN:
                return await self.feed.verdict(order)


_ID_STANDS_FOR_ANOTHER = Decided((int(Code.ID_REUSED),))
