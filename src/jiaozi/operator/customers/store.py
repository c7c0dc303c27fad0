"""Customers in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import Literal, NamedTuple
from uuid import UUID, uuid4

from jiaozi.operator.customers.model import CODE_TRIES_MAX, HOUR_MS, KnownHolder
from jiaozi.operator.customers.privacy import Sealed
from jiaozi.protocol.order_types import Holder
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

IdentifierKind = Literal["phone", "document"]


@dataclass(frozen=True, slots=True)
class _Statements:
    count_registrations: str
    add_registration: str
    count_source: str
    add_source: str
    forget_sources: str
    count_try: str
    forget_registrations: str
    wallet_of_registration: str
    use_registration: str
    lock_identity: str
    find_holders: str
    add_holder: str
    add_identifier: str
    add_evidence: str
    has_document: str
    documents_of_wallet: str
    deposit_phone: str
    shown: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRegistration:
    """A registration whose code was not sent yet."""

    id: UUID
    phone_digest: bytes
    phone: Sealed
    code_digest: bytes
    requested_ms: int
    expires_ms: int


class Candidate(NamedTuple):
    """A live registration of which a try was just spent."""

    phone_digest: bytes
    code_digest: bytes
    phone: Sealed


class SealedEvidence(NamedTuple):
    """A phone or document as evidence."""

    evidence_id: UUID
    sealed: Sealed


class Identifier(NamedTuple):
    """Something that a holder shows; ``is_verified`` when it is proven to be the holder's."""

    kind: IdentifierKind
    digest: bytes
    is_verified: bool


async def count_registrations(connection: Connection, phone_digest: bytes, since_ms: int) -> int:
    """Return how many codes were asked for a phone since a time."""
    count: int = await connection.fetchval(_SQL.count_registrations, phone_digest, since_ms)
    return count


async def count_source(connection: Connection, source_digest: bytes, since_ms: int) -> int:
    """Return how many codes an address asked for since a time."""
    count: int = await connection.fetchval(_SQL.count_source, source_digest, since_ms)
    return count


async def add_source(connection: Connection, source_digest: bytes, now_ms: int) -> None:
    """Note that an address asked for a code."""
    await connection.execute(_SQL.add_source, source_digest, now_ms)


async def add_registration(connection: Connection, new: NewRegistration) -> None:
    """Keep a registration."""
    await connection.execute(
        _SQL.add_registration,
        new.id,
        new.phone_digest,
        new.phone.wrapped_key,
        new.phone.content,
        new.code_digest,
        new.requested_ms,
        new.expires_ms,
    )


async def count_try(connection: Connection, registration_id: UUID, now_ms: int) -> Candidate | None:
    """Spend a try; None when there is none left, or no live registration of this id."""
    row = await connection.fetchrow(_SQL.count_try, registration_id, CODE_TRIES_MAX, now_ms)
    if row is None:
        return None
    phone = Sealed(row["data_key"], row["sealed"])
    return Candidate(row["phone_digest"], row["code_digest"], phone)


async def forget_registrations(connection: Connection, now_ms: int) -> None:
    """Drop what came to nothing: phone and address are kept no longer than code and quota need."""
    await connection.execute(_SQL.forget_registrations, now_ms, now_ms - HOUR_MS)
    await connection.execute(_SQL.forget_sources, now_ms - HOUR_MS)


async def wallet_of_registration(
    connection: Connection, registration_id: UUID
) -> tuple[int, bytes] | None:
    """Return number and key of the wallet that a code opened."""
    row = await connection.fetchrow(_SQL.wallet_of_registration, registration_id)
    return None if row is None else (row["number"], row["public_key"])


async def use_registration(connection: Connection, registration_id: UUID, wallet: int) -> bool:
    """Bind a registration to the wallet it opens; false when it has opened another."""
    used = await connection.fetchval(_SQL.use_registration, registration_id, wallet)
    return used is not None


async def lock_identity(connection: Connection, digest: bytes) -> None:
    """Let nobody else find or make a holder by this digest until the transaction ends."""
    await connection.execute(_SQL.lock_identity, digest)


async def find_holders(
    connection: Connection, kind: Holder, identifier: Identifier
) -> list[KnownHolder]:
    """Return the holders that showed an identifier, oldest first."""
    rows = await connection.fetch(_SQL.find_holders, int(kind), identifier.kind, identifier.digest)
    return [
        KnownHolder(row["id"], row["group_id"], row["has_document"], row["is_verified"])
        for row in rows
    ]


async def add_holder(connection: Connection, kind: Holder, group: bytes, now_ms: int) -> UUID:
    """Make a holder and return its id."""
    holder_id = uuid4()
    await connection.execute(_SQL.add_holder, holder_id, int(kind), group, now_ms)
    return holder_id


async def add_identifier(
    connection: Connection, kind: Holder, identifier: Identifier, holder_id: UUID
) -> bool:
    """Note that a holder showed a value; true when it was the first of all."""
    is_first: bool = await connection.fetchval(
        _SQL.add_identifier,
        int(kind),
        identifier.kind,
        identifier.digest,
        holder_id,
        identifier.is_verified,
    )
    return is_first


async def add_evidence(
    connection: Connection,
    evidence_id: UUID,
    *,
    holder_id: UUID,
    wallet: int,
    kind: str,
    sealed: Sealed,
    now_ms: int,
) -> None:
    """Keep sealed personal data of a holder, shown for one of its wallets."""
    await connection.execute(
        _SQL.add_evidence,
        evidence_id,
        holder_id,
        kind,
        sealed.wrapped_key,
        sealed.content,
        now_ms,
        wallet,
    )


async def has_document(connection: Connection, holder_id: UUID) -> bool:
    """Say whether any document is known of a holder."""
    known: bool = await connection.fetchval(_SQL.has_document, holder_id)
    return known


async def documents_of_wallet(connection: Connection, number: int) -> list[tuple[UUID, Sealed]]:
    """Return the documents of a wallet's holder and of its signatories."""
    rows = await connection.fetch(_SQL.documents_of_wallet, number)
    return [(row["id"], Sealed(row["data_key"], row["sealed"])) for row in rows]


async def deposit_phone(connection: Connection, number: int) -> SealedEvidence | None:
    """Return the phone whose deposits a wallet reaches."""
    row = await connection.fetchrow(_SQL.deposit_phone, number)
    if row is None:
        return None
    return SealedEvidence(row["id"], Sealed(row["data_key"], row["sealed"]))


async def shown(connection: Connection, number: int) -> dict[str, SealedEvidence]:
    """Return the phone and the newest document that were shown for a wallet, by kind."""
    rows = await connection.fetch(_SQL.shown, number)
    return {
        row["kind"]: SealedEvidence(row["id"], Sealed(row["data_key"], row["sealed"]))
        for row in reversed(rows)
    }
