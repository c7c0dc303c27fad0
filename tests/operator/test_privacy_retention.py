"""rules.md §F.5: personal data ends at its term, in restored backups too."""

import asyncio
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from jiaozi.operator.privacy.export import PLAIN, SEALED, WITHHELD
from jiaozi.operator.privacy.retention import (
    CODE_USED,
    KEPT,
    NEVER_OPENED,
    SCHEDULE,
    TEN_YEARS,
    DestroyAtTerm,
)
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.launch import bundled_binaries
from tests.operator.builders import OperatorWorld, operator_world, until
from tests.operator.holders import Holder

PAGE = Path(__file__).parents[2] / "docs" / "retention.md"
DOCUMENT = {
    "type": "passport",
    "number": "E12345678",
    "name": "Ada Example",
    "country": "SGP",
}
A_DAY = timedelta(days=1)


def milliseconds(term: timedelta) -> int:
    return term // timedelta(milliseconds=1)


async def end(world: OperatorWorld, holder: Holder, state: str = "open") -> None:
    """A wallet ends now: it was closed, or it never opened."""
    async with world.database.connection() as connection:
        await connection.execute("ALTER TABLE wallet DISABLE TRIGGER wallet_moves_on")
        await connection.execute(
            "UPDATE wallet SET ended_ms = $2, state = $3, outcome = CASE WHEN $3 = 'dead'"
            " THEN NULL ELSE outcome END WHERE number = $1",
            holder.number,
            world.clock(),
            state,
        )
        await connection.execute("ALTER TABLE wallet ENABLE TRIGGER wallet_moves_on")


async def destroy(world: OperatorWorld) -> Mapping[str, int]:
    return await DestroyAtTerm(database=world.database, now_ms=world.clock)()


async def keys_of(world: OperatorWorld, holder: Holder) -> int:
    value = await world.database_value(
        "SELECT count(data_key) FROM evidence WHERE wallet = $1", holder.number
    )
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize(("state", "term"), [("open", TEN_YEARS), ("dead", NEVER_OPENED)])
async def test_f5_the_keys_of_a_wallets_evidence_end_with_its_term_and_not_before(
    world: OperatorWorld, state: str, term: timedelta
) -> None:
    ended = await world.open_wallet(wallet_class=3, evidence={"identity_document": DOCUMENT})
    other = await world.open_wallet()
    await end(world, ended, state)
    world.clock.advance(milliseconds(term - A_DAY))
    await destroy(world)
    assert await keys_of(world, ended) == 2
    world.clock.advance(milliseconds(A_DAY) + 1)
    destroyed = await destroy(world)
    assert (destroyed["evidence"], destroyed["wallet"]) == (2, 1)
    assert destroyed["holder_identifier"] == 2
    assert await keys_of(world, ended) == 0
    assert await keys_of(world, other) == 1
    assert await destroy(world) == dict.fromkeys(destroyed, 0)


async def test_f5_a_holder_is_found_as_long_as_one_wallet_is_not_forgotten(
    world: OperatorWorld,
) -> None:
    ended = await world.open_wallet()
    await world.open_wallet(phone=ended.phone)
    await end(world, ended)
    world.clock.advance(milliseconds(TEN_YEARS + A_DAY))
    assert (await destroy(world))["holder_identifier"] == 0


async def test_f5_the_phone_of_a_used_code_is_forgotten_after_a_day(world: OperatorWorld) -> None:
    await world.open_wallet()
    waiting = await world.register("+8613000000001")
    world.clock.advance(milliseconds(CODE_USED + A_DAY))
    assert (await destroy(world))["registration"] == 1
    left = "SELECT count(data_key) FROM registration WHERE id = $1"
    assert await world.database_value(left, waiting["registration_id"]) == 1


async def test_f5_a_restored_backup_forgets_again(
    world: OperatorWorld, database_dsn: str, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    holder = await world.open_wallet(wallet_class=3, evidence={"identity_document": DOCUMENT})
    await end(world, holder)
    backup = tmp_path / "backup"
    await run("pg_dump", "--format=custom", f"--file={backup}", database_dsn)
    world.clock.advance(milliseconds(TEN_YEARS + A_DAY))
    await destroy(world)
    restored = await postgres.create_database("restored_privacy")
    await run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored}", str(backup))
    async with await Database.open(restored, pool_size=2) as database:
        left = "SELECT count(data_key) FROM evidence"
        async with database.connection() as connection:
            assert await connection.fetchval(left) == 2, "until then a backup holds it"
        await DestroyAtTerm(database=database, now_ms=world.clock)()
        async with database.connection() as connection:
            assert await connection.fetchval(left) == 0
    await postgres.drop_database("restored_privacy")


async def test_f5_the_service_destroys_what_is_due_when_it_starts(
    world: OperatorWorld, database_dsn: str
) -> None:
    holder = await world.open_wallet()
    await end(world, holder)
    world.clock.advance(milliseconds(TEN_YEARS + A_DAY))

    async def is_destroyed() -> bool:
        return not await keys_of(world, holder)

    async with operator_world(database_dsn, world.registry):
        await until(is_destroyed)


async def test_accesses_are_append_only_until_their_term(world: OperatorWorld) -> None:
    await world.open_wallet()
    too_early = ("DELETE FROM access_log", "UPDATE access_log SET actor = 'service'")
    async with world.database.connection() as connection:
        for statement in (*too_early, "TRUNCATE access_log"):
            with pytest.raises(asyncpg.RaiseError):
                await connection.execute(statement)
        await connection.execute(
            "INSERT INTO access_log (time_ms, record, actor, purpose)"
            " VALUES ($1, 'evidence/old', 'service', 'show_holder')",
            world.clock() - milliseconds(TEN_YEARS + A_DAY),  # as the database's clock has it
        )
    assert (await destroy(world))["access_log"] == 1
    assert await world.database_value("SELECT count(*) FROM access_log") == 1


def test_every_table_about_a_holder_has_a_term_or_a_reason() -> None:
    assert {each.table for each in SCHEDULE} | KEPT.keys() == (
        PLAIN.keys() | SEALED.keys() | WITHHELD.keys()
    )


def test_the_page_tells_the_schedule() -> None:
    page = PAGE.read_text("utf-8")
    for each in SCHEDULE:
        row = (each.table, each.record, told(each.term), each.counts_from, each.destroyed)
        assert f"| `{row[0]}` | {' | '.join(row[1:])} |" in page
    for table, why in KEPT.items():
        assert f"| `{table}` | {why} |" in page


def told(term: timedelta) -> str:
    if term == TEN_YEARS:
        return "10 years"
    return f"{term.days} day{'' if term.days == 1 else 's'}" if term else "at once"


async def run(program: str, *arguments: str) -> None:
    command = [str(bundled_binaries() / program), *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
