"""`jiaozi wallet sub-wallet`: wallets under this one, each with a key and limits of its own."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from jiaozi.cli.arguments import amount_of, number_of
from jiaozi.cli.output import AsJson, print_facts, print_json, print_table, stdout
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.answers import take
from jiaozi.wallet.identity import (
    SubWalletTerms,
    list_sub_wallets,
    open_sub_wallet,
    push_sub_wallet,
)
from jiaozi.wallet.keystore import WalletPublic, read_public
from jiaozi.wallet.wallet import keystore_path

app = typer.Typer(no_args_is_help=True, help="Wallets under this one, in its group.")

_Yuan = Annotated[str | None, typer.Option(metavar="YUAN", help="Its own limit; by default none.")]


@app.command("open")
def open_command(
    context: typer.Context,
    directory: Annotated[Path, typer.Option("--to", help="The sub-wallet's own directory.")],
    balance_cap: _Yuan = None,
    single_limit: _Yuan = None,
    day_limit: _Yuan = None,
    year_limit: _Yuan = None,
    as_json: AsJson = False,
) -> None:
    """Open a sub-wallet with a key of its own; after a crash, run it again to go on.

    Its keystore is a directory like any wallet's, sealed by the passphrase of this one. The limits
    of the class bind all wallets of the group together.
    """
    given = {
        "balance_cap_fen": balance_cap,
        "single_limit_fen": single_limit,
        "day_limit_fen": day_limit,
        "year_limit_fen": year_limit,
    }
    limits = {name: amount_of(text) for name, text in given.items() if text is not None}
    setup = setup_of(context)

    async def ask() -> WalletPublic:
        parent = read_public(keystore_path(setup.directory))
        async with setup.unlocked() as wallet:
            return await open_sub_wallet(
                wallet, parent, directory, setup.passphrase(), SubWalletTerms(limits=limits)
            )

    with failures_told(as_json=as_json):
        public = asyncio.run(ask())
    assert public.number is not None
    number = format_number(public.number)
    if as_json:
        print_json({"number": number, "directory": str(directory)})
        return
    stdout.print("[bold green]The sub-wallet is open.[/bold green]")
    print_facts({"Sub-wallet": number, "Directory": str(directory)})


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List the sub-wallets, and the tokens that platforms know them by."""

    async def ask() -> list[dict[str, Any]]:
        async with setup_of(context).unlocked() as wallet:
            return await list_sub_wallets(wallet)

    with failures_told(as_json=as_json):
        listed = asyncio.run(ask())
        rows = [_row(each) for each in listed]
    if as_json:
        print_json({"sub_wallets": listed})
    else:
        print_table(("Sub-wallet", "Class", "State", "Platforms"), rows)


@app.command("push")
def push_command(
    context: typer.Context,
    sub_wallet: Annotated[str, typer.Argument(metavar="NUMBER", help="The sub-wallet.")],
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="The platform's wallet.")],
    as_json: AsJson = False,
) -> None:
    """Print the token to give to a platform: it never learns the sub-wallet's number by it."""
    numbers = number_of(sub_wallet), number_of(platform)

    async def ask() -> str:
        async with setup_of(context).unlocked() as wallet:
            return await push_sub_wallet(wallet, *numbers)

    with failures_told(as_json=as_json):
        token = asyncio.run(ask())
    if as_json:
        print_json({"token": token})
    else:
        stdout.print(token)


def _row(listed: dict[str, Any]) -> tuple[str, str, str, str]:
    pushed = [f"{each['platform']}: {each['token']}" for each in take(listed, "platforms", list)]
    return (
        take(listed, "number", str),
        str(take(listed, "wallet_class", int)),
        take(listed, "state", str),
        "\n".join(pushed),
    )
