"""Sweeps in the operator's database: each function is one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jiaozi.operator.exchange.store import Due
from jiaozi.operator.waterfall.model import Sweep, SweepState, ToldSweep
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    choose_deposit: str
    add_sweeps: str
    direct_sweeps: str
    due_sweeps: str
    close_sweep: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def choose_deposit(
    connection: Connection, wallet: int, deposit_id: str, *, now_ms: int
) -> None:
    """Have a wallet's sweeps paid into a deposit, those that wait for one too."""
    await connection.execute(_SQL.choose_deposit, wallet, deposit_id, now_ms)


async def add_sweeps(connection: Connection, sweeps: Sequence[ToldSweep]) -> None:
    """Add sweeps; what is there, from an earlier reading of the feed, stays."""
    if sweeps:
        await connection.execute(_SQL.add_sweeps, *map(list, zip(*sweeps, strict=True)))


async def due_sweeps(connection: Connection, due: Due) -> list[Sweep]:
    """Return sweeps to pay out, each with the deposit that it keeps."""
    await connection.execute(_SQL.direct_sweeps)
    rows = await connection.fetch(_SQL.due_sweeps, due.now_ms, due.next_try_ms, due.limit)
    return [
        Sweep(
            identity=row["identity"],
            wallet=row["wallet"],
            amount_fen=row["amount_fen"],
            deposit_id=row["deposit_id"],
            state=SweepState(row["state"]),
        )
        for row in rows
    ]


async def close_sweep(connection: Connection, sweep: Sweep) -> None:
    """Record that the deposit was credited."""
    await connection.execute(_SQL.close_sweep, sweep.identity)
