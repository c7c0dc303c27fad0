"""The worker: what is due is made as soon as it starts, once, whatever else happens."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.statements.make import MakeStatements
from jiaozi.central_bank.worker.jobs import MIDNIGHT, SCHEMA
from jiaozi.central_bank.worker.serve import WorkerSettings, open_worker
from jiaozi.cli import app
from jiaozi.protocol.daily_statement import day_of, start_of
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import vault_of
from jiaozi.service.server import listening
from tests.registry.network import OPERATORS
from tests.registry.served import clock_ms
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld, registry_world

JOBS = f"{SCHEMA}.procrastinate_jobs"
STATED = "SELECT count(*) FROM daily_statement"


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[RegistryWorld]:
    """A registry two days on, whose midnights nobody was awake at."""
    async with registry_world(database_dsn) as world:
        for _ in range(2):
            await world.provide(OPERATORS[0], 100)
            world.clock.advance(DAY_MS)
        await world.provide(OPERATORS[0], 100)
        yield world


async def value(world: RegistryWorld, sql: str) -> object:
    async with world.database.connection() as connection:
        return await connection.fetchval(sql)


async def test_d3_workers_that_start_make_what_was_missed_once(world: RegistryWorld) -> None:
    settings = WorkerSettings(
        dsn=world.dsn, network=world.network.id, block_signers=BlockSigners([world.keys.block])
    )
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(open_worker(settings)) for _ in range(2)]
        servers = [await stack.enter_async_context(listening(each)) for each in apps]
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))

        async def healthy() -> bool:
            answers = [await http.get(f"{each.url}/healthz") for each in servers]
            return all(each.status_code == 200 for each in answers)

        async def waits_for_a_block_of_today() -> bool:
            return await value(world, f"SELECT array_agg(attempts > 0) FROM {JOBS}") == [True]

        async def has_no_job_left() -> bool:
            return await value(world, f"SELECT count(*) FROM {JOBS}") == 0

        await until(healthy)
        # This registry lives in the past: the day that has begun meanwhile is waited for.
        await until(waits_for_a_block_of_today)
        assert await value(world, STATED) == 4
        world.clock.now_ms = clock_ms()
        await world.provide(OPERATORS[0], 100)
        await until(has_no_job_left, timeout_s=20)
        first_ms = world.network.genesis.created_ms
        days = day_of(world.clock.now_ms) - day_of(first_ms)
        assert await value(world, STATED) == days * len(OPERATORS)
        assert (
            "jiaozi_statements_differing 0.0" in (await http.get(f"{servers[0].url}/metrics")).text
        )


async def test_d3_the_day_so_far_is_shown_as_it_would_be_stated(world: RegistryWorld) -> None:
    signers = BlockSigners([world.keys.block])
    await MakeStatements(database=world.database, signers=signers, network=world.network.id)()
    wallet = await world.open_wallet(balance_fen=30)
    await world.redeem(wallet, 10)
    shown = await day_shown(world)
    assert shown.exit_code == 0
    one, two = json.loads(shown.stdout)["statements"]
    expected = {
        "opening_fen": 200, "issued_fen": 100, "exchanged_fen": 30, "redeemed_fen": 10,
        "vault_fen": 280, "difference_fen": 0,
    }  # fmt: skip
    assert {name: one[name] for name in expected} == expected
    assert (one["operator"], two["operator"], two["vault_fen"]) == ("1001", "1002", 0)
    async with world.database.connection() as connection:
        vault = vault_of(OPERATORS[0])
        await connection.execute(
            "UPDATE account SET balance_fen = balance_fen + 1 WHERE number = $1", vault
        )
    assert (await day_shown(world)).exit_code == 1, "a fen that no order explains"


async def day_shown(world: RegistryWorld) -> Result:
    """What `jiaozi central-bank day` shows."""
    words = ["central-bank", "day", "--dsn", world.dsn, "--json"]
    return await asyncio.to_thread(CliRunner().invoke, app, words)


def test_midnight_is_that_of_utc_8() -> None:
    minute, hour, *every = MIDNIGHT.split()
    midnight = datetime.fromtimestamp(start_of(20_000) / 1000, tz=UTC)
    assert (int(hour), int(minute), every) == (midnight.hour, midnight.minute, ["*"] * 3)


def test_the_jobs_driver_is_the_workers_alone() -> None:
    code = (
        "import sys, jiaozi.cli.central_bank, jiaozi.cli.operator; "
        "assert not {'psycopg', 'procrastinate'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
