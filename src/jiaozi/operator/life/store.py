"""What was settled about wallets, in the operator's database: the statements of `queries.sql`."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.life.model import Event, ToldEvent
from jiaozi.protocol.order_types import OrderType
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_event: str
    events: str
    set_class: str
    close_wallet: str
    await_key: str
    bind_key: str
    await_no_key: str
    carry: str
    carry_no_more: str
    carried: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def take_event(connection: Connection, told: ToldEvent) -> None:
    """Keep an event, and let the wallet's record follow it."""
    event, body = told
    await connection.execute(_SQL.add_event, *event)
    wallet = event.wallet
    match OrderType(event.order_type):
        case OrderType.SET_CLASS:
            await connection.execute(_SQL.set_class, wallet, body["wallet_class"])
        case OrderType.CLOSE:
            await connection.execute(_SQL.close_wallet, wallet, event.time_ms)
        case OrderType.REBIND_REQUEST:
            await connection.execute(_SQL.await_key, wallet, body["suite"], body["key"])
        case OrderType.REBIND_COMPLETE | OrderType.REBIND_OVERRULE:
            await connection.execute(_SQL.bind_key, wallet)
            await connection.execute(_SQL.await_no_key, wallet)
        case _:
            pass  # nothing else is kept at the operator: the registry is asked


async def events(
    connection: Connection, wallet: int, before: tuple[int, int], limit: int
) -> list[Event]:
    """Return a wallet's events before a height and position, newest first."""
    rows = await connection.fetch(_SQL.events, wallet, *before, limit)
    return [Event(*row.values()) for row in rows]


async def load_carriage(connection: Connection, operator: int) -> Carriage:
    """Return whose wallets are carried here."""
    rows = await connection.fetch(_SQL.carried)
    return Carriage(operator, [row["code"] for row in rows])


async def take_reassignments(
    connection: Connection, operator: int, reassigned: Iterable[tuple[int, int]]
) -> None:
    """Keep who carries failed operators: pairs of the failed one and its carrier."""
    for failed, carrier in reassigned:
        statement = _SQL.carry if carrier == operator else _SQL.carry_no_more
        await connection.execute(statement, failed)
