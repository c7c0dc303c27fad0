"""Wallets in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple
from uuid import UUID

import asyncpg

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.registry.model import StoredOrder
from jiaozi.operator.wallets.model import CertifyOrder, OrderState, Wallet, WalletState
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Outcome
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_wallet: str
    find_wallet: str
    finish_opening: str
    due_openings: str
    lock_wallet: str
    owner: str
    opened_under: str
    sub_wallets: str
    add_certify_order: str
    find_certify_order: str
    class_under_way: str
    finish_certify_order: str
    due_certify_orders: str


class Owner(NamedTuple):
    """Whose a wallet is, and what that lets it do."""

    holder_id: UUID
    group: bytes
    phone_digest: bytes
    wallet_class: WalletClass
    sub_wallets: int
    is_closed: bool
    is_removed: bool
    """A signatory that the company let go."""


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def add_wallet(
    connection: Connection,
    wallet: Wallet,
    holder_id: UUID,
    *,
    phone_digest: bytes,
    next_try_ms: int,
) -> None:
    """Store a wallet that is opening."""
    assert wallet.order is not None, "an opening has its order"
    await connection.execute(
        _SQL.add_wallet,
        wallet.number,
        holder_id,
        int(wallet.holder),
        int(wallet.wallet_class),
        wallet.suite,
        wallet.public_key,
        wallet.order.id,
        wallet.order.submission,
        wallet.order.identity,
        wallet.order.expires_ms,
        wallet.created_ms,
        next_try_ms,
        phone_digest,
        wallet.opened_by,
        wallet.parent,
    )


async def find_wallet(connection: Connection, number: int) -> Wallet | None:
    """Return a wallet."""
    row = await connection.fetchrow(_SQL.find_wallet, number)
    return None if row is None else _wallet(row)


def _wallet(row: asyncpg.Record) -> Wallet:
    outcome = row["outcome"]
    return Wallet(
        number=AccountNumber(row["number"]),
        wallet_class=WalletClass(row["wallet_class"]),
        holder=Holder(row["holder_kind"]),
        suite=row["suite"],
        public_key=row["public_key"],
        state=WalletState(row["state"]),
        order=None if row["order_id"] is None else _order(row, row["number"]),
        outcome=None if outcome is None else tuple(outcome),
        created_ms=row["created_ms"],
        opened_by=row["opened_by"],
        parent=row["parent"],
        ended_ms=row["ended_ms"],
    )


async def finish_opening(
    connection: Connection,
    number: int,
    order_id: bytes,
    state: WalletState,
    outcome: Outcome | None,
) -> None:
    """Record what became of an opening order; nothing if that is known already."""
    await connection.execute(_SQL.finish_opening, number, order_id, state.value, outcome)


async def due_openings(
    connection: Connection, *, now_ms: int, next_try_ms: int, limit: int
) -> list[int]:
    """Return the openings to ask after, putting off the next asking."""
    rows = await connection.fetch(_SQL.due_openings, now_ms, next_try_ms, limit)
    return [row["number"] for row in rows]


async def lock_owner(connection: Connection, number: int) -> Owner:
    """Return whose an open wallet is, and let nobody change that until the transaction ends."""
    await connection.execute(_SQL.lock_wallet, number)
    return await owner(connection, number)


async def owner(connection: Connection, number: int) -> Owner:
    """Return whose an open wallet is."""
    row = await connection.fetchrow(_SQL.owner, number)
    assert row is not None, "a wallet is never removed"
    return Owner(
        holder_id=row["holder_id"],
        group=row["group_id"],
        phone_digest=row["phone_digest"],
        wallet_class=WalletClass(row["wallet_class"]),
        sub_wallets=row["sub_wallets"],
        is_closed=row["is_closed"],
        is_removed=row["is_removed"],
    )


async def opened_under(connection: Connection, opener: int, public_key: bytes) -> int | None:
    """Return the wallet that another one had opened for a key, unless it came to nothing."""
    number: int | None = await connection.fetchval(_SQL.opened_under, opener, public_key)
    return number


async def sub_wallets(connection: Connection, parent: int) -> list[Wallet]:
    """Return the sub-wallets of a wallet, oldest first."""
    return [_wallet(row) for row in await connection.fetch(_SQL.sub_wallets, parent)]


async def add_certify_order(
    connection: Connection, new: CertifyOrder, *, now_ms: int, next_try_ms: int
) -> None:
    """Store an order about an open wallet before it is sent."""
    await connection.execute(
        _SQL.add_certify_order,
        new.order.id,
        new.wallet,
        new.wallet_class,
        new.order.submission,
        new.order.identity,
        new.order.expires_ms,
        now_ms,
        next_try_ms,
    )


async def find_certify_order(connection: Connection, order_id: bytes) -> CertifyOrder | None:
    """Return an order about an open wallet."""
    row = await connection.fetchrow(_SQL.find_certify_order, order_id)
    return None if row is None else _certify_order(row)


async def class_under_way(connection: Connection, number: int) -> CertifyOrder | None:
    """Return the change of a wallet's class that is not finished."""
    row = await connection.fetchrow(_SQL.class_under_way, number)
    return None if row is None else _certify_order(row)


async def finish_certify_order(
    connection: Connection, order_id: bytes, state: OrderState, outcome: Outcome | None
) -> None:
    """Record what became of an order, and give the wallet the class that it set."""
    await connection.execute(_SQL.finish_certify_order, order_id, state.value, outcome)


async def due_certify_orders(
    connection: Connection, *, now_ms: int, next_try_ms: int, limit: int
) -> list[bytes]:
    """Return the orders to ask after, putting off the next asking."""
    rows = await connection.fetch(_SQL.due_certify_orders, now_ms, next_try_ms, limit)
    return [row["order_id"] for row in rows]


def _certify_order(row: asyncpg.Record) -> CertifyOrder:
    outcome, wallet_class = row["outcome"], row["wallet_class"]
    return CertifyOrder(
        wallet=AccountNumber(row["wallet"]),
        wallet_class=None if wallet_class is None else WalletClass(wallet_class),
        order=_order(row, row["wallet"]),
        state=OrderState(row["state"]),
        outcome=None if outcome is None else tuple(outcome),
    )


def _order(row: asyncpg.Record, scope: int) -> StoredOrder:
    return StoredOrder(
        scope=scope,
        id=row["order_id"],
        identity=row["identity"],
        expires_ms=row["expires_ms"],
        submission=row["submission"],
    )
