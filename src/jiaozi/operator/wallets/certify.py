"""Send what the certify key says of an open wallet: its class, or a freeze.

::

    one transaction: what is to be, signed order      (order: sent)
      -> registry                                     (order: settled, refused or dead)

Stored before it is sent and resumed like an opening. The class in the operator's tables is the one
that the registry settled, never the one that was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.registry.model import Decided, StoredOrder, Undecided
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.wallets import store
from jiaozi.operator.wallets.model import (
    CertifyOrder,
    OrderState,
    order_state_after,
)
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.storage.database import Connection, Database

RESUME_AFTER_MS = 5_000
"""When the resolver looks after an order that somebody is sending now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyOrders:
    """The orders of the certify key about open wallets; dependencies."""

    database: Database
    settle: SettleOrder
    now_ms: Callable[[], int]

    async def keep(
        self,
        connection: Connection,
        wallet: AccountNumber,
        order: StoredOrder,
        *,
        wallet_class: WalletClass | None = None,
    ) -> CertifyOrder:
        """Store an order within the transaction that decides on it."""
        new = CertifyOrder(
            wallet=wallet,
            wallet_class=wallet_class,
            order=order,
            state=OrderState.SENT,
            outcome=None,
        )
        now_ms = self.now_ms()
        await store.add_certify_order(
            connection, new, now_ms=now_ms, next_try_ms=now_ms + RESUME_AFTER_MS
        )
        return new

    async def advance(self, order_id: bytes) -> CertifyOrder:
        """Take an order as far as it goes now; any number of times, at any moment."""
        known = await self._find(order_id)
        if known.state is not OrderState.SENT:
            return known
        verdict = await self.settle(known.order)
        if verdict is Undecided.OPEN:
            return known
        outcome = verdict.outcome if isinstance(verdict, Decided) else None
        async with self.database.transaction() as connection:
            state = order_state_after(verdict)
            await store.finish_certify_order(connection, order_id, state, outcome)
        return await self._find(order_id)

    async def _find(self, order_id: bytes) -> CertifyOrder:
        async with self.database.connection() as connection:
            known = await store.find_certify_order(connection, order_id)
        assert known is not None, "a stored order is never removed"
        return known
