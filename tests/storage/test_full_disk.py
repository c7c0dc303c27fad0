import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import EmbeddedServerError, StorageUnavailable
from tests.storage.conftest import needs_root

SMALL = {"shared_buffers": "16MB", "min_wal_size": "32MB", "max_wal_size": "48MB"}
PAGE = "x" * 7000
INSERT = "INSERT INTO item SELECT $1, $2 FROM generate_series(1, 10)"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB, with ballast to drop: PostgreSQL needs some space to recover."""
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    (tmp_path / "ballast").write_bytes(bytes(48 << 20))
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def fill(database: Database) -> list[int]:
    """Commit ten pages at a time until it fails; return the numbers that were acknowledged."""
    acknowledged: list[int] = []
    try:
        while True:
            async with database.transaction() as connection:
                number = len(acknowledged)
                await connection.execute(INSERT, number, PAGE)
            acknowledged.append(number)
    except StorageUnavailable:
        return acknowledged


@needs_root
async def test_a_full_disk_stops_writes_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    server = EmbeddedPostgres(small_disk / "postgres", settings=SMALL)
    async with server, await Database.open(await server.create_database("party")) as database:
        async with database.connection() as connection:
            await connection.execute("CREATE TABLE item (number bigint, content text)")
            await connection.execute("ALTER TABLE item ALTER content SET STORAGE PLAIN")
        acknowledged = await fill(database)
    assert len(acknowledged) > 100
    (small_disk / "ballast").unlink()
    async with server, await Database.open(server.dsn("party")) as database:
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT DISTINCT number FROM item ORDER BY number")
        kept = [row["number"] for row in rows]
        # The one whose answer was lost may be there or not.
        assert kept in (acknowledged, [*acknowledged, len(acknowledged)])
        assert await fill(database) != []


@needs_root
async def test_a_start_on_a_full_disk_says_so_and_works_when_there_is_space(
    small_disk: Path,
) -> None:
    server = EmbeddedPostgres(small_disk / "postgres", settings=SMALL)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(105 << 20))
    with pytest.raises(EmbeddedServerError, match="is full"):
        await server.start()
    filler.unlink()
    await server.start()
    await server.stop()
