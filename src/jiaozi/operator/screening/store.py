"""Screening cases in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple
from uuid import UUID

from jiaozi.operator.customers.privacy import Sealed
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    note_hit: str
    cases: str
    clear_case: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHit:
    """Somebody whom an entry of the list names, sealed."""

    id: UUID
    match_digest: bytes
    place: str
    sealed: Sealed


class CaseRow(NamedTuple):
    """A case; ``sealed`` is None once its key was destroyed."""

    id: UUID
    place: str
    sealed: Sealed | None
    hits: int
    first_ms: int
    last_ms: int
    cleared_by: str | None
    cleared_ms: int | None


async def note_hit(connection: Connection, hit: NewHit, now_ms: int) -> bool:
    """Make a case of a hit, or count it in its case; true when that one was cleared."""
    is_cleared: bool = await connection.fetchval(
        _SQL.note_hit,
        hit.id,
        hit.match_digest,
        hit.place,
        hit.sealed.wrapped_key,
        hit.sealed.content,
        now_ms,
    )
    return is_cleared


async def cases(connection: Connection, *, with_cleared: bool, limit: int) -> list[CaseRow]:
    """Return cases, oldest first."""
    return [
        CaseRow(
            id=row["id"],
            place=row["place"],
            sealed=Sealed(row["data_key"], row["sealed"]) if row["data_key"] else None,
            hits=row["hits"],
            first_ms=row["first_ms"],
            last_ms=row["last_ms"],
            cleared_by=row["cleared_by"],
            cleared_ms=row["cleared_ms"],
        )
        for row in await connection.fetch(_SQL.cases, with_cleared, limit)
    ]


async def clear_case(
    connection: Connection, case_id: UUID, *, cleared_by: str, now_ms: int
) -> bool:
    """Close a case; false when there is none to close."""
    return await connection.fetchval(_SQL.clear_case, case_id, cleared_by, now_ms) is not None
