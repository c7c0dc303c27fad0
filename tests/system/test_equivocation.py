"""One block key, two histories: two operators that each follow one of them find it out.

The registry's database is restored from a backup and both copies go on, each its own way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.storage.backup import back_up_database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.restore import restore_database
from tests.operator.builders import OperatorWorld, operator_keys, operator_world
from tests.operator.clock import Clock
from tests.registry.network import OPERATORS, Keys
from tests.registry.served import Served, genesis_for, served_registry
from tests.registry.waiting import until

NAMES = ("fork_one", "fork_two", "fork_operator_one", "fork_operator_two")


@pytest.fixture
async def dsns(postgres: EmbeddedPostgres) -> AsyncIterator[list[str]]:
    yield [await postgres.create_database(each) for each in NAMES]
    for each in NAMES:
        await postgres.drop_database(each)


async def operator_of(
    stack: AsyncExitStack, served: Served, genesis: bytes, code: int, dsn: str
) -> OperatorWorld:
    registry: Any = SimpleNamespace(
        url=str(served.http.base_url), keys=served.keys, genesis=genesis, clock=Clock()
    )
    keys = operator_keys(served.keys, code)
    return await stack.enter_async_context(operator_world(dsn, registry, code=code, keys=keys))


async def tip_of(world: OperatorWorld) -> int:
    await world.operator.watch.keep_headers.step()
    return int(str(await world.database_value("SELECT height FROM header_cursor")))


async def test_a_registry_that_goes_two_ways_is_found_out(dsns: list[str], tmp_path: Path) -> None:
    first, second, *of_operators = dsns
    genesis = genesis_for(Keys())
    async with served_registry(first, genesis) as served:
        for operator in OPERATORS:
            await served.provide(operator, 1_000)
        common = (await served.http.get("/v1/supply")).json()["height"]
    backup = tmp_path / "backup"
    await back_up_database(first, backup)
    await restore_database(backup, second)
    async with AsyncExitStack() as stack:
        forks = [
            await stack.enter_async_context(served_registry(dsn, genesis, series=number))
            for number, dsn in enumerate((first, second), 1)
        ]
        worlds = []
        for fork, code, dsn in zip(forks, OPERATORS, of_operators, strict=True):
            await fork.open_wallet(code, balance_fen=10)
            worlds.append(await operator_of(stack, fork, genesis, code, dsn))
        for world in worlds:

            async def has_the_fork(world: OperatorWorld = world) -> bool:
                return await tip_of(world) > common

            await until(has_the_fork)
            assert world.operator.watch.doubt.proofs == 0
        urls = [str(each.http.base_url) for each in worlds]
        for world, peer in zip(worlds, reversed(urls), strict=True):
            await world.operator.watch.compare_peers.step(peer)
            assert world.operator.watch.doubt.proofs == 1
            assert (await world.http.get("/healthz")).json()["status"] != "ok"
        await check_by_anyone(worlds[0].http, genesis, tmp_path)


async def check_by_anyone(http: httpx.AsyncClient, genesis: bytes, directory: Path) -> None:
    """The file and genesis alone prove it; another genesis does not."""
    proof, trusted, other = (directory / name for name in ("proof", "genesis", "other"))
    proof.write_bytes((await http.get("/v1/equivocations")).content)
    trusted.write_bytes(genesis)
    other.write_bytes(genesis_for(Keys(officers=4)))

    def verify(genesis: Path) -> tuple[int, str]:
        command = ["verify-equivocation", str(proof), "--genesis", str(genesis), "--json"]
        done = CliRunner().invoke(app, command)
        return done.exit_code, done.stdout

    code, told = await asyncio.to_thread(verify, trusted)
    assert (code, '"contradiction": "same_height"' in told) == (0, True), told
    code, told = await asyncio.to_thread(verify, other)
    assert (code, "signature_invalid" in told) == (1, True), told
