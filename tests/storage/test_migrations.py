import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import MigrationError, StorageUnavailable
from jiaozi.storage.migrations import migrate, read_migrations
from tests.conftest import FAST_NOT_DURABLE
from tests.storage.conftest import DEBIAN_15

ACCOUNTS = "CREATE TABLE account (number bigint PRIMARY KEY); INSERT INTO account VALUES (1);"
BLOCKS = "CREATE TABLE block (height bigint PRIMARY KEY);"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "0001_accounts.sql").write_text(ACCOUNTS)
    (tmp_path / "0002_blocks.sql").write_text(BLOCKS)
    return tmp_path


async def test_each_migration_is_applied_once(database: Database, directory: Path) -> None:
    assert await migrate(database, directory) == 2
    assert await migrate(database, directory) == 0
    (directory / "0003_more.sql").write_text("INSERT INTO account VALUES (2);")
    assert await migrate(database, directory) == 1
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM account") == 2
        files = await connection.fetch("SELECT file_name FROM schema_migration ORDER BY number")
    assert [row[0] for row in files] == ["0001_accounts.sql", "0002_blocks.sql", "0003_more.sql"]


async def test_many_that_start_at_once_apply_each_migration_once(
    database_dsn: str, directory: Path
) -> None:
    databases = [await Database.open(database_dsn, pool_size=1) for _ in range(8)]
    applied = await asyncio.gather(*(migrate(database, directory) for database in databases))
    assert sorted(applied) == [0] * 7 + [2]
    for database in databases:
        await database.close()


async def test_a_changed_file_is_refused(database: Database, directory: Path) -> None:
    await migrate(database, directory)
    (directory / "0001_accounts.sql").write_text(ACCOUNTS + " ")
    with pytest.raises(MigrationError, match=r"0001_accounts\.sql is not the .* that was applied"):
        await migrate(database, directory)


async def test_a_renamed_file_is_refused(database: Database, directory: Path) -> None:
    await migrate(database, directory)
    (directory / "0002_blocks.sql").rename(directory / "0002_chain.sql")
    with pytest.raises(MigrationError, match=r"0002_chain\.sql is not the 0002_blocks\.sql"):
        await migrate(database, directory)


async def test_a_database_of_another_party_is_refused(database: Database, directory: Path) -> None:
    await migrate(database, directory)
    (directory / "0001_accounts.sql").rename(directory / "0001_customers.sql")
    (directory / "0002_blocks.sql").unlink()
    with pytest.raises(MigrationError, match=r"another party's: it began with 0001_accounts\.sql"):
        await migrate(database, directory)


async def test_a_database_of_a_newer_release_is_refused(
    database: Database, directory: Path
) -> None:
    await migrate(database, directory)
    (directory / "0002_blocks.sql").unlink()
    with pytest.raises(MigrationError, match=r"has 0002_blocks\.sql.*newer release"):
        await migrate(database, directory)


async def test_a_failed_migration_has_no_effect_and_those_before_it_stay(
    database: Database, directory: Path
) -> None:
    third = directory / "0003_broken.sql"
    third.write_text("INSERT INTO block VALUES (7); INSERT INTO account VALUES (1);")
    with pytest.raises(MigrationError, match=r"0003_broken\.sql failed: duplicate key"):
        await migrate(database, directory)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM block") == 0
    third.write_text("INSERT INTO block VALUES (7);")
    assert await migrate(database, directory) == 1


async def test_a_database_lost_in_a_migration_is_unavailable(
    database: Database, directory: Path
) -> None:
    suicide = "SELECT pg_terminate_backend(pg_backend_pid());"
    (directory / "0003_lost.sql").write_text(suicide)
    with pytest.raises(StorageUnavailable):
        await migrate(database, directory)


async def test_a_migration_may_take_longer_than_a_statement(
    database_dsn: str, directory: Path
) -> None:
    (directory / "0003_slow.sql").write_text("SELECT pg_sleep(0.3);")
    async with await Database.open(database_dsn, statement_timeout_ms=100) as database:
        assert await migrate(database, directory) == 3
        async with database.connection() as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "100ms"


@pytest.mark.parametrize("name", ["2_blocks.sql", "0002-blocks.sql", "0002_Blocks.sql"])
def test_a_malformed_name_is_refused(directory: Path, name: str) -> None:
    (directory / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="is no name of a migration"):
        read_migrations(directory)


@pytest.mark.parametrize("name", ["0002_other.sql", "0004_gap.sql"])
def test_numbers_have_no_gaps_and_no_doubles(directory: Path, name: str) -> None:
    (directory / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="stands where number 0003 is due"):
        read_migrations(directory)


@pytest.fixture
async def old_database(home: Path) -> AsyncIterator[Database]:
    if not DEBIAN_15.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    async with EmbeddedPostgres(home, settings=FAST_NOT_DURABLE, binaries=DEBIAN_15) as server:
        dsn = await server.create_database("old")
        async with await Database.open(dsn, pool_size=2) as database:
            yield database


async def test_migrations_run_on_postgresql_15(old_database: Database, directory: Path) -> None:
    assert await migrate(old_database, directory) == 2
    assert await migrate(old_database, directory) == 0
    async with old_database.connection() as connection:
        assert (await connection.fetchval("SHOW server_version")).startswith("15.")
