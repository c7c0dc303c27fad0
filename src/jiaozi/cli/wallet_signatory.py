"""`jiaozi wallet signatory`: the persons who sign for a company, each with a wallet."""

import asyncio
from typing import Annotated, Any

import typer

from jiaozi.cli.output import AsJson, ExitCode, local_time, print_json, print_table, stdout
from jiaozi.cli.wallet_evidence import (
    DEFAULT_DOCUMENT,
    DocumentCountry,
    DocumentNumber,
    DocumentType,
    Name,
    Shown,
    document_of,
)
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.protocol.suites import Suite, key_fits
from jiaozi.wallet.answers import take
from jiaozi.wallet.identity import add_signatory, list_signatories, remove_signatory

app = typer.Typer(no_args_is_help=True, help="Who signs for this company.")


@app.command("add")
def add_command(
    context: typer.Context,
    public_key: Annotated[
        str, typer.Argument(metavar="KEY", help="The public key that they made, in hexadecimal.")
    ],
    role: Annotated[str, typer.Option(help="As what they sign, such as finance director.")],
    document_type: DocumentType = DEFAULT_DOCUMENT,
    document_number: DocumentNumber = None,
    document_country: DocumentCountry = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Open a wallet of the company's group for another signatory."""
    key = _key(public_key)
    document = document_of(
        Shown(
            document_type=document_type,
            document_number=document_number,
            document_country=document_country,
            name=name,
        )
    )

    async def ask() -> AccountNumber:
        async with setup_of(context).unlocked() as wallet:
            return await add_signatory(wallet, key, document, role)

    with failures_told(as_json=as_json):
        number = format_number(asyncio.run(ask()))
    if as_json:
        print_json({"number": number})
    else:
        stdout.print(f"Their wallet is {number}.")


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List who signs for the company, those who were removed too."""

    async def ask() -> list[dict[str, Any]]:
        async with setup_of(context).unlocked() as wallet:
            return await list_signatories(wallet)

    with failures_told(as_json=as_json):
        listed = asyncio.run(ask())
        rows = [_row(each) for each in listed]
    if as_json:
        print_json({"signatories": listed})
    else:
        print_table(("Wallet", "State", "Name", "Role", "Since"), rows)


@app.command("remove")
def remove_command(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Their wallet.")],
    as_json: AsJson = False,
) -> None:
    """Remove a signatory and freeze their wallets of this company; one always remains."""
    try:
        account = parse_number(number)
    except ValueError as error:
        raise typer.BadParameter(f"{number}: {error}") from error

    async def ask() -> bool:
        async with setup_of(context).unlocked() as wallet:
            return await remove_signatory(wallet, account)

    with failures_told(as_json=as_json):
        frozen = asyncio.run(ask())
    if as_json:
        print_json({"frozen": frozen})
    elif frozen:
        stdout.print("Removed; their wallets are frozen.")
    else:
        stdout.print("Removed; their wallets will be frozen as soon as the registry answers.")
    raise typer.Exit(ExitCode.DONE if frozen else ExitCode.UNKNOWN)


def _row(listed: dict[str, Any]) -> tuple[str, str, str, str, str]:
    return (
        take(listed, "number", str),
        take(listed, "state", str),
        str(listed.get("name") or ""),
        str(listed.get("role") or ""),
        local_time(take(listed, "added_ms", int)),
    )


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if not key_fits(Suite.ED25519, key):
        raise typer.BadParameter("an Ed25519 public key is 64 hexadecimal digits")
    return key
