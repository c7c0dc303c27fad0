"""A company's signatories in the operator's database: the statements of `signatories.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple
from uuid import UUID

from jiaozi.operator.customers.privacy import Sealed
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
    wallets_of_signatory: str


_SQL = load_statements(_Statements, resources.files(__package__) / "signatories.sql")


class SignatoryRow(NamedTuple):
    """A signatory's wallet; ``evidence`` is None for one who showed nothing of their own."""

    wallet: AccountNumber
    is_open: bool
    added_ms: int
    removed_ms: int | None
    evidence_id: UUID | None
    sealed: Sealed | None


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
            is_open=row["is_open"],
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


async def wallets_of_signatory(connection: Connection, wallet: int) -> list[AccountNumber]:
    """Return a signatory's wallet and its sub-wallets, as far as they can be used."""
    rows = await connection.fetch(_SQL.wallets_of_signatory, wallet)
    return [AccountNumber(row["number"]) for row in rows]
