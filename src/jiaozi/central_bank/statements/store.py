"""Statements in the registry's database: the statements of `queries.sql`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from jiaozi.protocol import numbers
from jiaozi.protocol.daily_statement import DailyStatement
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

BLOCKS_AT_A_TIME = 20


@dataclass(frozen=True, slots=True)
class Statements:
    """The names in queries.sql."""

    lock: str
    unlock: str
    tip: str
    blocks: str
    operators: str
    balances: str
    last_day: str
    held_after: str
    all_statements: str
    of_operator: str
    add: str
    with_difference: str


SQL = load_statements(Statements, files(__package__) / "queries.sql")


class Block(NamedTuple):
    """A block as far as a statement needs it."""

    height: int
    time_ms: int
    identity: bytes
    order_count: int
    body: bytes


class Held(NamedTuple):
    """What an operator's vault and reserve hold at some height."""

    vault_fen: int
    reserve_fen: int


class DayEnd(NamedTuple):
    """The last block up to the end of a day."""

    height: int
    identity: bytes


class Stated(NamedTuple):
    """Where the last statements end."""

    day: int
    end: DayEnd
    held: dict[int, Held]


async def read_tip(connection: Connection) -> tuple[int, int] | None:
    """Return height and time of the last block; None before genesis."""
    row = await connection.fetchrow(SQL.tip)
    return None if row is None else (row["height"], row["time_ms"])


async def read_blocks(connection: Connection, after: int) -> AsyncIterator[Block]:
    """Yield the blocks after a height, up to the last one."""
    while True:
        rows = await connection.fetch(SQL.blocks, after, BLOCKS_AT_A_TIME)
        for row in rows:
            yield Block(*row)
        if len(rows) < BLOCKS_AT_A_TIME:
            return
        after = rows[-1]["height"]


async def read_stated(connection: Connection) -> Stated | None:
    """Return where the last statements end; None when there are none."""
    day = await connection.fetchval(SQL.last_day)
    if day is None:
        return None
    rows = await connection.fetch(SQL.held_after, day)
    held = {row["operator"]: Held(row["vault_fen"], row["reserve_fen"]) for row in rows}
    return Stated(day, DayEnd(rows[0]["height"], rows[0]["identity"]), held)


async def read_operators(connection: Connection) -> list[int]:
    """Return the codes of all operators that have a vault."""
    return [row["operator"] for row in await connection.fetch(SQL.operators)]


async def read_held(connection: Connection, operators: Sequence[int]) -> dict[int, Held]:
    """Return what the accounts of operators hold now; one that is not there holds nothing."""
    accounts = [f(each) for each in operators for f in (numbers.vault_of, numbers.reserve_of)]
    rows = await connection.fetch(SQL.balances, accounts)
    balances = {row["number"]: row["balance_fen"] for row in rows}
    return {
        each: Held(
            balances.get(numbers.vault_of(each), 0), balances.get(numbers.reserve_of(each), 0)
        )
        for each in operators
    }


async def add(connection: Connection, statement: DailyStatement, encoded: bytes) -> None:
    """Keep a statement."""
    await connection.execute(
        SQL.add, statement.operator, statement.day, statement.height, statement.vault_fen,
        statement.reserve_fen, statement.difference_fen, encoded,
    )  # fmt: skip


async def all_statements(connection: Connection) -> list[bytes]:
    """Return everything that was stated, the oldest first."""
    return [row["encoded"] for row in await connection.fetch(SQL.all_statements)]


async def of_operator(
    connection: Connection, operator: int, *, from_day: int, to_day: int, limit: int
) -> list[bytes]:
    """Return an operator's statements, the oldest first."""
    rows = await connection.fetch(SQL.of_operator, operator, from_day, to_day, limit)
    return [row["encoded"] for row in rows]


async def with_difference(connection: Connection) -> int:
    """Return how many statements do not add up."""
    return int(await connection.fetchval(SQL.with_difference))
