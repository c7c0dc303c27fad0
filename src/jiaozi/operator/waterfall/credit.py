"""Pay a sweep into the deposit that its holder chose."""

from dataclasses import dataclass

from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.waterfall import store
from jiaozi.operator.waterfall.model import Sweep
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSweep:
    """The use case; its dependencies."""

    database: Database
    core: CoreBanking

    async def advance(self, sweep: Sweep) -> None:
        """Credit the deposit once; any number of times, at any moment.

        Raises:
            CoreContradiction: The core knows another payment under the key, or no such deposit.
            StorageUnavailable: It may be credited; the resolver takes it up again.
        """
        await self.core.credit(sweep.core_key, sweep.deposit_id, sweep.amount_fen)
        async with self.database.connection() as connection:
            await store.close_sweep(connection, sweep)
