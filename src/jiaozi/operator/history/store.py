"""History in the operator's database: the statements of `queries.sql`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

from jiaozi.operator.history.model import Cursor, Filter, Line, Shown, Sum
from jiaozi.protocol.feed import Head
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    read_cursor: str
    move_cursor: str
    plan_for_these_values: str
    page: str
    sums: str
    find_order: str
    find_payer: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class FeedPosition(NamedTuple):
    """How far the feed was read: the last block with an entry of ours."""

    height: int
    time_ms: int
    head: Head


async def read_position(connection: Connection) -> FeedPosition:
    """Return how far the feed was read."""
    row = await connection.fetchrow(_SQL.read_cursor)
    assert row is not None, "the migration puts the cursor there"
    return FeedPosition(row["height"], row["time_ms"], Head(row["sequence"], row["running_hash"]))


async def move_position(connection: Connection, before: FeedPosition, after: FeedPosition) -> bool:
    """Move on, unless somebody else has; false then, and nothing of it may be stored."""
    moved = await connection.fetchval(
        _SQL.move_cursor,
        after.height,
        after.time_ms,
        after.head.sequence,
        after.head.running_hash,
        before.height,
        before.head.sequence,
    )
    return moved is not None


async def add_lines(connection: Connection, lines: Sequence[Line]) -> None:
    """Add lines in bulk."""
    await connection.copy_records_to_table("history_entry", records=lines, columns=Line._fields)


async def page(
    connection: Connection, wallet: int, after: Cursor, wanted: Filter, limit: int
) -> list[Shown]:
    """Return a wallet's lines that come after a place: older ones, newest first.

    In a transaction of its own.
    """
    await connection.execute(_SQL.plan_for_these_values)
    rows = await connection.fetch(_SQL.page, wallet, *after, *_values(wanted), limit)
    return [Shown(_line(list(row.values())[:-1]), row["returned_fen"]) for row in rows]


async def sums(connection: Connection, wallet: int, wanted: Filter) -> list[Sum]:
    """Return what settled of a wallet, by type and direction; in a transaction of its own."""
    await connection.execute(_SQL.plan_for_these_values)
    rows = await connection.fetch(_SQL.sums, wallet, *_values(wanted))
    return [Sum(*row.values()) for row in rows]


async def find_order(
    connection: Connection, wallet: int, order_id: bytes, identity: bytes
) -> Line | None:
    """Return the first line of an order, of exactly these bytes, in a wallet's history."""
    row = await connection.fetchrow(_SQL.find_order, wallet, order_id, identity)
    return None if row is None else _line(row.values())


async def find_payer(connection: Connection, wallet: int, order_id: bytes) -> int | None:
    """Return who first paid a wallet by an order of this id."""
    payer: int | None = await connection.fetchval(_SQL.find_payer, wallet, order_id)
    return payer


def _values(wanted: Filter) -> tuple[object, ...]:
    """Return a filter as both statements take it."""
    return (
        wanted.from_ms,
        wanted.to_ms,
        None if wanted.order_type is None else int(wanted.order_type),
        wanted.incoming,
        wanted.counterparty,
        wanted.min_fen,
        wanted.max_fen,
        wanted.reference,
        wanted.link,
    )


def _line(values: Iterable[Any]) -> Line:
    line = Line(*values)
    return line if line.outcome is None else line._replace(outcome=tuple(line.outcome))
