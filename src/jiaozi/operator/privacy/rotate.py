"""Rotate the key that wraps personal data, while the service serves.

::

    file of the next key -> row in wrapping_key     from here it wraps what is new
      -> every record of every table, in small batches: unwrap, wrap anew
      -> once more after a pause, for what a service wrapped before it saw the new key

Each batch is a statement of its own that changes nothing that changed meanwhile, so that it can be
killed anywhere and begun again: what is done is passed over. Data keys are wrapped anew; contents
are neither opened nor written.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple
from uuid import UUID

from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements

BATCH = 500
REFRESH_PERIOD_S = 5.0
"""How often a service looks for a new key."""
_PAUSE_S = REFRESH_PERIOD_S * 2
_START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Statements:
    evidence_to_rewrap: str
    rewrap_evidence: str
    registrations_to_rewrap: str
    rewrap_registrations: str
    cases_to_rewrap: str
    rewrap_cases: str


_SQL = load_statements(_Statements, resources.files(__package__) / "rotate.sql")


class SealedTable(NamedTuple):
    """A table whose records have wrapped data keys, and how they are walked and changed."""

    name: str
    to_rewrap: str
    rewrap: str


SEALED_TABLES = (
    SealedTable("evidence", _SQL.evidence_to_rewrap, _SQL.rewrap_evidence),
    SealedTable("registration", _SQL.registrations_to_rewrap, _SQL.rewrap_registrations),
    SealedTable("screening_case", _SQL.cases_to_rewrap, _SQL.rewrap_cases),
)
"""Every table with a column `data_key`; its records are sealed as ``name/id``."""


class Rotated(NamedTuple):
    """What a rotation did: the key that wraps everything now, and how many records it took."""

    number: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWrappingKey:
    """The use case; its dependencies.

    Attributes:
        create: Makes the file of a key, unless there is one.
        pause_s: Before the records are walked again; longer than a service takes to see the key.
    """

    database: Database
    wrapping: WrappingKeys
    create: Callable[[int], None]
    now_ms: Callable[[], int]
    pause_s: float = _PAUSE_S

    async def __call__(self) -> Rotated:
        """Add a key and wrap every record under it; first finish a rotation that was cut short.

        Raises:
            KeyStoreError: A key is missing or damaged.
            StorageUnavailable: The database is gone; run it again.
        """
        async with self.database.connection() as connection:
            await self.wrapping.refresh(connection)
        records = await self._walk()
        if not records:
            self.create(self.wrapping.current + 1)
            async with self.database.connection() as connection:
                await self.wrapping.add_next(connection, self.now_ms())
            records = await self._walk()
        while True:
            await asyncio.sleep(self.pause_s)
            late = await self._walk()
            if not late:
                return Rotated(self.wrapping.current, records)
            records += late

    async def _walk(self) -> int:
        """Wrap whatever is not under the current key; return how many records that were."""
        return sum([await self._walk_table(each) for each in SEALED_TABLES])

    async def _walk_table(self, table: SealedTable) -> int:
        after, count = _START, 0
        while True:
            async with self.database.connection() as connection:
                current = self.wrapping.current
                rows = await connection.fetch(table.to_rewrap, after, current, BATCH)
                if not rows:
                    return count
                ids, before = zip(*(row.values() for row in rows), strict=True)
                wrapped = [
                    self.wrapping.rewrap(f"{table.name}/{row_id}", data_key)
                    for row_id, data_key in zip(ids, before, strict=True)
                ]
                await connection.execute(table.rewrap, ids, before, wrapped)
            after, count = ids[-1], count + len(ids)
