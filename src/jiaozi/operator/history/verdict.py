"""What the feed shows of an order that the registry may have forgotten (rules.md §C.3)."""

from dataclasses import dataclass

from jiaozi.operator.history import store
from jiaozi.operator.life import store as life
from jiaozi.operator.registry.model import Decided, StoredOrder, Undecided, Verdict
from jiaozi.protocol import numbers
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import SETTLED
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedVerdict:
    """The use case; its dependencies."""

    database: Database

    async def verdict(self, order: StoredOrder) -> Verdict:
        """Say what became of an order, once the feed was read past its expiry.

        Another's order may bear the same id and pay the same wallet: only the identity counts.
        An order that opens a wallet leaves no line: the follower itself records what became of it.
        """
        async with self.database.connection() as connection:
            position = await store.read_position(connection)
            place = await life.place_of_order(connection, order.scope, order.identity)
            if place is not None:
                return Decided(SETTLED, *place)
            line = None
            for wallet in _wallets(order):
                line = line or await store.find_order(connection, wallet, order.id, order.identity)
        if line is not None:
            outcome = SETTLED if line.outcome is None else line.outcome
            return Decided(outcome, line.height, line.position)
        return Undecided.DEAD if position.time_ms > order.expires_ms else Undecided.OPEN


def _wallets(order: StoredOrder) -> set[int]:
    """Return the wallets of ours in whose history the order would stand if it had settled."""
    ends = {end for leg in parse(order.submission).legs for end in (leg.debit, leg.credit)}
    return {end for end in ends if numbers.is_wallet_number(end)}
