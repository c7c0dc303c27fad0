"""`jiaozi wallet offline`: a purse in this wallet's directory, and what it says to other purses."""

from typing import Annotated, Any

import typer

from jiaozi.cli import wallet_offline_desk, wallet_offline_hand_in
from jiaozi.cli.arguments import Yuan, amount_of
from jiaozi.cli.offline_messages import (
    Picture,
    TextFile,
    check_given,
    give_message,
    read_message,
)
from jiaozi.cli.output import (
    AsJson,
    add_commands,
    local_time,
    print_facts,
    print_json,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.offline.messages import payment_of, request_of, split_message
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.offline.device import PurseView, acknowledge_waiting
from jiaozi.wallet.offline.frames import MessageKind

app = typer.Typer(
    no_args_is_help=True,
    help="Pay and be paid without network, from a purse in a file. A file can be copied: its "
    "limits are low, and who spends a copy twice is proven to have.",
)
_Message = Annotated[
    list[str],
    typer.Argument(
        metavar="MESSAGE...",
        help="The text of the code, a text file, or pictures of its codes in any order.",
    ),
]
_LIFETIME_MS = 10 * 60_000


def balance_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what the purse holds and how far it may still go."""
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        view = purse.view()
    if as_json:
        print_json(view_document(view))
    else:
        print_facts(view_facts(view))


def request_command(
    context: typer.Context,
    amount: Yuan,
    picture: Picture = None,
    text: TextFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask to be paid; show the code to whoever pays."""
    amount_fen = amount_of(amount)
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        check_given(picture=picture, text=text)
        said = purse.ask(amount_fen, SYSTEM_EDGE.now_ms() + _LIFETIME_MS)
        frames = give_message(MessageKind.REQUEST, said, picture=picture, text=text, quiet=as_json)
    if as_json:
        print_json({"amount_fen": amount_fen, "frames": frames})


def pay_command(
    context: typer.Context,
    request: _Message,
    yes: Annotated[bool, typer.Option("--yes", help="Pay without asking.")] = False,
    picture: Picture = None,
    text: TextFile = None,
    as_json: AsJson = False,
) -> None:
    """Pay what a purse asks for; the same request again shows the same payment."""
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        check_given(picture=picture, text=text)
        asked = read_message(request, MessageKind.REQUEST)
        amount_fen = request_of(split_message(asked, "request")[0]).amount_fen
        if not yes:
            typer.confirm(f"Pay {yuan(amount_fen)} yuan?", abort=True, err=True)
        said = purse.pay(asked)
        frames = give_message(MessageKind.PAYMENT, said, picture=picture, text=text, quiet=as_json)
        left_fen = purse.view().balance_fen
    if as_json:
        print_json({"amount_fen": amount_fen, "balance_fen": left_fen, "frames": frames})
    else:
        stdout.print(f"Paid {yuan(amount_fen)} yuan; the purse holds {yuan(left_fen)}.")


def collect_command(
    context: typer.Context,
    payment: _Message,
    picture: Picture = None,
    text: TextFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a payment; show the payer the acknowledgement if it asks for one."""
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        check_given(picture=picture, text=text)
        paid = read_message(payment, MessageKind.PAYMENT)
        said = purse.collect(paid)
        amount_fen = payment_of(split_message(paid, "payment")[0]).amount_fen
        frames = give_message(
            MessageKind.ACKNOWLEDGEMENT, said, picture=picture, text=text, quiet=as_json
        )
        held_fen = purse.view().balance_fen
    if as_json:
        print_json({"amount_fen": amount_fen, "balance_fen": held_fen, "frames": frames})
    else:
        stdout.print(f"Received {yuan(amount_fen)} yuan; the purse holds {yuan(held_fen)}.")


def acknowledge_command(
    context: typer.Context, acknowledgement: _Message, as_json: AsJson = False
) -> None:
    """Note that a payment has arrived, so that it is not said again."""
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        said = read_message(acknowledgement, MessageKind.ACKNOWLEDGEMENT)
        has_waited = purse.view().waiting > 0
        if has_waited:
            acknowledge_waiting(purse, said)
        waiting = purse.view().waiting
    if as_json:
        print_json({"waiting": waiting})
    else:
        stdout.print("The payment has arrived." if has_waited else "No payment waits for one.")


def waiting_command(
    context: typer.Context, picture: Picture = None, text: TextFile = None, as_json: AsJson = False
) -> None:
    """Say again the oldest payment that nobody has acknowledged; it is paid once all the same."""
    with failures_told(as_json=as_json), setup_of(context).purse() as purse:
        check_given(picture=picture, text=text)
        waiting = purse.waiting()
        frames = (
            give_message(MessageKind.PAYMENT, waiting[0], picture=picture, text=text, quiet=as_json)
            if waiting
            else []
        )
    if as_json:
        print_json({"waiting": len(waiting), "frames": frames})
    else:
        who = "1 payment waits" if len(waiting) == 1 else f"{len(waiting)} payments wait"
        stdout.print(f"{who} for an acknowledgement.")


def view_facts(view: PurseView) -> dict[str, str | None]:
    """Return what a purse shows of itself, for people."""
    limits, usage = view.device.limits, view.usage
    later_fen = view.after_synchronisation_fen
    return {
        "Holds": f"{yuan(view.balance_fen)} yuan of {yuan(limits.balance_fen)} at most",
        "After synchronising": f"{yuan(later_fen)} yuan" if later_fen else None,
        "One payment": f"{yuan(limits.payment_fen)} yuan at most",
        "Paid since": f"{usage.out_count} of {limits.out_count}, {yuan(usage.out_fen)} of "
        f"{yuan(limits.out_fen)} yuan",
        "Received since": f"{usage.in_count} of {limits.in_count}, {yuan(usage.in_fen)} of "
        f"{yuan(limits.in_fen)} yuan",
        "Synchronised": f"{local_time(view.synchronised_ms)}, works {limits.days} days",
        "Unacknowledged": str(view.waiting) if view.waiting else None,
        "Revocation list": str(view.list_number),
        "Kind": view.device.profile.name.lower(),
        "Device": view.device.key.hex(),
    }


def view_document(view: PurseView) -> dict[str, Any]:
    """Return what a purse shows of itself, for programs."""
    limits, usage = view.device.limits, view.usage
    return {
        "device": view.device.key.hex(),
        "profile": view.device.profile.name.lower(),
        "balance_fen": view.balance_fen,
        "spendable_fen": view.spendable_fen,
        "after_synchronisation_fen": view.after_synchronisation_fen,
        "limits": {name: getattr(limits, name) for name in limits.__dataclass_fields__},
        "usage": {name: getattr(usage, name) for name in usage.__dataclass_fields__},
        "counter": view.counter,
        "loads": view.loads,
        "waiting": view.waiting,
        "list_number": view.list_number,
        "floor_ms": view.floor_ms,
        "synchronised_ms": view.synchronised_ms,
        "not_after_ms": view.device.not_after_ms,
    }


add_commands(
    app,
    {
        "Without network": {
            "balance": balance_command,
            "request": request_command,
            "pay": pay_command,
            "collect": collect_command,
            "acknowledge": acknowledge_command,
            "waiting": waiting_command,
        },
        "With network": {
            **wallet_offline_desk.COMMANDS,
            "hand-in": wallet_offline_hand_in.hand_in_command,
        },
    },
)
