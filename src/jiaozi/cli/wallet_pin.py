"""`jiaozi wallet pin`: the PIN for what a wallet's operator has to sign too.

A PIN is typed unseen or read from a file, never given as an argument: arguments can be read by
whoever is on the machine.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.output import AsJson, local_time, print_json, stdout
from jiaozi.cli.wallet_evidence import (
    DEFAULT_DOCUMENT,
    Branch,
    Clerk,
    DepositId,
    DocumentCountry,
    DocumentNumber,
    DocumentType,
    Name,
    OwnClass,
    OwnPhone,
    Shown,
    evidence_for,
)
from jiaozi.cli.wallet_open import registration_for
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.wallet.model import JournaledOrder
from jiaozi.wallet.second_factor import PinNotGiven, needs_pin, reset_pin, set_pin

app = typer.Typer(no_args_is_help=True, help="Set the PIN for what your operator signs too.")

PinFile = Annotated[
    Path | None,
    typer.Option("--pin-file", help="Its first line is the PIN; else you are asked when needed."),
]


@app.command("set")
def set_command(context: typer.Context, pin_file: PinFile = None, as_json: AsJson = False) -> None:
    """Set the wallet's first PIN: 6 to 12 digits that nobody guesses."""
    with failures_told(as_json=as_json):
        new = given_pin(pin_file, "New PIN", is_new=True)
        _set(context, new, None, as_json=as_json)


@app.command("change")
def change_command(
    context: typer.Context,
    old_pin_file: Annotated[
        Path | None,
        typer.Option("--old-pin-file", help="Its first line is the present PIN."),
    ] = None,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Set another PIN in place of the present one."""
    with failures_told(as_json=as_json):
        old = given_pin(old_pin_file, "Present PIN")
        new = given_pin(pin_file, "New PIN", is_new=True)
        _set(context, new, old, as_json=as_json)


@app.command("reset")
def reset_command(
    context: typer.Context,
    phone: OwnPhone,
    wallet_class: OwnClass = 4,
    document_type: DocumentType = DEFAULT_DOCUMENT,
    document_number: DocumentNumber = None,
    document_country: DocumentCountry = None,
    name: Name = None,
    deposit_id: DepositId = None,
    branch: Branch = None,
    clerk: Clerk = None,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Set another PIN in place of a forgotten one: it takes effect after a day.

    Until then the present PIN is good, and whoever gives it drops the reset. If it was not you who
    asked, freeze the wallet.
    """
    shown = Shown(
        document_type=document_type,
        document_number=document_number,
        document_country=document_country,
        name=name,
        deposit_id=deposit_id,
        branch=branch,
        clerk=clerk,
    )
    evidence = evidence_for(wallet_class, shown)

    async def ask(new: str) -> int:
        async with setup_of(context).unlocked() as wallet:
            registration, code = await registration_for(wallet.client, phone)
            return await reset_pin(wallet, new, registration, code, evidence)

    with failures_told(as_json=as_json):
        due_ms = asyncio.run(ask(given_pin(pin_file, "New PIN", is_new=True)))
    if as_json:
        print_json({"due_ms": due_ms})
    else:
        stdout.print(f"The new PIN is good from {local_time(due_ms)} on.")


def pin_if_any(pin_file: Path | None) -> str | None:
    """Return the PIN from its file or whoever sits at the terminal; None if nobody does.

    Raises:
        PinNotGiven: The file cannot be read.
    """
    if pin_file is None and not sys.stdin.isatty():
        return None
    return given_pin(pin_file, "PIN")


async def with_pin_if_asked(
    order: Callable[[str | None], Awaitable[JournaledOrder]], pin_file: Path | None
) -> JournaledOrder:
    """Order without a PIN, and anew with it where the amount asks for it.

    Raises:
        PinNotGiven: The file cannot be read.
    """
    ordered = await order(None)
    if not needs_pin(ordered):
        return ordered
    pin = await asyncio.to_thread(pin_if_any, pin_file)
    return ordered if pin is None else await order(pin)


def _set(context: typer.Context, new: str, old: str | None, *, as_json: bool) -> None:
    async def send() -> None:
        async with setup_of(context).unlocked() as wallet:
            await set_pin(wallet, new, old=old)

    asyncio.run(send())
    if as_json:
        print_json({"is_set": True})
    else:
        stdout.print("[bold green]The PIN is set.[/bold green]")


def given_pin(file: Path | None, prompt: str, *, is_new: bool = False) -> str:
    """Return a PIN from its file or whoever sits at the terminal.

    Raises:
        PinNotGiven: The file cannot be read, or nobody is there.
    """
    if file is not None:
        try:
            return file.read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise PinNotGiven(detail=f"The PIN file cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise PinNotGiven(detail="A PIN is needed and nobody is there to type it")
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True))
