"""Decide about a rebind that needs a person: give it up, or overrule the old key's objection.

The service that serves follows what the registry shows of the rebind (rebind.py); nothing but the
order is recorded here, before it is sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.model import OPENING_LIFETIME_MS, CertifyOrder
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database

OFFICERS_NEEDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRebind:
    """The use cases; their dependencies."""

    database: Database
    certifier: Certifier
    orders: CertifyOrders
    now_ms: Callable[[], int]

    async def withdraw(self, wallet: int) -> CertifyOrder:
        """Give a request up: the old key goes on, and the freeze is lifted.

        Raises:
            Refusal: ``wallet_unknown``.
        """
        return await self._send(OrderType.REBIND_WITHDRAW, wallet, ())

    async def overrule(self, wallet: int, officers: Sequence[Signer]) -> CertifyOrder:
        """Bind the new key over an objection, under two officers of this operator.

        The registry checks that they are two persons, and that the wait after the objection is
        over.

        Raises:
            Refusal: ``signer_missing``; ``wallet_unknown``.
        """
        keys = {each.public_key for each in officers}
        if len(keys) < OFFICERS_NEEDED:
            raise refuse(Code.SIGNER_MISSING, OFFICERS_NEEDED, len(keys))
        return await self._send(OrderType.REBIND_OVERRULE, wallet, officers)

    async def _send(
        self, order_type: OrderType, wallet: int, officers: Sequence[Signer]
    ) -> CertifyOrder:
        number = AccountNumber(wallet)
        order = self.certifier.order(
            order_type, self.now_ms(), OPENING_LIFETIME_MS, officers, number=number
        )
        async with self.database.transaction() as connection:
            if await wallets.find_wallet(connection, wallet) is None:
                raise refuse(Code.WALLET_UNKNOWN)
            await self.orders.keep(connection, number, order)
        return await self.orders.advance(order.id)
