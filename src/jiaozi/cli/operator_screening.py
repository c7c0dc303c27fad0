"""`jiaozi operator screening`: what the compliance officer sees and decides."""

import asyncio
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.operator_privacy import Dsn, Keys, now_ms, opened, read_clerk
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    local_time,
    print_json,
    print_table,
    stdout,
)
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.keys import WrappingFiles, load_lookup
from jiaozi.operator.privacy.access import Actor
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.operator.screening.cases import Case, ScreeningCases
from jiaozi.operator.screening.list_file import ListBroken, read_list
from jiaozi.storage.database import Database

app = typer.Typer(no_args_is_help=True, help="Whom the screening list names.")

_Officer = Annotated[
    Actor, typer.Option("--clerk", parser=read_clerk, metavar="ID", help="Your staff number.")
]


@app.command("cases")
def cases_command(
    officer: _Officer,
    dsn: Dsn,
    keys: Keys,
    with_cleared: Annotated[bool, typer.Option("--all", help="Cleared ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List cases, oldest first; each one that is opened is written down, with you."""

    async def ask() -> list[Case]:
        async with opened(dsn) as database:
            cases = _cases(database, keys)
            return await cases.listed(officer, with_cleared=with_cleared)

    with failures_told(as_json=as_json):
        documents = [_document(each) for each in asyncio.run(ask())]
    if as_json:
        print_json({"cases": documents})
        return
    columns = ("Case", "Place", "Entry", "Name", "Document", "Wallet", "Hits", "Last", "Cleared by")
    names = ("id", "place", "entry", "name", "number", "wallet", "hits", "last", "cleared_by")
    rows = [
        [str(each.get(name) or "") for name in names]
        for each in ({**each, "last": local_time(each["last_ms"])} for each in documents)
    ]
    print_table(columns, rows)


@app.command("clear")
def clear_command(
    case: Annotated[UUID, typer.Argument(help="From `jiaozi operator screening cases`.")],
    officer: _Officer,
    dsn: Dsn,
    keys: Keys,
    as_json: AsJson = False,
) -> None:
    """Let a case's subject pass from now on: the list means somebody else."""

    async def clear() -> bool:
        async with opened(dsn) as database:
            return await _cases(database, keys).clear(officer, case)

    with failures_told(as_json=as_json):
        is_cleared = asyncio.run(clear())
    if not is_cleared:
        what, advice = "There is no open case of this id", "Nothing was changed"
        fail("case_unknown", what, advice, exit_code=ExitCode.REFUSED, as_json=as_json)
    if as_json:
        print_json({"cleared": str(case)})
    else:
        stdout.print("Cleared.")


@app.command("check")
def check_command(
    file: Annotated[Path, typer.Argument(help="A list: reference,name,document_number.")],
    as_json: AsJson = False,
) -> None:
    """Tell whether a list file would be taken; a service takes a changed file by itself."""
    try:
        rows = read_list(file).rows
    except ListBroken as broken:
        advice = "Correct it: a service keeps the list that it has"
        what = str(broken).rstrip(".")
        fail("list_broken", what, advice, exit_code=ExitCode.USAGE, as_json=as_json)
    if as_json:
        print_json({"entries": rows})
    else:
        stdout.print(f"{rows} entries.")


def _cases(database: Database, keys: Path) -> ScreeningCases:
    wrapping = WrappingKeys(WrappingFiles(keys))
    privacy = Privacy(wrapping=wrapping, lookup_key=load_lookup(keys), now_ms=now_ms)
    return ScreeningCases(database=database, privacy=privacy, now_ms=now_ms)


def _document(case: Case) -> dict[str, Any]:
    row = case.row
    return {
        "id": str(row.id),
        "place": row.place,
        "hits": row.hits,
        "first_ms": row.first_ms,
        "last_ms": row.last_ms,
        "cleared_by": row.cleared_by,
        "cleared_ms": row.cleared_ms,
        **case.fields,
    }
