"""Send what this operator says of devices and of its guarantee.

::

    one transaction: what is to be, signed order      (order: sent)
      -> registry                                     (order: settled, refused or dead)

Stored before it is sent and resumed like an opening. An order about a device has no account of ours
that its id could be asked by; once it has died, the device's record tells what became of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jiaozi.operator.offline import store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.model import RESUME_AFTER_MS, OfflineOrder
from jiaozi.operator.registry.model import Decided, Undecided, Verdict
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.wallets.model import OrderState, order_state_after
from jiaozi.protocol.offline.certificate import read_unverified_device
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import SETTLED, Refusal
from jiaozi.storage.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineOrders:
    """The use case; its dependencies."""

    database: Database
    authority: Authority
    settle: SettleOrder
    now_ms: Callable[[], int]

    async def keep(self, connection: Connection, order: OfflineOrder) -> None:
        """Store an order within the transaction that decides on it."""
        now_ms = self.now_ms()
        await store.add_order(
            connection, order, now_ms=now_ms, next_try_ms=now_ms + RESUME_AFTER_MS
        )

    async def advance(self, order_id: bytes) -> OfflineOrder:
        """Take an order as far as it goes now; any number of times, at any moment."""
        known = await self._find(order_id)
        if known.state is not OrderState.SENT:
            return known
        verdict = await self._verdict(known)
        if verdict is Undecided.OPEN:
            return known
        decided = verdict if isinstance(verdict, Decided) else None
        async with self.database.transaction() as connection:
            await store.decide_order(connection, order_id, order_state_after(verdict), decided)
        return await self._find(order_id)

    async def resume(self, order_ids: Sequence[bytes]) -> None:
        """Go on with orders that are due."""
        for each in order_ids:
            await self.advance(each)

    async def _verdict(self, known: OfflineOrder) -> Verdict:
        if known.device is None or known.order.expires_ms > self.now_ms():
            return await self.settle(known.order)
        try:
            time_ms = await self.authority.time_ms()
            device = await self.authority.device(known.device)
        except Refusal:
            return Undecided.OPEN
        if device is not None and known.type is OrderType.ENROL:
            assert known.chain is not None, "an enrolment gives certificates"
            wanted, _ = read_unverified_device(known.chain.device)
            if device.not_after_ms == wanted.not_after_ms:
                return Decided(SETTLED)
        elif device is not None and device.revoked_ms is not None:
            return Decided(SETTLED)
        return Undecided.DEAD if time_ms > known.order.expires_ms else Undecided.OPEN

    async def _find(self, order_id: bytes) -> OfflineOrder:
        async with self.database.connection() as connection:
            known = await store.find_order(connection, order_id)
        assert known is not None, "a stored order is never removed"
        return known


def is_stuck(order: OfflineOrder, certify_key: bytes) -> bool:
    """Say whether an order is under way that another key signed than the operator's of today.

    If that one was revoked, the order waits in vain until it dies; another may follow it now.
    """
    signer = parse(order.order.submission).message.signatures[0].key
    return order.state is OrderState.SENT and signer != certify_key
