"""design.md §6.3 with two machines: what was acknowledged is on both.

A primary and its synchronous standby, each with a directory of its own, under load. The drill kills
the primary's machine, PostgreSQL and registry, promotes the standby and starts the registry there;
docs/runbooks/failover.md tells the same steps to a person.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from jiaozi.protocol.refusals import Code
from jiaozi.storage import launch
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.privilege import server_account
from jiaozi.storage.programs import run_program
from tests.registry.load import Load
from tests.registry.process import RegistryProcess, callers_of, registry_process
from tests.registry.served import problem
from tests.registry.waiting import until
from tests.system.parties import SMALL

GAP_S_MAX = 30.0


@dataclass
class Pair:
    """Two machines: what was written on the first is on the second before it is confirmed."""

    primary: EmbeddedPostgres
    standby: EmbeddedPostgres

    async def lose_primary(self, registry: RegistryProcess) -> None:
        """End everything on the primary's machine as a power cut would."""
        server = psutil.Process(self.primary.pid)
        for each in [*server.children(), server]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        await registry.kill()


async def ask(server: EmbeddedPostgres, *statements: str) -> object:
    """Run statements as the administrator; return the value of the last."""
    connection = await asyncpg.connect(server.dsn("postgres", user=launch.SUPERUSER))
    try:
        return [await connection.fetchval(each) for each in statements][-1]
    finally:
        await connection.close()


async def copy_of(primary: EmbeddedPostgres, home: Path) -> None:
    """Make the files of a standby, as the runbook does."""
    data = home / "pgdata"
    home.mkdir(mode=0o700)
    dsn = primary.dsn("postgres", user=launch.SUPERUSER) + "&application_name=standby"
    options = ("--checkpoint=fast", "--write-recovery-conf")
    await run_program("pg_basebackup", f"--pgdata={data}", *options, dsn=dsn)
    account = server_account(data)
    for each in (data, *data.rglob("*")):
        os.chown(each, account.uid, account.gid)


@asynccontextmanager
async def two_machines() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="jiaozi-test-") as place:
        Path(place).chmod(0o755)
        pair = Pair(*(EmbeddedPostgres(Path(place) / each, settings=SMALL) for each in "ab"))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(pair.primary)
            await pair.primary.create_database("central_bank")
            await copy_of(pair.primary, Path(place) / "b")
            await stack.enter_async_context(pair.standby)
            await ask(
                pair.primary,
                "ALTER SYSTEM SET synchronous_standby_names = 'standby'",
                "SELECT pg_reload_conf()",
            )

            async def is_synchronous() -> bool:
                sql = "SELECT sync_state FROM pg_stat_replication"
                return await ask(pair.primary, sql) == "sync"

            await until(is_synchronous)
            yield pair


async def health_of(process: RegistryProcess) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(f"{process.url}/healthz")


async def until_waiting_for_standby(process: RegistryProcess) -> None:
    async def waits() -> bool:
        answer = await health_of(process)
        return answer.status_code == 503 and problem(answer)["reason"] == "standby"

    await until(waits, timeout_s=30)


async def play(tmp_path: Path, *, wallets: int, clients: int, orders_before: int) -> float:
    """Pay, lose the primary, go on at the standby, reckon; return the gap in seconds."""
    async with (
        two_machines() as pair,
        registry_process(
            pair.primary.dsn("central_bank"), tmp_path, name="a", commit_timeout_s=1.0
        ) as first,
        callers_of(first, tmp_path) as served,
    ):
        load = await Load.prepare(served, wallets=wallets)
        running = asyncio.create_task(load.run(clients=clients, orders_per_request=20))
        await until(lambda: len(load.acknowledged) > orders_before, timeout_s=120)

        lost_at = time.monotonic()
        await pair.lose_primary(first)
        acknowledged = dict(load.acknowledged)
        assert await ask(pair.standby, "SELECT pg_promote()") is True
        async with (
            registry_process(pair.standby.dsn("central_bank"), tmp_path, name="b") as second,
            callers_of(second, tmp_path) as served_again,
        ):
            load.served = served_again
            await until(lambda: len(load.acknowledged) > len(acknowledged), timeout_s=60)
            gap_s = time.monotonic() - lost_at
            load.stopping = True
            await asyncio.wait_for(running, 60)
            await load.reckon()
            assert load.acknowledged.items() >= acknowledged.items()

            # The lost machine comes back: what it wrote alone, nobody hears of.
            await pair.primary.stop()
            await pair.primary.start()
            await first.start()
            await until_waiting_for_standby(first)
            order = served.orders.fund_reserve(1001, 1)
            answer = await served.officer.send("POST", "/v1/orders", order)
            assert problem(answer)["code"] == Code.UNAVAILABLE
    return gap_s


async def test_nothing_acknowledged_is_lost_with_the_primary(tmp_path: Path) -> None:
    gap_s = await play(tmp_path, wallets=20, clients=4, orders_before=300)
    print(json.dumps({"drill": "failover", "gap_s": round(gap_s, 2)}))
    assert gap_s < GAP_S_MAX


@pytest.mark.chaos
@pytest.mark.parametrize("orders_before", [2_000, 5_000, 9_000])
async def test_nothing_acknowledged_is_lost_in_longer_drills(
    orders_before: int, tmp_path: Path
) -> None:
    gap_s = await play(tmp_path, wallets=100, clients=8, orders_before=orders_before)
    print(json.dumps({"drill": "failover", "gap_s": round(gap_s, 2)}))
    assert gap_s < GAP_S_MAX


@pytest.mark.chaos
async def test_lost_standby_stops_orders_in_time_until_told_to_go_on_alone(tmp_path: Path) -> None:
    async with (
        two_machines() as pair,
        registry_process(
            pair.primary.dsn("central_bank"), tmp_path, commit_timeout_s=1.0
        ) as process,
        callers_of(process, tmp_path) as served,
    ):
        load = await Load.prepare(served, wallets=8)
        running = asyncio.create_task(load.run(clients=2, orders_per_request=5))
        await until(lambda: len(load.acknowledged) > 50, timeout_s=30)
        await pair.standby.stop()
        lost_at = time.monotonic()
        await until_waiting_for_standby(process)
        assert time.monotonic() - lost_at < 5
        acknowledged = len(load.acknowledged)
        failures = load.failures.total()
        await until(lambda: load.failures.total() > failures + 4)
        assert load.failures["UNKNOWN"] > 0
        assert len(load.acknowledged) == acknowledged

        await process.kill()
        await process.start()
        await until_waiting_for_standby(process)
        assert len(load.acknowledged) == acknowledged

        await ask(
            pair.primary,
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
        )
        await until(lambda: len(load.acknowledged) > acknowledged, timeout_s=30)
        load.stopping = True
        await asyncio.wait_for(running, 60)
        await load.reckon()
