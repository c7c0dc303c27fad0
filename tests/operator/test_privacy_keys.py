"""The wrapping key changes while the service serves; what it wraps is never lost."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jiaozi.cli.operator import app
from jiaozi.operator.keys import OperatorKeys, WrappingFiles
from jiaozi.operator.privacy.rotate import SEALED_TABLES, RotateWrappingKey
from jiaozi.operator.privacy.wrapping import (
    WrappingKeyNeeded,
    WrappingKeys,
    drop_wrapping_key,
)
from jiaozi.service.keys import KeyDamaged, KeyMissing
from tests.operator.builders import OperatorWorld, operator_keys, operator_world
from tests.operator.fake_registry import FakeRegistry, fake_registry

NAMED = "SELECT DISTINCT wrapping_key FROM evidence WHERE data_key IS NOT NULL"


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as registry:
        yield registry


@pytest.fixture
def files(tmp_path: Path) -> WrappingFiles:
    files = WrappingFiles(tmp_path)
    files.create(1)
    return files


@pytest.fixture
async def world(
    registry: FakeRegistry, files: WrappingFiles, database_dsn: str
) -> AsyncIterator[OperatorWorld]:
    """An operator whose wrapping keys are files."""
    async with operator_world(database_dsn, registry, keys=keys_of(registry, files)) as world:
        yield world


def keys_of(registry: FakeRegistry, files: WrappingFiles) -> OperatorKeys:
    return replace(operator_keys(registry.keys), wrapping=files)


def rotation(world: OperatorWorld, files: WrappingFiles) -> RotateWrappingKey:
    return RotateWrappingKey(
        database=world.database,
        wrapping=WrappingKeys(files),
        create=files.create,
        now_ms=world.clock,
        pause_s=0.01,
    )


async def named(world: OperatorWorld) -> set[int]:
    async with world.database.connection() as connection:
        return {row[0] for row in await connection.fetch(NAMED)}


async def test_f5_every_record_comes_under_the_new_key_and_the_old_one_can_go(
    world: OperatorWorld, files: WrappingFiles
) -> None:
    holder = await world.open_wallet(deposit_fen=100)
    rotated = await rotation(world, files)()
    assert rotated.number == 2
    assert rotated.records == 2  # the phone as evidence, and as a registration
    assert await named(world) == {2}
    async with world.database.connection() as connection:
        await drop_wrapping_key(connection, 1)
    files.remove(1)
    # The service has not heard of the new key yet, and opens what is under it all the same.
    assert (await holder.ask("GET", "/v1/deposits")).json()["deposits"]


async def test_f5_the_service_seals_under_the_new_key_as_soon_as_it_sees_it(
    world: OperatorWorld, files: WrappingFiles
) -> None:
    await world.open_wallet()
    await rotation(world, files)()
    await world.open_wallet()
    assert await named(world) == {1, 2}
    async with world.operator.database.connection() as connection:
        await world.operator.keep_privacy.wrapping.refresh(connection)
    await world.open_wallet()
    assert world.operator.keep_privacy.wrapping.current == 2
    again = await rotation(world, files)()
    assert (again.number, await named(world)) == (2, {2}), "what came late is taken first"


async def test_f5_openings_go_on_while_keys_rotate(
    world: OperatorWorld, files: WrappingFiles
) -> None:
    async def rotate_twice() -> None:
        for _ in range(2):
            await rotation(world, files)()
            async with world.operator.database.connection() as connection:
                await world.operator.keep_privacy.wrapping.refresh(connection)

    rotating = asyncio.create_task(rotate_twice())
    holders = [await world.open_wallet(deposit_fen=1) for _ in range(8)]
    await rotating
    answers = [await each.ask("GET", "/v1/deposits") for each in holders]
    assert all(len(each.json()["deposits"]) == 1 for each in answers)


async def test_a_key_that_a_record_names_cannot_go(
    world: OperatorWorld, files: WrappingFiles
) -> None:
    await world.open_wallet()
    async with world.database.connection() as connection:
        for number in (1, 2):
            with pytest.raises(WrappingKeyNeeded):
                await drop_wrapping_key(connection, number)
        keys = WrappingKeys(files)
        await keys.refresh(connection)
        files.create(2)
        await keys.add_next(connection, 0)
        with pytest.raises(WrappingKeyNeeded, match="Rotate first"):
            await drop_wrapping_key(connection, 1)


async def test_a_service_does_not_start_without_a_key_that_records_name(
    registry: FakeRegistry, files: WrappingFiles, database_dsn: str, tmp_path: Path
) -> None:
    async with operator_world(database_dsn, registry, keys=keys_of(registry, files)):
        pass
    path = tmp_path / "wrapping.secret"
    path.write_bytes(b"x" * 32)
    with pytest.raises(KeyDamaged, match="not the one"):
        async with operator_world(database_dsn, registry, keys=keys_of(registry, files)):
            pass
    path.unlink()
    with pytest.raises(KeyMissing):
        async with operator_world(database_dsn, registry, keys=keys_of(registry, files)):
            pass


async def test_every_table_of_sealed_records_is_rotated_and_names_its_key(
    world: OperatorWorld,
) -> None:
    """A table with `data_key` has the generated column and its reference (0007_privacy.sql)."""
    async with world.database.connection() as connection:
        with_data_key, with_reference = [
            {row[0] for row in await connection.fetch(sql)}
            for sql in (
                "SELECT table_name FROM information_schema.columns"
                " WHERE column_name = 'data_key' AND table_schema = 'public'",
                "SELECT conrelid::regclass::text FROM pg_constraint"
                " WHERE contype = 'f' AND confrelid = 'wrapping_key'::regclass",
            )
        ]
    assert with_data_key == with_reference == {each.name for each in SEALED_TABLES}


ROTATES_UNTIL_KILLED = """
import os, signal, sys
from jiaozi.operator.privacy import rotate, wrapping
from jiaozi.cli.operator import app

rotate.BATCH, left = 2, [int(sys.argv[1])]
rewrap = wrapping.WrappingKeys.rewrap

def deadly(*arguments):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return rewrap(*arguments)

wrapping.WrappingKeys.rewrap = deadly
app(sys.argv[2:])
"""


@pytest.mark.chaos
async def test_f5_a_rotation_that_is_killed_goes_on_where_it_was(
    world: OperatorWorld, files: WrappingFiles, database_dsn: str, tmp_path: Path
) -> None:
    holders = [await world.open_wallet(deposit_fen=1) for _ in range(4)]
    command = ["rotate-wrapping-key", "--dsn", database_dsn, "--keys", str(tmp_path)]
    for record in (1, 4):
        killed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", ROTATES_UNTIL_KILLED, str(record), *command],
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert 1 in await named(world)
    rotated = await rotation(world, files)()
    assert rotated.number == 2, "no key more than the one that was begun with"
    assert await named(world) == {2}
    for each in holders:
        assert len((await each.ask("GET", "/v1/deposits")).json()["deposits"]) == 1


def test_the_command_drops_no_key_that_is_needed(tmp_path: Path, database_dsn: str) -> None:
    WrappingFiles(tmp_path).create(1)
    options = ["--dsn", database_dsn, "--keys", str(tmp_path), "--json"]
    refused = CliRunner().invoke(app, ["drop-wrapping-key", "1", *options])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["name"] == "wrapping_key_needed"
    assert (tmp_path / "wrapping.secret").exists()
