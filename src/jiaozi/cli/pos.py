"""`jiaozi pos`: a point of sale that takes payments of cards with no network, and hands them in."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from jiaozi.cli.arguments import Yuan, amount_of
from jiaozi.cli.card_setup import AtReader, at_reader, set_up
from jiaozi.cli.output import (
    AsJson,
    add_commands,
    local_time,
    print_facts,
    print_json,
    print_table,
    stderr,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_setup import failures_told
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import CardPulled, WalletError
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.own import open_purse
from jiaozi.wallet.offline.sales import Sale, Sales, SaleState
from jiaozi.wallet.offline.till import Till
from jiaozi.wallet.wallet import unlock

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Take payments of cards with no network. The terminal's purse is made by "
    "`jiaozi wallet offline enrol --terminal`.",
)
app.callback()(set_up)
_NOTICED_S = 0.5
"""pcscd has missed a card by then."""
_DAY_S = 24 * 3600


def take_command(
    context: typer.Context,
    amount: Yuan,
    as_json: AsJson = False,
) -> None:
    """Take a payment from the card that is held to the reader; a broken-off one goes on."""
    amount_fen = amount_of(amount)
    setup = at_reader(context)
    with failures_told(as_json=as_json), _till(setup) as (till, sales):
        sale = till.begin(amount_fen, SYSTEM_EDGE.now_ms())
        if not as_json:
            stdout.print(f"[bold]{yuan(amount_fen)} yuan.[/bold] Hold the card to the reader.")
        try:
            taken = till.collect(sale) if sale.payment else _taken(setup, till, sale)
        except (Refusal, WalletError) as error:
            _tell_what_stays(sales, sale, error)
            raise
    if as_json:
        print_json(_document(taken))
    else:
        print_facts(_receipt(taken))


def cancel_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Give the sale up that broke off; what its card may have paid comes in all the same."""
    with failures_told(as_json=as_json), _till(at_reader(context)) as (till, _):
        cancelled = till.cancel()
    if as_json:
        print_json({"cancelled": None if cancelled is None else cancelled.number})
    elif cancelled is None:
        stdout.print("No sale is open.")
    else:
        stdout.print(f"Sale {cancelled.number} of {yuan(cancelled.amount_fen)} yuan is given up.")


def day_command(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, help="That many days back, this one included.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List the sales of this day, and what they come to."""
    setup = at_reader(context)
    with failures_told(as_json=as_json), _sales(setup.directory) as sales:
        listed = sales.since(_midnight_ms(days - 1))
    total_fen = sum(each.amount_fen for each in listed if each.state in _EARNED)
    if as_json:
        print_json({"sales": [_document(each) for each in listed], "taken_fen": total_fen})
        return
    rows = [
        (str(each.number), local_time(each.made_ms), yuan(each.amount_fen), each.state.value,
         "" if each.payer is None else each.payer.hex()[:16])
        for each in listed
    ]  # fmt: skip
    print_table(("Sale", "Time", "Yuan", "State", "Card"), rows, amounts=("Yuan",))
    stdout.print(f"[bold]{yuan(total_fen)} yuan taken.[/bold]")


def synchronise_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Hand the day's payments in, and begin the terminal's limits afresh."""
    setup = at_reader(context)

    async def go() -> tuple[int, int]:
        passphrase = setup.passphrase()
        with open_purse(setup.directory, passphrase) as purse, _sales(setup.directory) as sales:
            async with unlock(setup.directory, passphrase, patience=setup.patience) as wallet:
                await _hand_over(wallet.client, sales)
                entries = purse.view().entries
                await desk.synchronise(wallet.client, purse, wallet.edge)
                return entries, purse.view().balance_fen

    with failures_told(as_json=as_json):
        entries, held_fen = asyncio.run(go())
    if as_json:
        print_json({"entries": entries, "balance_fen": held_fen})
    else:
        print_facts(
            {
                "Handed in": f"{entries} entries",
                "The terminal holds": f"{yuan(held_fen)} yuan",
                "Next": "`jiaozi wallet offline unload` moves it to the wallet",
            }
        )


async def _hand_over(client: OperatorClient, sales: Sales) -> None:
    """Let an operator take the payments that the terminal's purse had not collected."""
    waiting = sales.not_collected()
    payments = [each.payment for each in waiting if each.payment is not None]
    handed = await desk.say_again(client, payments)
    for sale, what in zip(waiting, handed, strict=True):
        if what.state is desk.HandedState.SETTLED:
            sales.end(sale, SaleState.SETTLED)


def _taken(setup: AtReader, till: Till, sale: Sale) -> Sale:
    """Take a payment; a card that is pulled too early is to be held to the reader again."""
    until_s = time.monotonic() + setup.wait_s
    while True:
        try:
            with setup.card() as card:
                return till.take(sale, card)
        except CardPulled:
            if time.monotonic() > until_s:
                raise
            stderr.print("[yellow]Hold the same card to the reader again.[/yellow]")
        time.sleep(_NOTICED_S)


def _tell_what_stays(sales: Sales, sale: Sale, error: Refusal | WalletError) -> None:
    """Say what an error does not: a proof is kept, or the card has paid all the same."""
    if error.code is Code.DOUBLE_SPENT:
        stderr.print("The proof is kept: `jiaozi wallet offline proofs` writes it down.")
    if any(each.number == sale.number for each in sales.not_collected()):
        stderr.print(
            "[bold]The card has paid.[/bold] Take nothing again: `jiaozi pos sync` hands the "
            "payment in, and it is yours."
        )


@contextmanager
def _till(setup: AtReader) -> Iterator[tuple[Till, Sales]]:
    purse = open_purse(setup.directory, setup.passphrase())
    with purse, _sales(setup.directory) as sales:
        yield Till(purse, sales), sales


def _sales(directory: Path) -> Sales:
    return Sales(directory / "sales.sqlite")


def _midnight_ms(days_back: int) -> int:
    """Return when the day began in this place's time, so many days ago."""
    today = time.localtime(time.time() - days_back * _DAY_S)
    began = time.mktime((today.tm_year, today.tm_mon, today.tm_mday, 0, 0, 0, 0, 0, -1))
    return int(began) * 1000


def _receipt(sale: Sale) -> dict[str, str | None]:
    return {
        "Taken": f"{yuan(sale.amount_fen)} yuan",
        "Sale": str(sale.number),
        "Time": local_time(sale.made_ms),
        "Card": None if sale.payer is None else sale.payer.hex(),
    }


def _document(sale: Sale) -> dict[str, Any]:
    return {
        "sale": sale.number,
        "state": sale.state.value,
        "amount_fen": sale.amount_fen,
        "made_ms": sale.made_ms,
        "card": None if sale.payer is None else sale.payer.hex(),
    }


_EARNED = (SaleState.TAKEN, SaleState.SETTLED)

add_commands(
    app,
    {
        "Without network": {
            "take": take_command,
            "cancel": cancel_command,
            "day": day_command,
        },
        "With network": {"sync": synchronise_command},
    },
)
