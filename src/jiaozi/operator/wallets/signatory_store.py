"""A company's signatories in the operator's database: the statements of `signatories.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple
from uuid import UUID

from jiaozi.operator.customers.privacy import Sealed
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    lock_company: str
    count_signatories: str
    add_signatory: str
    signatories: str
    remove_signatory: str
    freezes_of_removed: str
    note_removal: str


_SQL = load_statements(_Statements, resources.files(__package__) / "signatories.sql")


class SignatoryRow(NamedTuple):
    """A signatory's wallet and its state; ``evidence`` is None for who showed nothing."""

    wallet: AccountNumber
    state: str
    added_ms: int
    removed_ms: int | None
    evidence_id: UUID | None
    sealed: Sealed | None


class RemovalFreeze(NamedTuple):
    """A wallet of a removed signatory, and the last order that freezes it, if there was one."""

    wallet: AccountNumber
    order_id: bytes | None
    state: OrderState | None


async def lock_company(connection: Connection, holder_id: UUID) -> None:
    """Let nobody else remove a signatory of a company until the transaction ends."""
    await connection.execute(_SQL.lock_company, holder_id)


async def count_signatories(connection: Connection, holder_id: UUID) -> int:
    """Return how many signatories a company has."""
    count: int = await connection.fetchval(_SQL.count_signatories, holder_id)
    return count


async def add_signatory(
    connection: Connection,
    wallet: int,
    holder_id: UUID,
    *,
    evidence_id: UUID | None,
    now_ms: int,
) -> None:
    """Note whose a wallet of a company's group is."""
    await connection.execute(_SQL.add_signatory, wallet, holder_id, evidence_id, now_ms)


async def signatories(connection: Connection, holder_id: UUID) -> list[SignatoryRow]:
    """Return a company's signatories, those who were removed too, oldest first."""
    return [
        SignatoryRow(
            wallet=AccountNumber(row["number"]),
            state=row["state"],
            added_ms=row["added_ms"],
            removed_ms=row["removed_ms"],
            evidence_id=row["id"],
            sealed=Sealed(row["data_key"], row["sealed"]) if row["data_key"] else None,
        )
        for row in await connection.fetch(_SQL.signatories, holder_id)
    ]


async def remove_signatory(
    connection: Connection, wallet: int, *, removed_by: int, now_ms: int
) -> None:
    """Note that a company let a signatory go."""
    await connection.execute(_SQL.remove_signatory, wallet, removed_by, now_ms)


async def freezes_of_removed(connection: Connection, wallet: int) -> list[RemovalFreeze]:
    """Return how a signatory's wallets are frozen, as far as they can be used."""
    return [
        RemovalFreeze(
            wallet=AccountNumber(row["number"]),
            order_id=row["order_id"],
            state=None if row["state"] is None else OrderState(row["state"]),
        )
        for row in await connection.fetch(_SQL.freezes_of_removed, wallet)
    ]


async def note_removal(connection: Connection, order_id: bytes) -> None:
    """Note that an order freezes a wallet because its signatory was removed."""
    await connection.execute(_SQL.note_removal, order_id)
