"""What the compliance officer does: read cases, and clear one that means somebody else."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import Access, Actor, Purpose
from jiaozi.operator.screening import store
from jiaozi.operator.screening.screen import case_record
from jiaozi.operator.screening.store import CaseRow
from jiaozi.storage.database import Database

CASES_MAX = 500
"""Most cases that are listed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case, opened; without its fields once their key was destroyed."""

    row: CaseRow
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningCases:
    """The use cases; their dependencies."""

    database: Database
    privacy: Privacy
    now_ms: Callable[[], int]

    async def listed(self, officer: Actor, *, with_cleared: bool = False) -> list[Case]:
        """Open the oldest cases; every one that is opened is written down."""
        async with self.database.connection() as connection:
            rows = await store.cases(connection, with_cleared=with_cleared, limit=CASES_MAX)
            found = []
            for row in rows:
                fields: dict[str, str] = {}
                if row.sealed is not None:
                    access = Access(actor=officer, purpose=Purpose.SCREEN)
                    record = case_record(row.id)
                    fields = await self.privacy.open(connection, record, row.sealed, access)
                found.append(Case(row=row, fields=fields))
        return found

    async def clear(self, officer: Actor, case_id: UUID) -> bool:
        """Let a case's subject pass from now on; false when there is no open case of this id."""
        async with self.database.transaction() as connection:
            return await store.clear_case(
                connection, case_id, cleared_by=officer, now_ms=self.now_ms()
            )
