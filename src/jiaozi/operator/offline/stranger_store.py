"""Devices that nobody enrolled, in the operator's database: the statements of `strangers.sql`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from jiaozi.operator.offline.model import Stranger
from jiaozi.protocol.refusals import Outcome
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    keep_strangers: str
    find_strangers: str
    decide_strangers: str
    take_told_stranger: str
    strangers: str


_SQL = load_statements(_Statements, resources.files(__package__) / "strangers.sql")


async def keep(
    connection: Connection, shown: Sequence[tuple[bytes, int, bytes]], now_ms: int
) -> None:
    """Keep certificates with key and operator; what is kept already stays as it is."""
    keys, operators, certificates = map(list, zip(*shown, strict=True))
    await connection.execute(_SQL.keep_strangers, keys, operators, certificates, now_ms)


async def find(connection: Connection, keys: Collection[bytes]) -> list[Stranger]:
    """Return what is kept of devices."""
    return [_stranger(row) for row in await connection.fetch(_SQL.find_strangers, list(keys))]


async def decide(connection: Connection, decided: Mapping[bytes, Outcome]) -> None:
    """Record what the registry decided."""
    outcomes = ["{" + ",".join(map(str, each)) + "}" for each in decided.values()]
    await connection.execute(_SQL.decide_strangers, list(decided), outcomes)


async def take_told(connection: Connection, told: Stranger) -> None:
    """Record what the feed tells; the same told again changes nothing."""
    await connection.execute(_SQL.take_told_stranger, *told)


async def taken_up(connection: Connection, *, limit: int) -> list[Stranger]:
    """Return the devices that were taken up, or came too late for it, the oldest first."""
    return [_stranger(row) for row in await connection.fetch(_SQL.strangers, limit)]


def _stranger(row: asyncpg.Record) -> Stranger:
    outcome = row["outcome"]
    return Stranger(*row)._replace(outcome=None if outcome is None else tuple(outcome))
