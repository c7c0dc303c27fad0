"""Revoke a device: its holder has lost it, or a clerk has decided.

No purse that has heard of it pays or believes it any more. What it paid before is settled all the
same, and what is left may be claimed after the wait.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.offline import store
from jiaozi.operator.offline.device_orders import OfflineOrders, is_stuck
from jiaozi.operator.offline.model import OfflineOrder
from jiaozi.operator.wallets.model import FREEZE_LIFETIME_MS, OrderState
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeDevice:
    """The use case; its dependencies."""

    certifier: Certifier
    database: Database
    orders: OfflineOrders
    now_ms: Callable[[], int]

    async def __call__(self, device: bytes) -> OfflineOrder:
        """Revoke a device of ours, or return what became of its revocation.

        The caller has checked that whoever asks may.

        Raises:
            Refusal: ``device_unknown``: it was not enrolled here.
        """
        async with self.database.transaction() as connection:
            known = await store.find_device(connection, device, lock=True)
            if known is None:
                raise refuse(Code.DEVICE_UNKNOWN)
            order = await store.last_order(connection, device, OrderType.REVOKE_DEVICE)
            if order is None or self._is_over(order):
                order = self._order(device)
                await self.orders.keep(connection, order)
        return await self.orders.advance(order.order.id)

    def _is_over(self, order: OfflineOrder) -> bool:
        """Say whether another order is due."""
        is_over = order.state in (OrderState.REFUSED, OrderState.DEAD)
        return is_over or is_stuck(order, self.certifier.key.public_key)

    def _order(self, device: bytes) -> OfflineOrder:
        signed = self.certifier.order(
            OrderType.REVOKE_DEVICE, self.now_ms(), FREEZE_LIFETIME_MS, device=device
        )
        return OfflineOrder(
            device=device,
            type=OrderType.REVOKE_DEVICE,
            chain=None,
            order=signed,
            state=OrderState.SENT,
            outcome=None,
        )
