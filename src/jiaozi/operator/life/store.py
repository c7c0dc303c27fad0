"""What was settled about wallets, in the operator's database: the statements of `queries.sql`."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from uuid import UUID

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.life.model import Event, RebindRecord, RebindState, ToldEvent
from jiaozi.operator.registry.model import StoredOrder
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.ids import OrderId
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
    is_holders: str
    add_rebind: str
    find_rebind: str
    rebind_of_registration: str
    move_rebind: str
    complete_with: str
    due_rebinds: str
    open_rebinds: str
    event_of_order: str
    add_freeze: str
    add_lift: str
    has_open_exchange: str
    adopt_wallet: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def take_event(connection: Connection, told: ToldEvent) -> bool:
    """Keep an event, and let the wallet's record follow it.

    Returns:
        False, and nothing was done, for an event that is kept from an earlier reading of the feed:
        what came of it may long be replaced by what came later.
    """
    event, body = told
    if await connection.fetchval(_SQL.add_event, *event) is None:
        return False
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
    return True


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


async def is_holders(
    connection: Connection, wallet: int, phone_digest: bytes, document_digest: bytes | None
) -> bool:
    """Say whether phone and document are those of a wallet's holder."""
    found: bool = await connection.fetchval(_SQL.is_holders, wallet, phone_digest, document_digest)
    return found


async def add_rebind(
    connection: Connection, record: RebindRecord, registration_id: UUID, next_try_ms: int
) -> bool:
    """Store a rebind; false when its registration has begun another."""
    added = await connection.fetchval(
        _SQL.add_rebind, record.id, registration_id, record.wallet, record.suite,
        record.public_key, record.request_id, next_try_ms,
    )  # fmt: skip
    return added is not None


async def find_rebind(connection: Connection, rebind_id: UUID) -> RebindRecord | None:
    """Return a rebind."""
    row = await connection.fetchrow(_SQL.find_rebind, rebind_id)
    if row is None:
        return None
    completion, outcome = row["completion_id"], row["outcome"]
    return RebindRecord(
        id=row["id"],
        wallet=row["wallet"],
        suite=row["suite"],
        public_key=row["public_key"],
        state=RebindState(row["state"]),
        request_id=OrderId(row["request_id"]),
        completion_id=None if completion is None else OrderId(completion),
        completes_ms=row["completes_ms"],
        outcome=None if outcome is None else tuple(outcome),
    )


async def rebind_of_registration(
    connection: Connection, registration_id: UUID
) -> RebindRecord | None:
    """Return the rebind that a code began."""
    rebind_id = await connection.fetchval(_SQL.rebind_of_registration, registration_id)
    return None if rebind_id is None else await find_rebind(connection, rebind_id)


async def move_rebind(
    connection: Connection, rebind_id: UUID, state: str, next_try_ms: int, completes_ms: int | None
) -> None:
    """Write where a rebind stands."""
    await connection.execute(_SQL.move_rebind, rebind_id, state, next_try_ms, completes_ms)


async def complete_with(
    connection: Connection, rebind_id: UUID, order_id: OrderId, next_try_ms: int
) -> None:
    """Write which order is to complete a rebind."""
    await connection.execute(_SQL.complete_with, rebind_id, order_id, next_try_ms)


async def due_rebinds(
    connection: Connection, *, now_ms: int, next_try_ms: int, limit: int
) -> list[UUID]:
    """Take rebinds to look after."""
    rows = await connection.fetch(_SQL.due_rebinds, now_ms, next_try_ms, limit)
    return [row["id"] for row in rows]


async def open_rebinds(connection: Connection) -> list[RebindRecord]:
    """Return the rebinds that have not ended, oldest first."""
    records = [
        await find_rebind(connection, row["id"])
        for row in await connection.fetch(_SQL.open_rebinds)
    ]
    return [each for each in records if each is not None]


async def place_of_order(
    connection: Connection, wallet: int, identity: bytes
) -> tuple[int, int] | None:
    """Return height and position of a settled order about a wallet."""
    row = await connection.fetchrow(_SQL.event_of_order, wallet, identity)
    return None if row is None else (row["height"], row["position"])


async def add_freeze(
    connection: Connection, case: bytes, order: StoredOrder, clerk: str, file_number: str
) -> None:
    """Keep who froze a wallet and for which file."""
    await connection.execute(_SQL.add_freeze, case, order.scope, order.id, clerk, file_number)


async def add_lift(
    connection: Connection, case: bytes, order: StoredOrder, clerk: str, file_number: str
) -> None:
    """Keep who lifted a freeze and for which file."""
    await connection.execute(_SQL.add_lift, order.id, order.scope, case, clerk, file_number)


async def has_open_exchange(connection: Connection, wallet: int) -> bool:
    """Say whether an exchange or redemption of a wallet is not finished."""
    found: bool = await connection.fetchval(_SQL.has_open_exchange, wallet)
    return found


async def adopt_wallet(
    connection: Connection, wallet: Wallet, holder_id: UUID, phone_digest: bytes
) -> None:
    """Store a wallet that a failed operator opened."""
    await connection.execute(
        _SQL.adopt_wallet, wallet.number, holder_id, int(wallet.holder), int(wallet.wallet_class),
        wallet.suite, wallet.public_key, wallet.outcome, wallet.created_ms, phone_digest,
    )  # fmt: skip
