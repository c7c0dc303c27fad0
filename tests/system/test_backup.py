"""design.md §6.7: `jiaozi backup` and `jiaozi restore` give back the very same state.

A server's backup goes into an empty directory, as it was or as it was at a moment after; a
database's goes into an empty database (`test_restore`). What is there is never written over.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jiaozi.central_bank.registry.state_hash import hash_state
from jiaozi.local.directory import DataDirectory
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.programs import without_password
from tests.registry.builders import Wallet
from tests.registry.network import Keys
from tests.registry.served import Served, genesis_for, served_registry
from tests.registry.waiting import until
from tests.storage.conftest import DEBIAN_15
from tests.system.parties import SMALL

JIAOZI = (sys.executable, "-m", "jiaozi.cli")
OPERATOR = 1001


async def jiaozi(*words: str | Path) -> tuple[int | None, dict[str, Any]]:
    """Run a command; return its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *JIAOZI, *map(str, words), "--json", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    document: dict[str, Any] = json.loads(output)
    return process.returncode, document


async def state_of(dsn: str) -> dict[str, Any]:
    """What `jiaozi restore` should say."""
    async with await Database.open(dsn) as database:
        height, state_hash = await hash_state(database)
    return {"height": height, "state_hash": state_hash.hex()}


async def pay(served: Served, payer: Wallet, payee: Wallet) -> None:
    await served.operator(payer.operator).settle(served.orders.payment(payer, payee, 1))


async def archived(server: EmbeddedPostgres, archive: Path) -> None:
    """Finish the segment in use and wait until it is in the archive."""
    connection = await asyncpg.connect(server.dsn("postgres", user="postgres"))
    segment = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    await connection.close()
    await until((archive / segment).exists, timeout_s=30)


async def test_server_is_restored_as_it_was_and_as_of_a_moment_after(tmp_path: Path) -> None:
    old, archive, backup = tmp_path / "old", tmp_path / "archive", tmp_path / "backup"
    home = DataDirectory(old).postgres
    async with EmbeddedPostgres(home, settings=SMALL, archive=archive) as server:
        dsn = await server.create_database("central_bank")
        async with served_registry(dsn, genesis_for(Keys())) as served:
            await served.provide(OPERATOR, 1_000)
            payer, payee = await served.open_wallets(2, OPERATOR, balance_fen=100)
            at_backup = await state_of(dsn)
            code, told = await jiaozi("backup", backup, "--data", old)
            assert (code, told["kind"]) == (0, "server")
            await pay(served, payer, payee)
            at_moment, moment = await state_of(dsn), datetime.now(UTC).isoformat()
            await pay(served, payer, payee)
        at_end = await state_of(dsn)
        await archived(server, archive)
    assert at_backup["height"] < at_moment["height"] < at_end["height"]

    assert await jiaozi("restore", backup, "--data", tmp_path / "a") == (0, at_backup)
    rolled_on = ("restore", backup, "--archive", archive, "--data")
    assert await jiaozi(*rolled_on, tmp_path / "b", "--until", moment) == (0, at_moment)
    assert await jiaozi(*rolled_on, tmp_path / "c") == (0, at_end)

    code, told = await jiaozi(*rolled_on, tmp_path / "d", "--until", "2999-01-01T00:00:00Z")
    assert (code, told["error"]["name"]) == (2, "embedded_server_error")
    assert "archive ends before" in told["error"]["detail"]
    assert not DataDirectory(tmp_path / "d").postgres.joinpath("pgdata").exists()
    code, told = await jiaozi("restore", backup, "--data", tmp_path / "a")
    assert (code, told["error"]["name"]) == (2, "backup_unusable")

    (block,) = list((backup / "base").rglob("PG_VERSION"))[:1]
    block.write_text("1")
    code, told = await jiaozi("restore", backup, "--data", tmp_path / "e")
    assert (code, told["error"]["name"]) == (2, "program_failed")


async def test_backup_of_a_stopped_server_is_one_too(tmp_path: Path) -> None:
    old = tmp_path / "old"
    async with EmbeddedPostgres(DataDirectory(old).postgres, settings=SMALL) as server:
        dsn = await server.create_database("central_bank")
        async with served_registry(dsn, genesis_for(Keys())) as served:
            await served.provide(OPERATOR, 1_000)
        state = await state_of(dsn)
    assert (await jiaozi("backup", tmp_path / "backup", "--data", old))[0] == 0
    assert await jiaozi("restore", tmp_path / "backup", "--data", tmp_path / "new") == (0, state)


async def test_nothing_that_is_there_is_written_over(database_dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("CREATE TABLE kept (number integer)")
    await connection.close()
    for _ in range(2):
        code, told = await jiaozi("backup", tmp_path / "backup", "--dsn", database_dsn)
    assert (code, told["error"]["name"]) == (2, "backup_unusable")
    code, told = await jiaozi("restore", tmp_path / "backup", "--dsn", database_dsn)
    assert (code, told["error"]["name"]) == (2, "backup_unusable")
    code, told = await jiaozi("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert "backup of a database" in told["error"]["detail"]
    code, told = await jiaozi("restore", tmp_path, "--data", tmp_path / "new")
    assert "no finished backup" in told["error"]["detail"]


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="no PostgreSQL 15 on this machine")
async def test_database_of_the_oldest_version_is_restored_there(tmp_path: Path) -> None:
    home = tmp_path / "postgres"
    async with EmbeddedPostgres(home, settings=SMALL, binaries=DEBIAN_15) as server:
        old, new = [await server.create_database(each) for each in ("old", "new")]
        async with served_registry(old, genesis_for(Keys())) as served:
            await served.provide(OPERATOR, 1_000)
        assert (await jiaozi("backup", tmp_path / "backup", "--dsn", old))[0] == 0
        assert await jiaozi("restore", tmp_path / "backup", "--dsn", new) == (
            0,
            await state_of(old),
        )


async def test_half_a_dump_leaves_nothing_behind(database_dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 200000) AS number")
    assert (await jiaozi("backup", tmp_path / "backup", "--dsn", database_dsn))[0] == 0
    await connection.execute("DROP TABLE kept")
    dump = tmp_path / "backup" / "database.dump"
    os.truncate(dump, dump.stat().st_size // 2)
    code, told = await jiaozi("restore", tmp_path / "backup", "--dsn", database_dsn)
    assert (code, told["error"]["name"]) == (2, "program_failed")
    assert await connection.fetchval("SELECT to_regclass('kept')") is None
    await connection.close()


@pytest.mark.parametrize(
    ("dsn", "address", "password"),
    [
        ("postgresql://a@h/d", "postgresql://a@h/d", None),
        ("postgresql://a:p%40ss@h:5/d?x=1", "postgresql://a@h:5/d?x=1", "p@ss"),
    ],
)
def test_password_stands_on_no_command_line(dsn: str, address: str, password: str | None) -> None:
    assert without_password(dsn) == (address, password)
