"""`jiaozi backup`: copy a party's database, or all of a machine's, while orders come."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, print_facts, print_json
from jiaozi.local.directory import DataDirectory
from jiaozi.storage.backup import Backup, back_up_database, back_up_server

app = typer.Typer(add_completion=False)

Data = Annotated[
    Path | None,
    typer.Option(envvar="JIAOZI_DATA", help="The directory of `jiaozi up`: all its databases."),
]
Dsn = Annotated[
    str | None, typer.Option(envvar="JIAOZI_DSN", help="One database of any PostgreSQL.")
]


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="A new or empty directory.")],
    data: Data = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Back up databases: those of a data directory, or the one that a DSN names.

    Nothing has to be stopped. Keys and secrets are not in it: keep copies of those apart.
    """
    check_one_place(data, dsn)
    with failures_told(as_json=as_json):
        made = asyncio.run(_back_up(target, data and data.absolute(), dsn))
    facts = {"backup": str(target), "kind": str(made.kind), "made_at": made.made_at}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def check_one_place(data: Path | None, dsn: str | None) -> None:
    """Make sure that exactly one of two places is named."""
    if (data is None) == (dsn is None):
        raise typer.BadParameter("name either --data or --dsn")


async def _back_up(target: Path, data: Path | None, dsn: str | None) -> Backup:
    if data is not None:
        return await back_up_server(DataDirectory(data).postgres, target)
    assert dsn is not None
    return await back_up_database(dsn, target)
