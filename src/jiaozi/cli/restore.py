"""`jiaozi restore`: put a backup back, as it was or rolled on to a moment of an archive."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.registry.state_hash import StateHashFailed, hash_state
from jiaozi.cli.backup import Data, Dsn, check_one_place
from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, print_facts, print_json
from jiaozi.local.directory import DataDirectory
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.restore import restore_database, restore_server

app = typer.Typer(add_completion=False)

_REGISTRY = "central_bank"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter("a moment is written like 2026-03-01T12:00:00+08:00")
    return moment


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `jiaozi backup` made.")],
    data: Data = None,
    dsn: Dsn = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Of `jiaozi up --archive`: go on from the backup to its end."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="MOMENT", help="Stop at this moment of the archive."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back, into a data directory without databases or into an empty database.

    Tells height and state hash of a registry that is in it: blocks alone make the same hash.
    """
    check_one_place(data, dsn)
    if archive is not None and data is None:
        raise typer.BadParameter("an archive goes with --data")
    if until is not None and archive is None:
        raise typer.BadParameter("a moment needs --archive")
    with failures_told(as_json=as_json):
        if data is not None:
            directory = DataDirectory(data.absolute())
            state = asyncio.run(
                _into_directory(source, directory, archive and archive.absolute(), until)
            )
        else:
            assert dsn is not None
            state = asyncio.run(_into_database(source, dsn))
    height, state_hash = (None, None) if state is None else (state[0], state[1].hex())
    if as_json:
        print_json({"height": height, "state_hash": state_hash})
    elif height is None:
        print_facts({"Restored": str(source)})
    else:
        print_facts({"Restored": str(source), "Height": str(height), "State hash": state_hash})


async def _into_directory(
    source: Path, directory: DataDirectory, archive: Path | None, until: datetime | None
) -> tuple[int, bytes] | None:
    with directory.held():
        await restore_server(source, directory.postgres, archive=archive, until=until)
        async with EmbeddedPostgres(directory.postgres) as server:
            return await _state_of(server.dsn(_REGISTRY))


async def _into_database(source: Path, dsn: str) -> tuple[int, bytes] | None:
    await restore_database(source, dsn)
    return await _state_of(dsn)


async def _state_of(dsn: str) -> tuple[int, bytes] | None:
    """Hash what a registry holds; an operator's database has none."""
    async with await Database.open(dsn, pool_size=1, statement_timeout_ms=0) as database:
        async with database.connection() as connection:
            if await connection.fetchval("SELECT to_regclass('block')") is None:
                return None
        try:
            return await hash_state(database)
        except StateHashFailed:
            return None
