"""PINs and countersignatures in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources

import asyncpg

from jiaozi.operator.second_factor.model import Pin
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.orders import Order
from jiaozi.service.keys import KdfCost
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    find_pin: str
    lock_pin: str
    count_tries: str
    forgive_tries: str
    add_pin: str
    change_pin: str
    find_reset: str
    put_reset: str
    take_reset: str
    drop_reset: str
    add_countersignature: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def find_pin(connection: Connection, wallet: int) -> Pin | None:
    """Return a wallet's PIN."""
    return _pin(await connection.fetchrow(_SQL.find_pin, wallet))


async def lock_pin(connection: Connection, wallet: int) -> Pin | None:
    """Return a wallet's PIN and keep others from counting a try until the transaction ends."""
    return _pin(await connection.fetchrow(_SQL.lock_pin, wallet))


async def count_tries(connection: Connection, wallet: int, pin: Pin) -> None:
    """Write down the tries of a PIN and how long it is locked."""
    await connection.execute(_SQL.count_tries, wallet, pin.tries, pin.locked_until_ms)


async def forgive_tries(connection: Connection, wallet: int, pin: Pin) -> None:
    """Take back the tries of a PIN that was right, unless another was set since; drop a reset."""
    await connection.execute(_SQL.forgive_tries, wallet, pin.salt)
    await connection.execute(_SQL.drop_reset, wallet)


async def add_pin(connection: Connection, wallet: int, pin: Pin, now_ms: int) -> bool:
    """Store a wallet's first PIN; false if it has one."""
    return await connection.fetchval(_SQL.add_pin, wallet, *_values(pin, now_ms)) is not None


async def change_pin(connection: Connection, wallet: int, pin: Pin, old: Pin, now_ms: int) -> bool:
    """Store a PIN in place of another; false if that is no longer the wallet's. Drop a reset."""
    values = (*_values(pin, now_ms), old.salt)
    await connection.execute(_SQL.drop_reset, wallet)
    return await connection.fetchval(_SQL.change_pin, wallet, *values) is not None


async def find_reset(connection: Connection, wallet: int, change_id: bytes) -> int | None:
    """Return when the reset of this change takes effect, if it waits."""
    due_ms: int | None = await connection.fetchval(_SQL.find_reset, wallet, change_id)
    return due_ms


async def put_reset(connection: Connection, wallet: Wallet, pin: Pin, due_ms: int) -> None:
    """Let a PIN wait, in place of one that waited."""
    values = _values(pin, due_ms)
    await connection.execute(_SQL.put_reset, wallet.number, *values, wallet.public_key)


async def take_reset(connection: Connection, wallet: int, now_ms: int) -> None:
    """Let a PIN whose time has come be the wallet's."""
    await connection.execute(_SQL.take_reset, wallet, now_ms)


async def add_countersignature(
    connection: Connection, wallet: int, order: Order, now_ms: int
) -> None:
    """Record that an order is being countersigned."""
    await connection.execute(
        _SQL.add_countersignature,
        wallet,
        order.identity,
        order.id,
        int(order.type),
        order.total_fen,
        now_ms,
    )


def _values(pin: Pin, now_ms: int) -> tuple[bytes | int, ...]:
    cost = pin.cost
    return (
        pin.salt, pin.digest, cost.memory_kib, cost.passes, cost.lanes, pin.change_id, now_ms,
    )  # fmt: skip


def _pin(row: asyncpg.Record | None) -> Pin | None:
    if row is None:
        return None
    return Pin(
        salt=row["salt"],
        digest=row["digest"],
        cost=KdfCost(memory_kib=row["memory_kib"], passes=row["passes"], lanes=row["lanes"]),
        change_id=row["change_id"],
        tries=row["tries"],
        locked_until_ms=row["locked_until_ms"],
    )
