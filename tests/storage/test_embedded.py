import os
import signal
from pathlib import Path

import asyncpg
import psutil
import pytest

from jiaozi.storage import shutdown
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import EmbeddedServerError
from jiaozi.storage.server_files import SOCKET_PATH_BYTES_MAX, ServerFiles
from tests.storage.conftest import DEBIAN_15, NOBODY, needs_root, server_process, wait_until_gone

SMALL = {"shared_buffers": "16MB"}


async def write(server: EmbeddedPostgres, number: int) -> None:
    """Commit one row."""
    async with (
        await Database.open(await server.create_database("party")) as database,
        database.connection() as connection,
    ):
        await connection.execute("CREATE TABLE IF NOT EXISTS item (number bigint)")
        await connection.execute("INSERT INTO item VALUES ($1)", number)


async def read(server: EmbeddedPostgres) -> list[int]:
    async with (
        await Database.open(server.dsn("party")) as database,
        database.connection() as connection,
    ):
        return [row[0] for row in await connection.fetch("SELECT number FROM item ORDER BY 1")]


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["bundled", "15"])
async def test_data_survives_a_restart(home: Path, binaries: Path | None) -> None:
    if binaries is not None and not binaries.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    for number in (1, 2):
        async with EmbeddedPostgres(home, settings=SMALL, binaries=binaries) as server:
            await write(server, number)
            assert await read(server) == list(range(1, number + 1))


async def test_commits_are_durable_by_default(home: Path) -> None:
    async with EmbeddedPostgres(home) as server:
        connection = await asyncpg.connect(server.dsn("postgres", user="postgres"))
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"SHOW {name}") == "on"
        await connection.close()


async def test_the_server_listens_on_no_port(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert psutil.Process(server.pid).net_connections("inet") == []
        sockets = ServerFiles(home).sockets
        assert sockets.stat().st_mode & 0o077 == 0


async def test_the_terminal_cannot_interrupt_the_server(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert os.getsid(server.pid) == server.pid


async def test_a_killed_parent_leaves_no_server_and_loses_nothing(home: Path) -> None:
    with server_process(home) as (parent, pid):
        await write(EmbeddedPostgres(home), 1)
        parent.kill()
        wait_until_gone(pid)
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert await read(server) == [1]


async def test_a_start_right_after_the_parent_was_killed_waits_for_its_server(home: Path) -> None:
    for number in range(3):
        with server_process(home) as (parent, _):
            await write(EmbeddedPostgres(home), number)
            parent.kill()
            parent.wait()
            async with EmbeddedPostgres(home, settings=SMALL) as server:
                assert await read(server) == list(range(number + 1))


async def test_a_killed_server_is_noticed_and_recovers_at_the_next_start(home: Path) -> None:
    server = EmbeddedPostgres(home, settings=SMALL)
    for number in (1, 2):
        await server.start()
        await write(server, number)
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EmbeddedServerError, match="stopped"):
            await server.watch()
        await server.stop()
    await server.start()
    assert await read(server) == [1, 2]
    await server.stop()


def hang(pid: int) -> None:
    """Keep a server from ever finishing a fast shutdown."""
    (checkpointer,) = (
        process
        for process in psutil.process_iter(["ppid", "cmdline"])
        if process.info["ppid"] == pid and "checkpointer" in " ".join(process.info["cmdline"] or [])
    )
    checkpointer.suspend()


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [(order, min(patience_s, 8.0)) for order, patience_s in shutdown.STEPS]
    monkeypatch.setattr(shutdown, "STEPS", [(steps[0][0], 0.5), *steps[1:]])


@pytest.mark.chaos
@pytest.mark.usefixtures("impatience")
async def test_a_server_that_hangs_in_its_shutdown_is_ended_and_loses_nothing(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        await write(server, 1)
        hang(server.pid)
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert await read(server) == [1]


@pytest.mark.usefixtures("impatience")
async def test_an_orphan_that_hangs_in_its_shutdown_is_ended_by_the_next_start(home: Path) -> None:
    with server_process(home) as (parent, pid):
        await write(EmbeddedPostgres(home), 1)
        hang(pid)
        parent.kill()
        parent.wait()
        async with EmbeddedPostgres(home, settings=SMALL) as server:
            assert await read(server) == [1]


async def test_watching_ends_with_the_server(home: Path) -> None:
    server = EmbeddedPostgres(home, settings=SMALL)
    await server.start()
    await server.stop()
    await server.watch()


async def test_a_second_starter_is_refused_and_the_first_goes_on(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()}"):
            await EmbeddedPostgres(home).start()
        await write(server, 1)
        assert await read(server) == [1]


async def test_a_lock_file_with_the_number_of_a_foreign_process_is_stale(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL):
        stale = ServerFiles(home).postmaster_pid.read_text().split("\n")
    stale[0] = str(os.getpid())
    ServerFiles(home).postmaster_pid.write_text("\n".join(stale))
    (ServerFiles(home).sockets / ".s.PGSQL.5432.lock").write_text("\n".join(stale))
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert server.pid != os.getpid()


async def test_an_interrupted_set_up_starts_anew(home: Path) -> None:
    (home / "pgdata.new").mkdir(parents=True)
    (home / "pgdata.new" / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        await write(server, 1)


async def test_a_long_path_gets_a_short_socket_which_is_cleared_away(home: Path) -> None:
    deep = home / ("x" * SOCKET_PATH_BYTES_MAX)
    async with EmbeddedPostgres(deep, settings=SMALL) as server:
        sockets = ServerFiles(deep).sockets
        assert sockets.exists()
        assert home not in sockets.parents
        await write(server, 1)
    assert not sockets.exists()


async def test_a_socket_directory_open_to_others_is_refused(home: Path) -> None:
    ServerFiles(home).sockets.mkdir(parents=True, mode=0o755)
    with pytest.raises(EmbeddedServerError, match="sockets is not a directory of user"):
        await EmbeddedPostgres(home).start()


async def test_data_of_another_version_is_refused_with_its_version(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL):
        pass
    (home / "pgdata" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedServerError, match="was made by PostgreSQL 15"):
        await EmbeddedPostgres(home).start()


async def test_a_refused_setting_is_reported_and_leaves_nothing_running(home: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="refused a setting"):
        await EmbeddedPostgres(home, settings={"max_connections": "many"}).start()
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        await write(server, 1)


async def test_a_party_owns_its_database_alone_and_is_no_superuser(
    postgres: EmbeddedPostgres,
) -> None:
    dsn = await postgres.create_database("party_a")
    assert await postgres.create_database("party_a") == dsn
    await postgres.create_database("party_b")
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SHOW is_superuser") == "off"
    assert await connection.fetchval("SELECT current_user") == "party_a"
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres.dsn("party_a", user="party_b"))
    for name in ("party_a", "party_b"):
        await postgres.drop_database(name)


@pytest.mark.parametrize("name", ["", "Upper", 'quo"te', "two words", "9th"])
async def test_a_name_that_would_need_quotes_is_refused(
    postgres: EmbeddedPostgres, name: str
) -> None:
    with pytest.raises(ValueError, match="cannot name a database"):
        await postgres.create_database(name)


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1].split() for line in lines}


@needs_root
def test_root_starts_a_server_that_may_read_everything_and_no_more(home: Path) -> None:
    with server_process(home) as (_, pid):
        status = status_of(pid)
    assert status["Uid"] == [str(NOBODY)] * 4
    assert {int(status[name][0], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {1 << 2}


@needs_root
def test_root_of_a_container_without_that_capability_can_start_one_too(home: Path) -> None:
    with server_process(home, "setpriv", "--bounding-set=-dac_read_search") as (_, pid):
        assert status_of(pid)["Uid"] == [str(NOBODY)] * 4


@needs_root
async def test_an_ordinary_user_needs_nothing_and_root_can_take_over(home: Path) -> None:
    home.parent.chmod(0o755)
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    # The capability is for Python alone, should it lie below root's home.
    ordinary = (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
    )
    with server_process(home, *ordinary) as (_, pid):
        assert status_of(pid)["Uid"] == [str(NOBODY)] * 4
        await write(EmbeddedPostgres(home), 1)
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert await read(server) == [1]


@needs_root
async def test_root_runs_a_users_database_as_that_user(home: Path) -> None:
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        await write(server, 1)
    for path in list(home.rglob("*")):
        os.chown(path, 1, 1, follow_symlinks=False)
    async with EmbeddedPostgres(home, settings=SMALL) as server:
        assert status_of(server.pid)["Uid"] == ["1"] * 4
        assert await read(server) == [1]
