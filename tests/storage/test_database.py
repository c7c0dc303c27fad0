import asyncio
from pathlib import Path

import asyncpg
import pytest

from jiaozi.storage.database import Database, address_of, connect, unavailable
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import CommitUnknown, StorageUnavailable
from tests.conftest import FAST_NOT_DURABLE
from tests.registry.waiting import until

ITEMS = "CREATE TABLE item (number bigint PRIMARY KEY CHECK (number > 0))"
SLEEPING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'
"""
KILL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def items(database: Database) -> Database:
    async with database.connection() as connection:
        await connection.execute(ITEMS)
    return database


async def count(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM item"))


async def test_a_transaction_is_committed_at_its_end(items: Database) -> None:
    async with items.transaction() as connection:
        await connection.execute("INSERT INTO item VALUES (1), (2)")
        assert await count(items) == 0
    assert await count(items) == 2


async def test_an_exception_undoes_a_transaction_and_passes_unchanged(items: Database) -> None:
    with pytest.raises(FileNotFoundError):
        async with items.transaction() as connection:
            await connection.execute("INSERT INTO item VALUES (1)")
            raise FileNotFoundError
    assert await count(items) == 0


async def test_a_broken_constraint_passes_unchanged(items: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with items.transaction() as connection:
            await connection.execute("INSERT INTO item VALUES (-1)")
    assert await count(items) == 0


async def test_a_readonly_transaction_writes_nothing(items: Database) -> None:
    with pytest.raises(StorageUnavailable, match="read-only"):
        async with items.transaction(readonly=True, isolation="repeatable_read") as connection:
            await connection.execute("INSERT INTO item VALUES (1)")


async def test_cancelling_undoes_a_transaction(items: Database) -> None:
    async def insert_and_wait() -> None:
        async with items.transaction() as connection:
            await connection.execute("INSERT INTO item VALUES (1)")
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(insert_and_wait())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(items) == 0


async def test_sessions_have_no_jit_and_universal_time(database: Database) -> None:
    async with database.connection() as connection:
        assert await connection.fetchval("SHOW jit") == "off"
        assert await connection.fetchval("SHOW timezone") == "UTC"


async def test_a_statement_has_a_deadline(database_dsn: str) -> None:
    async with await Database.open(database_dsn, statement_timeout_ms=50) as database:
        with pytest.raises(StorageUnavailable, match="too slow"):
            async with database.connection() as connection:
                await connection.execute("SELECT pg_sleep(60)")


async def test_waiting_for_a_connection_has_a_deadline(database_dsn: str) -> None:
    async with (
        await Database.open(database_dsn, pool_size=1, connect_timeout_s=0.2) as database,
        database.connection(),
    ):
        with pytest.raises(StorageUnavailable, match="no answer in time"):
            async with database.connection():
                pytest.fail("there is one connection only")


@pytest.mark.parametrize(
    "dsn", ["hemlock:secret@host/registry", "postgresql://u:sec/ret@host/x", "postgresql://[::1/x"]
)
async def test_a_malformed_dsn_is_told_without_the_password_in_it(dsn: str) -> None:
    for connecting in (Database.open(dsn), connect(dsn)):
        with pytest.raises(StorageUnavailable, match="Write it as postgresql://") as raised:
            await connecting
        assert "sec" not in str(raised.value)


async def test_waiting_for_a_server_in_vain_tells_why() -> None:
    with pytest.raises(StorageUnavailable, match=r"x at 127\.0\.0\.1:1 is not available .*111"):
        await Database.open("postgresql://u@127.0.0.1:1/x", connect_timeout_s=0.3)


async def test_a_lost_database_is_unavailable_and_nothing_has_changed(
    items: Database, database_dsn: str
) -> None:
    async with await Database.open(database_dsn) as other:
        with pytest.raises(StorageUnavailable, match="Nothing that was acknowledged is lost") as it:
            async with items.transaction() as connection:
                await connection.execute("INSERT INTO item VALUES (1)")
                async with other.connection() as killer:
                    await killer.execute(KILL_OTHERS)
                await connection.execute("INSERT INTO item VALUES (2)")
    assert not isinstance(it.value, CommitUnknown)
    assert await count(items) == 0


async def test_a_database_lost_while_it_commits_leaves_the_outcome_unknown(
    items: Database, database_dsn: str
) -> None:
    async with items.connection() as connection:
        await connection.execute(
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON item
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
            """
        )

    async def is_committing() -> bool:
        async with other.connection() as connection:
            return bool(await connection.fetchval(SLEEPING))

    async def kill_others_soon() -> None:
        await until(is_committing)
        async with other.connection() as connection:
            await connection.execute(KILL_OTHERS)

    async with await Database.open(database_dsn) as other:
        killing = asyncio.create_task(kill_others_soon())
        with pytest.raises(CommitUnknown):
            async with items.transaction() as connection:
                await connection.execute("INSERT INTO item VALUES (1)")
        await killing


async def test_the_pool_recovers_when_the_database_is_back(home: Path) -> None:
    server = EmbeddedPostgres(home, settings=FAST_NOT_DURABLE)
    await server.start()
    async with await Database.open(await server.create_database("party")) as database:
        await server.stop()
        with pytest.raises(StorageUnavailable):
            async with database.connection() as connection:
                await connection.execute("SELECT 1")
        await server.start()
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    await server.stop()


async def test_opening_waits_for_a_database_that_starts(home: Path) -> None:
    server = EmbeddedPostgres(home, settings=FAST_NOT_DURABLE)
    await server.start()
    dsn = await server.create_database("party")
    await server.stop()
    opening = asyncio.create_task(Database.open(dsn))
    await asyncio.sleep(0.2)
    await server.start()
    await (await opening).close()
    await server.stop()


async def test_a_database_that_is_not_there_is_unavailable_in_time(tmp_path: Path) -> None:
    dsn = f"postgresql://user:secret@/party?host={tmp_path}"
    with pytest.raises(StorageUnavailable, match=f"party at {tmp_path}") as it:
        await Database.open(dsn, connect_timeout_s=0.3)
    assert "secret" not in str(it.value)


async def test_a_wrong_name_is_refused_at_once(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(StorageUnavailable, match="Check the DSN"):
        await Database.open(postgres.dsn("nobody_made_this", user="postgres"))


def test_a_full_disk_says_so() -> None:
    error = unavailable(asyncpg.DiskFullError("could not extend file"), "party at here")
    assert str(error) == (
        "The disk of the database party at here is full (could not extend file). "
        "Nothing that was acknowledged is lost. Free some space; writing goes on by itself."
    )


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        ("postgresql://user:secret@db.example/party", "party at db.example"),
        ("postgresql://user@/party?host=%2Frun%2Fpg&password=secret", "party at /run/pg"),
        ("postgresql://", "the default database at the default socket"),
    ],
)
def test_an_address_shows_no_password(dsn: str, address: str) -> None:
    assert address_of(dsn) == address
