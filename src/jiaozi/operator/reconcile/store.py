"""Reconciling in the operator's database: the statements of `queries.sql`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from jiaozi.operator.reconcile.model import Case, Flows, Stated
from jiaozi.operator.reconcile.movements import Movement
from jiaozi.protocol.daily_statement import DailyStatement
from jiaozi.protocol.numbers import ISSUANCE
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_movements: str
    last_statement: str
    add_statement: str
    statements: str
    days: str
    feed_height: str
    totals: str
    exchanges: str
    redemptions: str
    holds: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class Totals(NamedTuple):
    """All that ever was exchanged and redeemed, by the core and by the vault, in fen."""

    taken_fen: int
    exchanged_fen: int
    paid_fen: int
    redeemed_fen: int


class Hold(NamedTuple):
    """Money that is set aside, and the exchange of that key, if there is one."""

    key: str
    amount_fen: int
    state: str | None
    saga_fen: int | None
    created_ms: int | None


async def add_movements(connection: Connection, movements: Sequence[Movement]) -> None:
    """Add movements of the vault; what is there, from an earlier reading of the feed, stays."""
    if movements:
        await connection.execute(_SQL.add_movements, *map(list, zip(*movements, strict=True)))


async def last_statement(connection: Connection) -> int | None:
    """Return the last day that the registry has stated."""
    day: int | None = await connection.fetchval(_SQL.last_statement)
    return day


async def add_statement(connection: Connection, statement: DailyStatement, encoded: bytes) -> None:
    """Keep a statement; nothing when there is one of that day."""
    await connection.execute(
        _SQL.add_statement, statement.day, statement.opening_fen, statement.issued_fen,
        statement.destroyed_fen, statement.exchanged_fen, statement.redeemed_fen,
        statement.set_aside_fen, statement.released_fen, statement.vault_fen,
        statement.opening_reserve_fen, statement.reserve_fen, statement.difference_fen,
        statement.height, encoded,
    )  # fmt: skip


async def read_statements(connection: Connection) -> list[Stated]:
    """Return what the registry has stated, the oldest first."""
    rows = await connection.fetch(_SQL.statements)
    return [
        Stated(
            row["day"], row["opening_fen"], Flows(*(row[name] for name in Flows._fields)),
            row["vault_fen"], row["difference_fen"],
        )
        for row in rows
    ]  # fmt: skip


async def read_flows(connection: Connection) -> dict[int, Flows]:
    """Return what the feed tells of the vault, by day."""
    rows = await connection.fetch(_SQL.days, ISSUANCE)
    return {row["day"]: Flows(*(row[name] for name in Flows._fields)) for row in rows}


async def feed_height(connection: Connection) -> int:
    """Return how far the feed was read."""
    return int(await connection.fetchval(_SQL.feed_height))


async def read_totals(connection: Connection) -> Totals:
    """Return what core and vault have moved in all."""
    row = await connection.fetchrow(_SQL.totals, ISSUANCE)
    assert row is not None, "sums always have a row"
    return Totals(*row.values())


async def read_exchanges(connection: Connection) -> list[Case]:
    """Return the exchanges that are not over on all sides."""
    return [Case(**dict(row)) for row in await connection.fetch(_SQL.exchanges, ISSUANCE)]


async def read_redemptions(connection: Connection) -> list[Case]:
    """Return the redemptions that are not over on all sides."""
    return [Case(**dict(row)) for row in await connection.fetch(_SQL.redemptions, ISSUANCE)]


async def read_holds(connection: Connection) -> list[Hold]:
    """Return what is set aside and should not be."""
    return [Hold(*row.values()) for row in await connection.fetch(_SQL.holds)]
