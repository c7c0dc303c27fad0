"""Statements out of the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from jiaozi.operator.history.model import Cursor, Line
from jiaozi.operator.statements.model import Head, Totals
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    totals: str
    entries: str
    changes: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class Change(NamedTuple):
    """What a block added to a balance; below zero what it took."""

    height: int
    added_fen: int


async def totals(
    connection: Connection, wallet: int, *, from_ms: int, until_ms: int, height: int
) -> tuple[Totals, int]:
    """Return the totals of a period up to a height, and the height of its first entry."""
    row = await connection.fetchrow(_SQL.totals, wallet, from_ms, until_ms, height)
    assert row is not None, "sums are one row"
    *values, first_height = row.values()
    return Totals(*values), first_height


async def entries(connection: Connection, head: Head, after: Cursor, limit: int) -> list[Line]:
    """Return the next entries of a statement, oldest first."""
    rows = await connection.fetch(
        _SQL.entries, head.wallet, *after, head.height, head.from_ms, head.until_ms, limit
    )
    return [Line(*row.values()) for row in rows]


async def changes(connection: Connection, wallet: int, above: int, height: int) -> list[Change]:
    """Return what the blocks above one height up to another added, newest first."""
    rows = await connection.fetch(_SQL.changes, wallet, above, height)
    return [Change(*row.values()) for row in rows]
