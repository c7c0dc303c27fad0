"""Read a wallet's history: a page at a time, or summed up."""

from dataclasses import dataclass

from jiaozi.operator.history import store
from jiaozi.operator.history.model import Cursor, Filter, Shown, Sum
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first; ``next`` is where the following page begins, None at the end."""

    lines: list[Shown]
    next: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory:
    """The use case; its dependencies."""

    database: Database

    async def __call__(self, wallet: int, after: Cursor, wanted: Filter, limit: int) -> Page:
        """Return the lines after a place."""
        async with self.database.transaction(readonly=True) as connection:
            lines = await store.page(connection, wallet, after, wanted, limit + 1)
        if len(lines) <= limit:
            return Page(lines, None)
        return Page(lines[:limit], lines[limit - 1].line.cursor)

    async def sums(self, wallet: int, wanted: Filter) -> list[Sum]:
        """Return what settled, by type and direction."""
        async with self.database.transaction(readonly=True) as connection:
            return await store.sums(connection, wallet, wanted)

    async def payer(self, wallet: int, order_id: bytes) -> int | None:
        """Return who paid a wallet by an order of this id; the first, where several did."""
        async with self.database.connection() as connection:
            return await store.find_payer(connection, wallet, order_id)
