"""`jiaozi wallet statement`: a period between two balances, for an office or for bookkeeping."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.output import AsJson, print_json, stdout
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.statement import StatementForm, get_statement


def statement_command(
    context: typer.Context,
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC+8.")
    ],
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; by default up to now."),
    ] = None,
    form: Annotated[StatementForm, typer.Option("--format", help="For whom.")] = StatementForm.PDF,
    with_name: Annotated[
        bool, typer.Option("--with-name", help="Let it bear your name, if it was proven.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where to; by default named after it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Get a signed statement: opening balance, all that settled, closing balance."""
    first_day, last_day = first.date(), last.date() if last else None

    async def fetch() -> tuple[Path, int]:
        async with setup_of(context).unlocked() as wallet:
            path = out or _path(format_number(wallet.number), first_day, form)
            size_bytes = await get_statement(
                wallet, path, first=first_day, last=last_day, form=form, with_name=with_name
            )
            return path, size_bytes

    with failures_told(as_json=as_json):
        try:
            path, size_bytes = asyncio.run(fetch())
        except OSError as error:
            raise typer.BadParameter(str(error), param_hint="--out") from error
    if as_json:
        print_json({"file": str(path), "format": form.value, "bytes": size_bytes})
    else:
        stdout.print(f"The statement is in {path}.")


def _path(number: str, first: date, form: StatementForm) -> Path:
    return Path(f"statement-{number}-{first}.{form.suffix}")
