"""Blocks from the central bank's database, which is only read.

Beside the blocks it gives what the registry says of the money after each, and in one snapshot the
registry's own tables.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from jiaozi.central_bank.audit.model import Figures, RawBlock
from jiaozi.central_bank.audit.sources import (
    BLOCKS_AT_A_TIME,
    HEADERS_AT_A_TIME,
    SourceUnavailable,
)
from jiaozi.central_bank.audit.state import Halt
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.state import AccountRecord
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.queries import load_statements

_ACCOUNTS_AT_A_TIME = 5_000


@dataclass(frozen=True, slots=True)
class Statements:
    """The names in queries.sql."""

    tip_height: str
    headers: str
    blocks: str
    accounts: str
    certified_keys: str
    quotas: str
    rulebooks: str
    carriers: str
    halts: str
    safeguards: str


SQL = load_statements(Statements, files(__package__) / "queries.sql")


class DatabaseSource:
    """Blocks from the central bank's database; it is only read."""

    def __init__(self, lend: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._lend = lend

    async def tip_height(self) -> int:
        """Return the height of the last block."""
        [row] = await self._fetch(SQL.tip_height)
        if row["height"] is None:
            raise SourceUnavailable(reason="this database holds no blocks")
        return int(row["height"])

    async def headers(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield the signed headers from one height to another."""
        while first <= last:
            rows = await self._fetch(SQL.headers, first, last, HEADERS_AT_A_TIME)
            if not rows:
                return
            for row in rows:
                yield row["header"]
            first = rows[-1]["height"] + 1

    async def blocks(self, first: int, last: int) -> AsyncIterator[RawBlock]:
        """Yield the blocks from one height to another."""
        while first <= last:
            rows = await self._fetch(SQL.blocks, first, last, BLOCKS_AT_A_TIME)
            if not rows:
                return
            for height, header, body, *figures in rows:
                yield RawBlock(height, header, body, Figures(*figures))
            first = rows[-1]["height"] + 1

    async def _fetch(self, statement: str, *arguments: int) -> list[asyncpg.Record]:
        try:
            async with self._lend() as connection:
                return await connection.fetch(statement, *arguments)
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
            reason = f"the DSN is no central bank's that may be read: {error}"
            raise SourceUnavailable(reason=reason) from error


class Snapshot(DatabaseSource):
    """Blocks and the registry's own tables, all of one moment."""

    def __init__(self, connection: Connection) -> None:
        @asynccontextmanager
        async def lend() -> AsyncIterator[Connection]:
            yield connection

        super().__init__(lend)
        self._connection = connection

    async def accounts(self) -> AsyncIterator[AccountRecord]:
        """Yield every account, by number."""
        cursor = await self._connection.cursor(SQL.accounts)
        while rows := await cursor.fetch(_ACCOUNTS_AT_A_TIME):
            for row in rows:
                yield AccountRecord(*row)

    async def certified_keys(self) -> list[tuple[Certified, bool]]:
        """Return the keys that are not as in genesis, and whether they were revoked."""
        rows = await self._connection.fetch(SQL.certified_keys)
        return [
            (
                Certified(
                    use=Use(row["key_use"]), operator=row["operator"], suite=row["suite"],
                    key=row["key"], not_before_ms=row["not_before_ms"],
                    not_after_ms=row["not_after_ms"], person=row["person"],
                ),
                row["revoked"],
            )
            for row in rows
        ]  # fmt: skip

    async def quotas_fen(self) -> dict[int, int]:
        """Return the quotas that are not as in genesis, by operator."""
        return {row[0]: row[1] for row in await self._connection.fetch(SQL.quotas)}

    async def rulebooks(self) -> dict[int, bytes]:
        """Return the rulebooks that followed that of genesis, by start."""
        return {row[0]: row[1] for row in await self._connection.fetch(SQL.rulebooks)}

    async def carriers(self) -> dict[int, int]:
        """Return who carries the wallets of failed operators."""
        return {row[0]: row[1] for row in await self._connection.fetch(SQL.carriers)}

    async def halts(self) -> dict[tuple[int, int], Halt]:
        """Return all halts, by scope and subject."""
        rows = await self._connection.fetch(SQL.halts)
        return {(row[0], row[1]): Halt(row[2], row[3]) for row in rows}

    async def safeguards(self) -> dict[int, bytes]:
        """Return the encoded safeguards of wallets, by number."""
        return {row[0]: row[1] for row in await self._connection.fetch(SQL.safeguards)}


def from_database(database: Database) -> DatabaseSource:
    """Return a source over a pool of connections."""
    return DatabaseSource(database.connection)


@asynccontextmanager
async def snapshot_of(database: Database) -> AsyncIterator[Snapshot]:
    """Read a database as it is at one moment, until the end of the block."""
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        yield Snapshot(connection)
