"""`jiaozi card`: a purse on a card in a reader.

What a purse does is the same on a card and in a file, so most commands are those of
`jiaozi wallet offline`, with the card in place of the file.
"""

import functools
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.card.emulator import CardUnusable, emulate
from jiaozi.card.virtual_reader import PORT
from jiaozi.cli import card_issue, card_pin, wallet_offline, wallet_offline_desk
from jiaozi.cli.arguments import amount_of
from jiaozi.cli.card_setup import AtReader, at_reader, set_up
from jiaozi.cli.offline_messages import Picture, TextFile
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    add_commands,
    fail,
    print_json,
    stderr,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_setup import failures_told
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.offline.device import held_fen_of
from jiaozi.wallet.offline.transfer import transfer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Pay and be paid without network, from a purse on a card.",
)
app.callback()(set_up)
_REQUEST_LIFETIME_MS = 10 * 60_000


def pay_command(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MESSAGE...|YUAN",
            help="A request: its text, a text file or pictures of its codes. With --to-reader: "
            "the amount.",
        ),
    ],
    to_reader: Annotated[
        str | None, typer.Option(help="Pay the card in this other reader.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay without asking.")] = False,
    picture: Picture = None,
    text: TextFile = None,
    as_json: AsJson = False,
) -> None:
    """Pay what a purse asks for, or the card in another reader."""
    if to_reader is None:
        wallet_offline.pay_command(
            context, request=what, yes=yes, picture=picture, text=text, as_json=as_json
        )
        return
    if len(what) != 1:
        raise typer.BadParameter("with --to-reader give one amount", param_hint="YUAN")
    _pay_card(at_reader(context), to_reader, amount_of(what[0]), as_json=as_json)


def _pay_card(setup: AtReader, to_reader: str, amount_fen: int, *, as_json: bool) -> None:
    """Pay the card in another reader; what broke off is finished."""
    if to_reader == setup.reader:
        raise typer.BadParameter("the card that pays is in this reader", param_hint="--to-reader")
    with failures_told(as_json=as_json), setup.purse() as payer, setup.purse_in(to_reader) as payee:
        expires_ms = SYSTEM_EDGE.now_ms() + _REQUEST_LIFETIME_MS
        try:
            is_new = transfer(payer, payee, amount_fen, expires_ms)
        except Refusal:
            if payer.view().waiting:
                stderr.print(
                    "[bold]A payment of this card waits[/bold], and belongs to whom it was made: "
                    "`jiaozi card sync` hands it in."
                )
            raise
        left_fen, held_fen = held_fen_of(payer), held_fen_of(payee)
    if as_json:
        print_json(
            {
                "amount_fen": amount_fen,
                "is_new": is_new,
                "balance_fen": left_fen,
                "payee_balance_fen": held_fen,
            }
        )
        return
    told = (
        f"Paid {yuan(amount_fen)} yuan from card to card"
        if is_new
        else f"The payment of {yuan(amount_fen)} yuan that broke off has arrived, and nothing more "
        "was paid"
    )
    if left_fen is None or held_fen is None:
        stdout.print(f"{told}; a card was pulled before it told its balance.")
    else:
        stdout.print(f"{told}; this one holds {yuan(left_fen)}, the other {yuan(held_fen)}.")


def emulate_command(
    directory: Annotated[Path, typer.Argument(help="Where the card keeps its key and its purse.")],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Of the virtual slot.")] = PORT,
    host: Annotated[str, typer.Option(help="Where pcscd runs.")] = "127.0.0.1",
) -> None:
    """Be a card in a virtual reader, a blank one at first, until Ctrl-C."""
    try:
        emulate(directory, host=host, port=port, tell=functools.partial(typer.echo, err=True))
    except CardUnusable as error:
        advice = "Nothing was changed. Name another directory, or end the other process"
        fail("card_unusable", str(error), advice, exit_code=ExitCode.USAGE, as_json=False)


add_commands(
    app,
    {
        "Without network": {
            "balance": wallet_offline.balance_command,
            "pay": pay_command,
            "request": wallet_offline.request_command,
            "collect": wallet_offline.collect_command,
            "acknowledge": wallet_offline.acknowledge_command,
            "waiting": wallet_offline.waiting_command,
            "pin": card_pin.app,
        },
        "With network": {
            "issue": card_issue.issue_command,
            "load": wallet_offline_desk.load_command,
            "unload": wallet_offline_desk.unload_command,
            "sync": card_issue.synchronise_command,
            "renew": card_issue.renew_command,
            "lost": wallet_offline_desk.lost_command,
            "claim": wallet_offline_desk.claim_command,
        },
        "Without a card": {"emulate": emulate_command},
    },
)
