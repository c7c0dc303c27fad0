"""Headers and proofs in the operator's database: the statements of `queries.sql`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.equivocation import Equivocation
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    read_cursor: str
    move_cursor: str
    keep: str
    others: str
    header_at: str
    page: str
    add_proof: str
    proofs: str
    open_proofs: str
    judge: str
    forget_chain: str
    rewind: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def read_cursor(connection: Connection) -> int:
    """Return up to which height the chain has no gap; -1 before the first header."""
    return int(await connection.fetchval(_SQL.read_cursor))


async def move_cursor(connection: Connection, before: int, after: int) -> bool:
    """Move on, unless somebody else has."""
    return await connection.fetchval(_SQL.move_cursor, after, before) is not None


async def keep(connection: Connection, headers: Sequence[SignedHeader]) -> dict[int, bytes]:
    """Keep headers at their heights, and return what is kept where another was seen before."""
    heights = [each.header.height for each in headers]
    identities = [each.identity for each in headers]
    await connection.execute(_SQL.keep, heights, identities, [each.encoded for each in headers])
    rows = await connection.fetch(_SQL.others, heights, identities)
    return {row["height"]: row["encoded"] for row in rows}


async def header_at(connection: Connection, height: int) -> bytes | None:
    """Return a header."""
    encoded: bytes | None = await connection.fetchval(_SQL.header_at, height)
    return encoded


async def page(connection: Connection, start: int, limit: int) -> list[bytes]:
    """Return the chain from a height on, as far as it has no gap."""
    return [row["encoded"] for row in await connection.fetch(_SQL.page, start, limit)]


async def add_proof(connection: Connection, found: Equivocation, *, found_ms: int) -> bool:
    """Keep a proof; false when it is there."""
    height = found.second.header.height
    added = await connection.fetchval(_SQL.add_proof, found.id, height, found_ms, found.encoded())
    return added is not None


async def proofs(connection: Connection, limit: int) -> list[bytes]:
    """Return proofs, the newest first."""
    return [row["encoded"] for row in await connection.fetch(_SQL.proofs, limit)]


async def open_proofs(connection: Connection) -> int:
    """Return how many proofs nobody has judged."""
    return int(await connection.fetchval(_SQL.open_proofs))


async def judge(connection: Connection, *, now_ms: int) -> int:
    """Judge all proofs and drop the chain, in the caller's transaction; return how many."""
    status = await connection.execute(_SQL.judge, now_ms)
    await connection.execute(_SQL.forget_chain)
    await connection.execute(_SQL.rewind)
    return int(status.rpartition(" ")[2])
