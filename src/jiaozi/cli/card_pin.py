"""`jiaozi card pin`: the card's PIN, and what may be paid without it."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.arguments import amount_of
from jiaozi.cli.card_setup import at_reader
from jiaozi.cli.output import AsJson, print_facts, print_json, stdout, yuan
from jiaozi.cli.wallet_pin import given_pin
from jiaozi.cli.wallet_setup import failures_told

app = typer.Typer(no_args_is_help=True, help="The card's PIN, and what may be paid without it.")

_NewPinFile = Annotated[
    Path | None, typer.Option("--new-pin-file", help="Its first line is the new PIN.")
]


@app.command("show")
def show_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how many tries are left, and what may be paid without the PIN."""
    with failures_told(as_json=as_json), at_reader(context).card() as card:
        shown = card.protection()
    if as_json:
        print_json({name: getattr(shown, name) for name in shown.__dataclass_fields__})
        return
    print_facts(
        {
            "Tries left": str(shown.pin_tries) if shown.pin_tries else "none: the PIN is blocked",
            "Tries of the PUK left": str(shown.puk_tries),
            "Without PIN": f"{yuan(shown.payment_fen)} yuan at once, "
            f"{yuan(shown.spent_fen)} of {yuan(shown.sum_fen)} spent",
        }
    )


@app.command("change")
def change_command(
    context: typer.Context, new_pin_file: _NewPinFile = None, as_json: AsJson = False
) -> None:
    """Set another PIN in place of the present one: 6 to 12 digits that nobody guesses."""
    setup = at_reader(context)
    with failures_told(as_json=as_json):
        old = setup.card_pin("Present PIN")
        new = given_pin(new_pin_file, "New PIN", is_new=True)
        with setup.card() as card:
            card.change_pin(old, new)
    _tell("The PIN is changed.", as_json=as_json)


@app.command("unblock")
def unblock_command(
    context: typer.Context,
    puk_file: Annotated[
        Path | None, typer.Option("--puk-file", help="Its first line is the PUK.")
    ] = None,
    new_pin_file: _NewPinFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a new PIN by the PUK that was told when the card was issued."""
    setup = at_reader(context)
    with failures_told(as_json=as_json):
        puk = given_pin(puk_file, "PUK")
        new = given_pin(new_pin_file, "New PIN", is_new=True)
        with setup.card() as card:
            card.unblock_pin(puk, new)
    _tell("The PIN is set, and the card unblocked.", as_json=as_json)


@app.command("allow")
def allow_command(
    context: typer.Context,
    payment: Annotated[str, typer.Argument(metavar="YUAN", help="One payment without PIN.")],
    total: Annotated[
        str, typer.Argument(metavar="SUM", help="All of them, until the PIN is shown.")
    ],
    as_json: AsJson = False,
) -> None:
    """Allow small payments without the PIN; 0 and 0 allows none."""
    payment_fen, sum_fen = (0 if text == "0" else amount_of(text) for text in (payment, total))
    with failures_told(as_json=as_json), at_reader(context).card() as card:
        card.show_pin(at_reader(context).card_pin())
        card.set_allowance(payment_fen, sum_fen)
    _tell(
        f"Up to {yuan(payment_fen)} yuan at once and {yuan(sum_fen)} in all go without the PIN.",
        as_json=as_json,
    )


def _tell(sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"is_set": True})
    else:
        stdout.print(sentence)
