"""A registry at work is asked to end, and its database is changed: nobody is cut short."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from jiaozi.central_bank.registry import store
from jiaozi.storage import migrations
from jiaozi.storage.database import Database
from jiaozi.storage.errors import MigrationError
from jiaozi.storage.migrations import migrate
from tests.registry.load import Load
from tests.registry.process import RegistryProcess, callers_of, registry_process
from tests.registry.waiting import until

ADD_COLUMNS = """
ALTER TABLE account ADD COLUMN added bigint NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN added bytea;
"""


@asynccontextmanager
async def tables_locked(dsn: str, mode: str) -> AsyncIterator[None]:
    """Hold the accounts as someone else's transaction does."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE account IN {mode} MODE")
        yield
    await connection.close()


async def orders_waiting(http: httpx.AsyncClient) -> int:
    figures = (await http.get("/metrics")).text.splitlines()
    [line] = [each for each in figures if each.startswith("jiaozi_orders_waiting ")]
    return int(float(line.split()[1]))


async def test_orders_under_way_are_answered_before_a_registry_ends(
    database_dsn: str, tmp_path: Path
) -> None:
    async with (
        registry_process(database_dsn, tmp_path) as process,
        callers_of(process, tmp_path) as served,
    ):
        await served.provide(1001, 1_000)
        payer, payee = await served.open_wallets(2, 1001, balance_fen=100)
        caller = served.operator(1001)
        async with tables_locked(database_dsn, "ACCESS EXCLUSIVE"):
            orders = [served.orders.payment(payer, payee, 1) for _ in range(4)]
            answers = [asyncio.create_task(caller.submit(orders[0]))]
            await asyncio.sleep(0.2)
            answers += [asyncio.create_task(caller.submit(each)) for each in orders[1:]]

            async def all_wait() -> bool:
                return await orders_waiting(served.http) == len(orders) - 1

            await until(all_wait)
            os.kill(process.pid, signal.SIGTERM)
            await asyncio.sleep(0.3)
            assert not any(each.done() for each in answers)
        for each in answers:
            [[taken, outcome, *_]] = await each
            assert (taken, outcome) == (1, [0])
        assert await ended(process) == 0


async def ended(process: RegistryProcess) -> int | None:
    assert process._process is not None
    return await asyncio.wait_for(process._process.wait(), 60)


def next_release(tmp_path: Path, sql: str) -> Path:
    """The registry's migrations and one more."""
    directory = tmp_path / "migrations"
    directory.mkdir()
    for each in store.MIGRATIONS.iterdir():
        if each.name.endswith(".sql"):
            (directory / each.name).write_bytes(each.read_bytes())
    number = len(list(directory.iterdir())) + 1
    (directory / f"{number:04d}_more.sql").write_text(sql)
    return directory


async def test_migration_that_adds_columns_stops_no_orders(
    database_dsn: str, tmp_path: Path
) -> None:
    async with (
        registry_process(database_dsn, tmp_path) as process,
        callers_of(process, tmp_path) as served,
        await Database.open(database_dsn, pool_size=1) as database,
    ):
        load = await Load.prepare(served, wallets=8)
        running = asyncio.create_task(load.run(clients=2, orders_per_request=10))
        await until(lambda: len(load.acknowledged) > 50, timeout_s=60)
        directory = next_release(tmp_path, ADD_COLUMNS)
        async with tables_locked(database_dsn, "ACCESS SHARE"):  # a backup reads
            migrating = asyncio.create_task(migrate(database, directory))
            await asyncio.sleep(migrations.LOCK_TIMEOUT_MS / 1000 + 0.5)
            before = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 50, timeout_s=60)
            assert not migrating.done()
        assert await migrating == 1
        before = len(load.acknowledged)
        await until(lambda: len(load.acknowledged) > before + 50, timeout_s=60)
        load.stopping = True
        await asyncio.wait_for(running, 60)
        assert not load.failures
        assert "writer_waits" not in process.log.read_text()
        await load.reckon()


async def test_migration_that_never_gets_its_tables_says_so(
    database: Database, database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TRIES", 2)
    monkeypatch.setattr(migrations, "LOCK_PAUSE_S", 0.0)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_MS", 50)
    await migrate(database, store.MIGRATIONS)
    directory = next_release(tmp_path, ADD_COLUMNS)
    async with tables_locked(database_dsn, "ACCESS SHARE"):
        with pytest.raises(MigrationError, match="did not get the tables"):
            await migrate(database, directory)
    assert await migrate(database, directory) == 1
