"""Devices in the operator's database: the statements of `queries.sql`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

import asyncpg

from jiaozi.operator.offline.model import DeviceRecord, OfflineOrder, Suspicion
from jiaozi.operator.registry.model import Decided, StoredOrder
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.offline.certificate import Chain, Profile
from jiaozi.protocol.order_types import OrderType
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_device: str
    lock_device: str
    find_device: str
    devices_of: str
    suspect: str
    clear: str
    suspected: str
    add_order: str
    find_order: str
    last_order: str
    enrolled: str
    lock_guarantee: str
    open_guarantee_order: str
    decide_order: str
    due_orders: str
    add_decision: str
    add_case: str
    cases: str
    add_issue_codes: str
    use_issue_code: str
    count_issue_codes: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class Decision(NamedTuple):
    """Which clerk decided about a device, and for which file. The columns of the statement."""

    device: bytes
    decision: str
    clerk: str
    file_number: str
    decided_ms: int


class LogCase(NamedTuple):
    """A log that convicts the device that signed it."""

    device: bytes
    operator: int
    proof: bytes


class IssueCodeCounts(NamedTuple):
    """How many issue codes can be used, were used, and can be used no more."""

    open: int
    used: int
    expired: int


async def add_device(connection: Connection, device: DeviceRecord, now_ms: int) -> None:
    """Keep a device; one that is kept already stays as it is."""
    await connection.execute(
        _SQL.add_device, device.key, device.wallet, int(device.profile), now_ms
    )


async def find_device(
    connection: Connection, key: bytes, *, lock: bool = False
) -> DeviceRecord | None:
    """Return a device of ours; with ``lock`` nobody else decides about it meanwhile."""
    row = await connection.fetchrow(_SQL.lock_device if lock else _SQL.find_device, key)
    return None if row is None else _device(row)


async def devices_of(connection: Connection, wallet: int, *, limit: int) -> list[DeviceRecord]:
    """Return a wallet's devices, the oldest first."""
    return [_device(row) for row in await connection.fetch(_SQL.devices_of, wallet, limit)]


async def suspect(connection: Connection, key: bytes, suspicion: Suspicion) -> None:
    """Note why a person should look at a device; another operator's is let alone."""
    await connection.execute(_SQL.suspect, key, suspicion.value)


async def clear(connection: Connection, key: bytes) -> None:
    """Let a device go on: a person has looked."""
    await connection.execute(_SQL.clear, key)


async def suspected(connection: Connection) -> list[DeviceRecord]:
    """Return the devices that a person should look at."""
    return [_device(row) for row in await connection.fetch(_SQL.suspected)]


async def add_order(
    connection: Connection, order: OfflineOrder, *, now_ms: int, next_try_ms: int
) -> None:
    """Keep an order before it is sent."""
    chain, stored = order.chain, order.order
    await connection.execute(
        _SQL.add_order,
        stored.id,
        int(order.type),
        order.device,
        stored.scope,
        None if chain is None else chain.operator,
        None if chain is None else chain.device,
        stored.submission,
        stored.identity,
        stored.expires_ms,
        now_ms,
        next_try_ms,
    )


async def find_order(connection: Connection, order_id: bytes) -> OfflineOrder | None:
    """Return an order."""
    row = await connection.fetchrow(_SQL.find_order, order_id)
    return None if row is None else _order(row)


async def last_order(
    connection: Connection, device: bytes, order_type: OrderType
) -> OfflineOrder | None:
    """Return the last order of a kind about a device."""
    row = await connection.fetchrow(_SQL.last_order, device, int(order_type))
    return None if row is None else _order(row)


async def enrolled(connection: Connection, device: bytes) -> OfflineOrder | None:
    """Return the enrolment that gave a device the certificates it has."""
    row = await connection.fetchrow(_SQL.enrolled, device)
    return None if row is None else _order(row)


async def lock_guarantee(connection: Connection) -> None:
    """Let nobody else decide on a move of the guarantee within this transaction."""
    await connection.execute(_SQL.lock_guarantee)


async def open_guarantee_order(connection: Connection) -> OfflineOrder | None:
    """Return a move of the guarantee that is under way."""
    row = await connection.fetchrow(_SQL.open_guarantee_order)
    return None if row is None else _order(row)


async def decide_order(
    connection: Connection, order_id: bytes, state: OrderState, decided: Decided | None
) -> None:
    """Record what became of an order."""
    outcome = None if decided is None else decided.outcome
    await connection.execute(_SQL.decide_order, order_id, state.value, outcome)


async def due_orders(
    connection: Connection, *, now_ms: int, next_try_ms: int, limit: int
) -> list[bytes]:
    """Take orders to go on with, by their ids."""
    rows = await connection.fetch(_SQL.due_orders, now_ms, next_try_ms, limit)
    return [row["order_id"] for row in rows]


async def add_decision(connection: Connection, decision: Decision) -> None:
    """Keep what a clerk decided."""
    await connection.execute(_SQL.add_decision, *decision)


async def add_case(connection: Connection, case: LogCase, now_ms: int) -> None:
    """Keep a log that convicts its device."""
    await connection.execute(_SQL.add_case, *case, now_ms)


async def cases(connection: Connection) -> list[LogCase]:
    """Return the logs that convict devices, the oldest first."""
    return [LogCase(*row.values()) for row in await connection.fetch(_SQL.cases)]


async def add_issue_codes(
    connection: Connection,
    hashes: Sequence[bytes],
    *,
    clerk: str,
    file_number: str,
    now_ms: int,
    expires_ms: int,
) -> None:
    """Keep the hashes of codes that a clerk has made."""
    await connection.execute(_SQL.add_issue_codes, hashes, clerk, file_number, now_ms, expires_ms)


async def use_issue_code(connection: Connection, digest: bytes, device: bytes, now_ms: int) -> bool:
    """Use a code up for a device, and say whether that could be."""
    return await connection.fetchval(_SQL.use_issue_code, digest, device, now_ms) is not None


async def count_issue_codes(connection: Connection, now_ms: int) -> IssueCodeCounts:
    """Return how many codes there are of each kind."""
    row = await connection.fetchrow(_SQL.count_issue_codes, now_ms)
    assert row is not None, "it counts"
    return IssueCodeCounts(*row.values())


def _device(row: asyncpg.Record) -> DeviceRecord:
    suspicion = row["suspicion"]
    return DeviceRecord(
        key=row["key"],
        wallet=row["wallet"],
        profile=Profile(row["profile"]),
        suspicion=None if suspicion is None else Suspicion(suspicion),
    )


def _order(row: asyncpg.Record) -> OfflineOrder:
    certificate, outcome = row["certificate"], row["outcome"]
    return OfflineOrder(
        device=row["device"],
        type=OrderType(row["order_type"]),
        chain=None
        if certificate is None
        else Chain(operator=row["operator_certificate"], device=certificate),
        order=StoredOrder(
            scope=row["scope"],
            id=row["order_id"],
            identity=row["identity"],
            expires_ms=row["expires_ms"],
            submission=row["submission"],
        ),
        state=OrderState(row["state"]),
        outcome=None if outcome is None else tuple(outcome),
    )
