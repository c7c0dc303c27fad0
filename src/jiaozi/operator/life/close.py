"""Let no wallet be closed while its money is on its way between registry and deposit.

An exchange that begins after this look is refused by the registry and given back: the look spares
the holder that, it does not guard the money. What is on its way is told to the wallet's key alone:
of an order that another signed nothing is said here, and the registry refuses it.
"""

from dataclasses import dataclass

from jiaozi.operator.life import store
from jiaozi.operator.wallets.store import find_wallet
from jiaozi.protocol import cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMayClose:
    """The use case; its dependencies."""

    network: NetworkId
    database: Database

    async def __call__(self, order: Order) -> None:
        """Check that no exchange or redemption is open of the wallet that an order closes.

        Raises:
            Refusal: ``exchange_under_way``.
        """
        async with self.database.connection() as connection:
            wallet = await find_wallet(connection, order.scope)
            is_holders = wallet is not None and order.keys == (wallet.public_key,)
            if not is_holders or not await store.has_open_exchange(connection, order.scope):
                return
        if cose.verify(order.message, external_aad(Domain.ORDER, self.network)):
            raise refuse(Code.EXCHANGE_UNDER_WAY)
