"""rules.md §C, design.md §6.3: what was acknowledged survives the end of any process, exactly once.

Real processes, a durable PostgreSQL, load on all of it. The short form runs in `make test`, the
long one in `make chaos`.
"""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest

from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.load import Load
from tests.registry.process import RegistryProcess, callers_of, registry_process
from tests.registry.served import Served, problem, until_healthy
from tests.registry.waiting import until

DURABLE = {
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    # In microseconds: most of a batch's time is its commit, so most faults hit one.
    "commit_delay": "50000",
    "commit_siblings": "0",
}
CLIENTS = 6
ORDERS_PER_REQUEST = 60
"""Enough for the verifier processes."""


@dataclass
class Stage:
    """A central bank under load, and the database it stands on."""

    postgres: EmbeddedPostgres
    process: RegistryProcess
    served: Served
    load: Load

    async def kill_registry(self) -> None:
        verifiers = self.process.children()
        assert verifiers
        await self.process.kill()
        await until(lambda: not any(map(is_alive, verifiers)))
        await self.process.start()

    async def kill_postgres(self) -> None:
        server = psutil.Process(self.postgres.pid)
        # Its children first: one that commits would go on to the end of that.
        for each in [*server.children(), server]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        await self.postgres.stop()
        await self.postgres.start()

    async def end_leaders_session(self) -> None:
        connection = await asyncpg.connect(self.postgres.dsn("postgres", user="postgres"))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        await connection.close()

    async def kill_verifiers(self) -> None:
        for each in self.process.children():
            each.kill()


Fault = Callable[[Stage], Awaitable[None]]
FAULTS: list[Fault] = [
    Stage.kill_registry,
    Stage.kill_postgres,
    Stage.end_leaders_session,
    Stage.kill_verifiers,
]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@asynccontextmanager
async def postgres_of_its_own() -> AsyncIterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="jiaozi-test-") as home:
        async with EmbeddedPostgres(Path(home) / "postgres", settings=DURABLE) as server:
            yield server


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    async with postgres_of_its_own() as server:
        dsn = await server.create_database("central_bank")
        async with (
            registry_process(dsn, directory) as process,
            callers_of(process, directory) as served,
        ):
            yield Stage(server, process, served, await Load.prepare(served, wallets=40))


async def play(stage: Stage, faults: list[Fault], pause_s: float) -> None:
    """Let faults happen in the middle of load, and reckon."""
    running = asyncio.create_task(stage.load.run(CLIENTS, ORDERS_PER_REQUEST))
    await asyncio.sleep(pause_s)
    for fault in faults:
        acknowledged = len(stage.load.acknowledged)
        await fault(stage)
        await until_healthy(stage.served.http, timeout_s=60)
        # Between two faults something is always booked again.
        await until(lambda: len(stage.load.acknowledged) > acknowledged, timeout_s=60)  # noqa: B023
        await asyncio.sleep(pause_s)
    stage.load.stopping = True
    await asyncio.wait_for(running, 60)
    await stage.load.reckon()


async def test_acknowledged_orders_survive_every_fault_exactly_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await play(it, FAULTS, pause_s=0.3)


@pytest.mark.chaos
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_acknowledged_orders_survive_many_faults(fault: Fault, tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await play(it, [fault] * 15, pause_s=0.7)


@pytest.mark.chaos
async def test_acknowledged_orders_survive_any_faults(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        await play(it, random.Random(1).choices(FAULTS, k=40), pause_s=0.5)


async def test_second_process_takes_over_when_the_first_is_killed(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as it,
        registry_process(it.postgres.dsn("central_bank"), tmp_path, name="two") as second,
    ):
        load = it.load
        running = asyncio.create_task(load.run(CLIENTS, ORDERS_PER_REQUEST))
        await asyncio.sleep(0.3)
        await refuses_to_write(second, it.served)
        await it.process.kill()
        async with callers_of(second, tmp_path) as served:
            load.served = served
            acknowledged = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > acknowledged)
            load.stopping = True
            await asyncio.wait_for(running, 60)
            await it.process.start()
            await refuses_to_write(it.process, served)
            await load.reckon()


async def refuses_to_write(process: RegistryProcess, served: Served) -> None:
    """Check that a registry that does not lead says so, and takes nothing."""
    operator = served.operator()
    order = served.orders.fund_reserve(1001, 1)
    for method, path, body in (("GET", "/healthz", b""), ("POST", "/v1/orders", order)):
        response = await operator.send(method, process.url + path, body, signed_url=path)
        assert (response.status_code, problem(response)["code"]) == (503, Code.UNAVAILABLE)
        assert int(response.headers["retry-after"]) >= 1


async def test_lost_database_stops_orders_until_it_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        load = it.load
        running = asyncio.create_task(load.run(CLIENTS, ORDERS_PER_REQUEST))
        await asyncio.sleep(0.3)
        await it.postgres.stop()
        await until(lambda: load.failures["503"] > 0 or load.failures["UNAVAILABLE"] > 0)
        await asyncio.sleep(0.5)
        acknowledged = len(load.acknowledged)
        await refuses_to_write(it.process, it.served)
        assert len(load.acknowledged) == acknowledged
        await it.postgres.start()
        await until_healthy(it.served.http)
        await until(lambda: len(load.acknowledged) > acknowledged)
        load.stopping = True
        await asyncio.wait_for(running, 60)
        await load.reckon()
