"""Wallets in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources
from uuid import UUID

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.registry.model import StoredOrder
from jiaozi.operator.wallets.model import Wallet, WalletState
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
    )


async def find_wallet(connection: Connection, number: int) -> Wallet | None:
    """Return a wallet."""
    row = await connection.fetchrow(_SQL.find_wallet, number)
    if row is None:
        return None
    outcome = row["outcome"]
    return Wallet(
        number=AccountNumber(row["number"]),
        wallet_class=WalletClass(row["wallet_class"]),
        holder=Holder(row["holder_kind"]),
        suite=row["suite"],
        public_key=row["public_key"],
        state=WalletState(row["state"]),
        order=StoredOrder(
            scope=row["number"],
            id=row["order_id"],
            identity=row["identity"],
            expires_ms=row["expires_ms"],
            submission=row["submission"],
        ),
        outcome=None if outcome is None else tuple(outcome),
        created_ms=row["created_ms"],
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
