"""Doubt: while there is proof against the registry, nothing is sent to it, and it decides nothing.

What is sent could settle in one history and not in the other; and "absent" in one does not make an
order dead. So orders are told ``unavailable``, which loses nothing, sagas stay open, reading goes
on, and a person decides.
"""

from collections.abc import Callable

import structlog

from jiaozi.operator.headers import store
from jiaozi.protocol.equivocation import Equivocation
from jiaozi.storage.database import Database

_log = structlog.get_logger("jiaozi.headers")


class Doubt:
    """What is proved against the registry, as this process knows it.

    Attributes:
        proofs: How many proofs nobody has judged.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self.proofs = 0

    async def learn(self) -> None:
        """Learn what was proved, here or by another process, and what was judged since.

        Raises:
            StorageUnavailable: The database is gone; what was known stays known.
        """
        async with self._database.connection() as connection:
            self.proofs = await store.open_proofs(connection)

    async def prove(self, found: Equivocation, *, by: str) -> None:
        """Keep a proof and stop sending.

        Raises:
            StorageUnavailable: It is not kept; sending has stopped all the same.
        """
        self.proofs = max(self.proofs, 1)
        async with self._database.connection() as connection:
            is_new = await store.add_proof(connection, found, found_ms=self._now_ms())
        if is_new:
            _log.critical(
                "registry_contradicts_itself",
                contradiction=found.contradiction.value,
                height=found.second.header.height,
                proof=found.id.hex(),
                found_by=by,
            )
        await self.learn()
