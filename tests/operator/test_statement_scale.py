"""A statement of 100,000 entries: under 5 s and 100 MB, in every form."""

import asyncio
import json
import sys
from importlib import resources
from pathlib import Path

import pytest

from jiaozi.operator.history import store
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate
from tests.operator.statements import line

ENTRIES = 100_000
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.chaos
async def test_a_statement_of_100_000_entries_stays_under_its_bounds(
    database: Database, database_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await migrate(database, resources.files("jiaozi.operator") / "migrations")
    made = [line(serial) for serial in range(ENTRIES)]
    async with database.connection() as connection:
        await store.add_lines(connection, made)
        await connection.execute("ANALYZE history_entry")
    for form in ("csv", "camt053", "pdf"):
        command = [sys.executable, "-m", "tests.operator.run_statement", database_dsn, form]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        cost = json.loads(output)
        with capsys.disabled():
            print(f"\n{form}: {cost}")
        assert cost["entries"] == ENTRIES
        assert cost["cpu_s"] < 5  # CPU time: other tests run beside this one
        assert cost["rss_growth_mb"] < 100
        assert form == "pdf" or cost["pieces"] > 100
