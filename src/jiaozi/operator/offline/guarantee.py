"""Set money of the vault aside for what devices of ours may spend twice, and take it back."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.offline import store
from jiaozi.operator.offline.device_orders import OfflineOrders
from jiaozi.operator.offline.model import ORDER_LIFETIME_MS, OfflineOrder
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.model import stored_order
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol import numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveGuarantee:
    """The use cases; their dependencies."""

    operator: int
    network: NetworkId
    database: Database
    orders: OfflineOrders
    registry: RegistryClient
    vault: Signer
    now_ms: Callable[[], int]

    async def fund(self, amount_fen: int) -> OfflineOrder:
        """Move money from the vault into the guarantee.

        An order that is still open is gone on with, and no second one made beside it: so a command
        that was cut short may be given again.

        Raises:
            Refusal: ``amount_out_of_range``; ``already_used`` while an order for something else is
                open.
        """
        return await self._move(OrderType.FUND_GUARANTEE, amount_fen)

    async def release(self, amount_fen: int) -> OfflineOrder:
        """Move money from the guarantee back into the vault; what the share takes stays.

        Raises:
            Refusal: As `fund`.
        """
        return await self._move(OrderType.RELEASE_GUARANTEE, amount_fen)

    async def balance_fen(self) -> int:
        """Return what the guarantee holds.

        Raises:
            Refusal: The registry does not answer.
        """
        record = await self.registry.account(numbers.guarantee_of(self.operator))
        return int(record["balance_fen"])

    async def _move(self, order_type: OrderType, amount_fen: int) -> OfflineOrder:
        if not 0 < amount_fen <= FEN_MAX:
            raise refuse(Code.AMOUNT_OUT_OF_RANGE)
        async with self.database.transaction() as connection:
            await store.lock_guarantee(connection)
            order = await store.open_guarantee_order(connection)
            if order is None:
                order = self._order(order_type, amount_fen)
                await self.orders.keep(connection, order)
        [leg] = parse(order.order.submission).legs
        if (order.type, leg.amount) != (order_type, amount_fen):
            await self.orders.advance(order.order.id)
            raise refuse(Code.ALREADY_USED)
        return await self.orders.advance(order.order.id)

    def _order(self, order_type: OrderType, amount_fen: int) -> OfflineOrder:
        now_ms = self.now_ms()
        ends = numbers.vault_of(self.operator), numbers.guarantee_of(self.operator)
        debit, credit = ends if order_type is OrderType.FUND_GUARANTEE else ends[::-1]
        head = OrderHead(
            id=new_order_id(now_ms, secrets.token_bytes(10)),
            type=order_type,
            expires_ms=now_ms + ORDER_LIFETIME_MS,
        )
        leg = Leg(debit, credit, amount_fen, secrets.token_bytes(SALT_LENGTH))
        return OfflineOrder(
            device=None,
            type=order_type,
            chain=None,
            order=stored_order(parse(sign_order(head, [self.vault], self.network, legs=[leg]))),
            state=OrderState.SENT,
            outcome=None,
        )
