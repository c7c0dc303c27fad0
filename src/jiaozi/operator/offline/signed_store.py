"""What is signed for devices, in the operator's database: the statements of `signed.sql`."""

from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from jiaozi.operator.offline.model import Load, ToldLoad
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_load: str
    find_load: str
    sign_load: str
    find_checkpoint: str
    sign_checkpoint_again: str
    last_checkpoint: str
    add_checkpoint: str


_SQL = load_statements(_Statements, resources.files(__package__) / "signed.sql")


class Signed(NamedTuple):
    """A checkpoint and the time message that goes with it."""

    message: bytes
    time_message: bytes


async def add_load(connection: Connection, load: ToldLoad) -> None:
    """Keep a load that the feed tells; the same told again changes nothing."""
    await connection.execute(_SQL.add_load, *load)


async def find_load(connection: Connection, device: bytes, number: int) -> Load | None:
    """Return a load."""
    row = await connection.fetchrow(_SQL.find_load, device, number)
    return None if row is None else Load(**row)


async def sign_load(
    connection: Connection, load: tuple[bytes, int], *, before: bytes | None, message: bytes
) -> bytes:
    """Keep what was signed of a load, and return what somebody else signed meanwhile, or this."""
    kept: bytes = await connection.fetchval(_SQL.sign_load, *load, before, message)
    return kept


async def find_checkpoint(
    connection: Connection, device: bytes, position: int, head: bytes, *, after: int
) -> Signed | None:
    """Return what was signed for a device at a place of its log, after the number that it has."""
    row = await connection.fetchrow(_SQL.find_checkpoint, device, position, head, after)
    return None if row is None else Signed(*row.values())


async def sign_checkpoint_again(
    connection: Connection, device: bytes, number: int, signed: Signed
) -> None:
    """Keep what was signed anew for a device at a place of its log."""
    await connection.execute(_SQL.sign_checkpoint_again, device, number, *signed)


async def last_checkpoint(connection: Connection, device: bytes) -> int:
    """Return the number of a device's last checkpoint; 0 before the first."""
    number: int = await connection.fetchval(_SQL.last_checkpoint, device)
    return number


async def add_checkpoint(
    connection: Connection,
    device: bytes,
    place: tuple[int, int, bytes],
    signed: Signed,
    now_ms: int,
) -> None:
    """Keep a checkpoint; ``place`` is its number, and position and head of the log."""
    await connection.execute(_SQL.add_checkpoint, device, *place, *signed, now_ms)
