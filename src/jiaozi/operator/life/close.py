"""Let no wallet be closed while its money is on its way between registry and deposit.

An exchange that begins after this look is refused by the registry and given back: the look spares
the holder that, it does not guard the money.
"""

from dataclasses import dataclass

from jiaozi.operator.life import store
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMayClose:
    """The use case; its dependencies."""

    database: Database

    async def __call__(self, wallet: int) -> None:
        """Check that no exchange or redemption of a wallet is open.

        Raises:
            Refusal: ``exchange_under_way``.
        """
        async with self.database.connection() as connection:
            if await store.has_open_exchange(connection, wallet):
                raise refuse(Code.EXCHANGE_UNDER_WAY)
