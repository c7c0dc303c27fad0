"""`jiaozi wallet pay`, `exchange`, `redeem` and `resume`: money leaves, comes and is followed."""

import asyncio
from typing import Annotated

import typer

from jiaozi.cli import wallet_pin, wallet_request
from jiaozi.cli.arguments import Yuan, amount_of, number_of
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    print_json,
    print_table,
    refusal_sentence,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_setup import (
    failures_told,
    remind_of_open,
    setup_of,
    standing_document,
    tell_standing,
)
from jiaozi.wallet.exchange import exchange
from jiaozi.wallet.model import Exchange, JournaledOrder
from jiaozi.wallet.pay import Payee, pay
from jiaozi.wallet.redeem import redeem
from jiaozi.wallet.resume import resume

_Deposit = Annotated[str, typer.Option("--deposit", help="Your deposit account at the operator.")]


def pay_command(
    context: typer.Context,
    payees: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NUMBER YUAN]...", help="Whom to pay how much."),
    ] = None,
    note: Annotated[
        str | None,
        typer.Option(help="A line for yourself; the order carries its salted hash alone."),
    ] = None,
    request: Annotated[
        str | None, typer.Option(help="A payment request, or a file with one, instead.")
    ] = None,
    amount: Annotated[
        str | None, typer.Option(metavar="YUAN", help="For a request that leaves it to you.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay a request without asking.")] = False,
    accept_unproven: Annotated[
        bool, typer.Option("--accept-unproven", help="Pay a request that nobody attests.")
    ] = False,
    pin_file: wallet_pin.PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Pay one or several wallets by one order, all or nothing; or what a request asks for.

    Above the amount that you set for it, your operator signs too: after your PIN.
    """
    if request is not None:
        if payees or note is not None:
            raise typer.BadParameter("a request names payee and note itself")
        wallet_request.pay_request(
            context,
            request,
            None if amount is None else amount_of(amount),
            yes=yes,
            accept_unproven=accept_unproven,
            pin_file=pin_file,
            as_json=as_json,
        )
    legs = _payees(payees or [])

    async def order() -> JournaledOrder:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await wallet_pin.with_pin_if_asked(
                lambda pin: pay(wallet, legs, note=note, pin=pin), pin_file
            )

    with failures_told(as_json=as_json):
        paid = asyncio.run(order())
    _tell_order(paid, amount_fen=sum(each.amount_fen for each in legs), as_json=as_json)


def exchange_command(
    context: typer.Context, amount: Yuan, deposit_id: _Deposit, as_json: AsJson = False
) -> None:
    """Exchange a deposit into digital yuan."""
    amount_fen = amount_of(amount)

    async def order() -> Exchange:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await exchange(wallet, deposit_id=deposit_id, amount_fen=amount_fen)

    with failures_told(as_json=as_json):
        exchanged = asyncio.run(order())
    exchange_id = exchanged.exchange_id.hex()
    tell_standing(
        exchanged.standing,
        facts={"exchange_id": exchange_id, "amount_fen": amount_fen},
        labels={"Exchange": exchange_id, "Amount": f"{yuan(amount_fen)} yuan"},
        as_json=as_json,
    )


def redeem_command(
    context: typer.Context,
    amount: Yuan,
    deposit_id: _Deposit,
    pin_file: wallet_pin.PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Redeem digital yuan into a deposit.

    Above the amount that you set for it, your operator signs too: after your PIN.
    """
    amount_fen = amount_of(amount)

    async def order() -> JournaledOrder:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await wallet_pin.with_pin_if_asked(
                lambda pin: redeem(wallet, deposit_id=deposit_id, amount_fen=amount_fen, pin=pin),
                pin_file,
            )

    with failures_told(as_json=as_json):
        redeemed = asyncio.run(order())
    _tell_order(redeemed, amount_fen=amount_fen, as_json=as_json)


def resume_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Finish orders that a crash or a lost answer left open; never pays anything twice."""
    resumed: list[JournaledOrder | Exchange] = []

    async def finish() -> int:
        async with setup_of(context).unlocked() as wallet:
            await resume(wallet, resumed.append)
            return wallet.journal.open_count()

    with failures_told(as_json=as_json):
        still_open = asyncio.run(finish())
    if as_json:
        documents = [{"id": _id(each), **standing_document(each.standing)} for each in resumed]
        print_json({"resumed": documents, "open": still_open})
    else:
        print_table(("Id", "State", "Reason"), [_resumed_row(each) for each in resumed])
        stdout.print(f"{len(resumed)} looked after, {still_open} still open.")
    raise typer.Exit(ExitCode.UNKNOWN if still_open else ExitCode.DONE)


def _payees(words: list[str]) -> list[Payee]:
    if not words or len(words) % 2:
        raise typer.BadParameter("numbers and amounts come in pairs: NUMBER YUAN [NUMBER YUAN]...")
    return [
        Payee(number_of(number), amount_of(amount))
        for number, amount in zip(words[::2], words[1::2], strict=True)
    ]


def _tell_order(journaled: JournaledOrder, *, amount_fen: int, as_json: bool) -> None:
    order_id = journaled.order.order_id.hex()
    tell_standing(
        journaled.standing,
        facts={"order_id": order_id, "amount_fen": amount_fen},
        labels={"Order": order_id, "Amount": f"{yuan(amount_fen)} yuan"},
        as_json=as_json,
    )


def _resumed_row(each: JournaledOrder | Exchange) -> tuple[str, str, str]:
    refusal = each.standing.refusal
    return _id(each), each.standing.state, refusal_sentence(refusal) if refusal else ""


def _id(each: JournaledOrder | Exchange) -> str:
    return (each.exchange_id if isinstance(each, Exchange) else each.order.order_id).hex()
