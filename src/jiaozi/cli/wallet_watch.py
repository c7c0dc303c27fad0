"""`jiaozi wallet watch`: what comes in and goes out, as it happens."""

import asyncio
from typing import Annotated, Any

import typer

from jiaozi.cli.output import AsJson, local_time, print_json, stdout, yuan
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.wallet.answers import take
from jiaozi.wallet.watch import watch


def watch_command(
    context: typer.Context,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many; else with Ctrl-C.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what comes in and goes out from now on, until Ctrl-C; with --json a line for each."""

    async def show() -> None:
        shown = 0
        async with setup_of(context).unlocked() as wallet:
            async for entry in watch(wallet):
                _tell(entry, as_json=as_json)
                shown += 1
                if shown == count:
                    return

    with failures_told(as_json=as_json):
        try:
            asyncio.run(show())
        except KeyboardInterrupt:
            return


def _tell(entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(entry)
        return
    sign = "+" if entry.get("direction") == "in" else "-"
    words = (
        local_time(take(entry, "time_ms", int)),
        take(entry, "type", str),
        sign + yuan(take(entry, "amount_fen", int)),
        take(entry, "counterparty", str),
        take(entry, "state", str),
    )
    stdout.print("  ".join(words), markup=False)
