"""`jiaozi audit`: one object for programs, a table for people, an exit code for scripts."""

import asyncio
import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jiaozi.central_bank.certification.keys import AUDITOR_KEY
from jiaozi.cli import app
from jiaozi.service.keys import FileKeyStore, KdfCost
from jiaozi.storage.database import Database
from tests.audit.story import LAST, NAMED, Story
from tests.registry.network import UNLIMITED_FILE

PASSPHRASE = "correct horse battery"


async def audit(*words: object, **environment: str) -> Result:
    """Run the command; nobody sits at the terminal."""
    runner = CliRunner(env={"COLUMNS": "200", **environment})
    with TemporaryDirectory() as rulebooks:
        (Path(rulebooks) / "unlimited.toml").write_bytes(UNLIMITED_FILE)
        arguments = ["audit", "--processes", "0", "--rulebooks", rulebooks, *map(str, words)]
        return await asyncio.to_thread(lambda: runner.invoke(app, arguments))


async def document(*words: object, code: int, **environment: str) -> dict[str, Any]:
    """Run the command with --json; it must end with an exit code."""
    result = await audit(*words, "--json", **environment)
    assert result.exit_code == code, (result.output, result.exception)
    [line] = result.stdout.splitlines()
    return dict(json.loads(line))


async def test_programs_are_told_one_object(story: Story, story_dsn: str, tmp_path: Path) -> None:
    words = ("--dsn", story_dsn, "--state", tmp_path, "--network", story.network.id.hex())
    told = await document(*words, code=0)
    assert told["audit"] == "ok"
    assert (told["height"], told["blocks"], told["orders"]) == (LAST, LAST + 1, 21)
    sums = (told["issued_fen"], told["destroyed_fen"], told["outstanding_fen"])
    assert sums == (600_00, 100_00, 500_00)
    assert told["accounts"] == 15
    assert told["differences"] == []
    assert {"orders_per_s", "elapsed_s"} < told.keys()
    assert (await document(*words, code=0))["from_height"] == NAMED
    assert (await document(*words, "--from-genesis", code=0))["from_height"] == 0


async def test_a_difference_ends_with_an_exit_code_of_its_own(
    story: Story, story_dsn: str, tmp_path: Path
) -> None:
    async with await Database.open(story_dsn) as database, database.connection() as connection:
        await connection.execute(
            f"UPDATE account SET balance_fen = 1 WHERE number = {story.payee.number}"
        )
    told = await document("--dsn", story_dsn, "--state", tmp_path, code=1)
    assert told["audit"].startswith(f"registry_state at height {LAST}: balance_fen")
    [difference] = told["differences"]
    assert (difference["height"], difference["order"]) == (LAST, None)
    result = await audit("--dsn", story_dsn, "--state", tmp_path)
    assert result.exit_code == 1
    assert "1 difference." in result.stdout
    assert str(story.payee.number) in result.stdout


async def test_people_are_told_the_verdict(story_dsn: str, tmp_path: Path) -> None:
    result = await audit("--dsn", story_dsn, "--state", tmp_path)
    assert result.exit_code == 0
    assert "Nothing differs" in result.stdout
    assert "500.00 yuan" in result.stdout


async def test_the_auditors_key_comes_from_its_store(url: str, tmp_path: Path) -> None:
    seed = sha256(b"auditor").digest()
    store = FileKeyStore(
        tmp_path / "auditor",
        PASSPHRASE,
        random=lambda length: seed if length == len(seed) else os.urandom(length),
        cost=KdfCost(memory_kib=8, passes=1, lanes=1),
    )
    store.create(AUDITOR_KEY)
    told = await document(
        "--url", url, "--keys", tmp_path / "auditor", "--state", tmp_path / "state",
        code=0, JIAOZI_PASSPHRASE=PASSPHRASE,
    )  # fmt: skip
    assert told["audit"] == "ok"


@pytest.mark.parametrize(
    "words", [(), ("--url", "http://127.0.0.1:1"), ("--dsn", "postgresql://", "--network", "12")]
)
async def test_what_is_not_right_is_told_before_anything_is_read(words: tuple[str, ...]) -> None:
    assert (await audit(*words)).exit_code == 2


async def test_an_audit_that_cannot_be_made_is_no_verdict(
    database_dsn: str, tmp_path: Path
) -> None:
    told = await document("--dsn", database_dsn, "--state", tmp_path, code=3)
    assert told["error"]["name"] == "audit_stopped"
