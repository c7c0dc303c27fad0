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

from jiaozi.cli.output import AsJson, print_json, stdout
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.wallet.model import JournaledOrder
from jiaozi.wallet.second_factor import PinNotGiven, needs_pin, set_pin

app = typer.Typer(no_args_is_help=True, help="Set the PIN for what your operator signs too.")

PinFile = Annotated[
    Path | None,
    typer.Option("--pin-file", help="Its first line is the PIN; else you are asked when needed."),
]


@app.command("set")
def set_command(context: typer.Context, pin_file: PinFile = None, as_json: AsJson = False) -> None:
    """Set the wallet's first PIN: 6 to 12 digits that nobody guesses."""
    with failures_told(as_json=as_json):
        new = _given(pin_file, "New PIN", is_new=True)
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
        old = _given(old_pin_file, "Present PIN")
        new = _given(pin_file, "New PIN", is_new=True)
        _set(context, new, old, as_json=as_json)


def pin_if_any(pin_file: Path | None) -> str | None:
    """Return the PIN from its file or whoever sits at the terminal; None if nobody does.

    Raises:
        PinNotGiven: The file cannot be read.
    """
    if pin_file is None and not sys.stdin.isatty():
        return None
    return _given(pin_file, "PIN")


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


def _given(file: Path | None, prompt: str, *, is_new: bool = False) -> str:
    if file is not None:
        try:
            return file.read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise PinNotGiven(detail=f"The PIN file cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise PinNotGiven(detail="A PIN is needed and nobody is there to type it")
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True))
