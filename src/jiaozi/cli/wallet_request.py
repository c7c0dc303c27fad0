"""`jiaozi wallet request` and `requests`, `pay --request`, `return`: ask, be paid, send back."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import segno
import typer

from jiaozi.cli.arguments import amount_of
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json, print_table, yuan
from jiaozi.cli.wallet_pin import PinFile, with_pin_if_asked
from jiaozi.cli.wallet_setup import (
    failures_told,
    order_id_of,
    remind_of_open,
    setup_of,
    tell_standing,
)
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.money import Fen
from jiaozi.protocol.numbers import format_number, operator_of
from jiaozi.protocol.payment_request import SCHEME, TEXT_CHARACTERS_MAX
from jiaozi.wallet.model import JournaledOrder, OwnRequest
from jiaozi.wallet.requests import Examined, Followed, examine, follow_requests, make_request
from jiaozi.wallet.requests import pay_request as pay_examined
from jiaozi.wallet.returns import Original, find_original, return_payment

_Amount = Annotated[str | None, typer.Argument(metavar="[YUAN]", help="Without it any amount.")]


def request_command(
    context: typer.Context,
    amount: _Amount = None,
    note: Annotated[str, typer.Option(help="What it is for; the payer reads it.")] = "",
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it can be paid.")] = 30,
    qr_file: Annotated[
        Path | None, typer.Option("--qr", help="Write a QR code to an .svg or .png file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a signed request to be paid, as text and as QR code."""
    amount_fen = None if amount is None else amount_of(amount)

    async def make() -> OwnRequest:
        async with setup_of(context).unlocked() as wallet:
            return await make_request(
                wallet, amount_fen=amount_fen, note=note, lifetime_ms=days * DAY_MS
            )

    with failures_told(as_json=as_json):
        made = asyncio.run(make())
    code = segno.make(made.text, error="l", micro=False)
    if qr_file is not None:
        try:
            code.save(str(qr_file), scale=4)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(str(error), param_hint="--qr") from error
    if as_json:
        print_json(_own_document(made))
        return
    if sys.stdout.isatty() and qr_file is None:
        code.terminal(compact=True)
    print_facts({"Request": made.request_id.hex(), "Until": local_time(made.expires_ms)})
    typer.echo(made.text)


def requests_command(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest that many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the requests that this wallet made and what was paid of each."""

    async def follow() -> list[Followed]:
        async with setup_of(context).unlocked() as wallet:
            return await follow_requests(wallet, limit=limit)

    with failures_told(as_json=as_json):
        followed = asyncio.run(follow())
    if as_json:
        print_json({"requests": [_followed_document(each) for each in followed]})
        return
    columns = ("Request", "State", "Asked", "Paid", "Returned", "Until", "Note")
    rows = [
        (
            each.request.request_id.hex(),
            each.state,
            "any" if each.request.amount_fen is None else yuan(each.request.amount_fen),
            yuan(each.paid_fen),
            yuan(each.returned_fen),
            local_time(each.request.expires_ms),
            each.request.note,
        )
        for each in followed
    ]
    print_table(columns, rows, amounts=("Asked", "Paid", "Returned"))


def pay_request(
    context: typer.Context,
    request: str,
    amount: Fen | None,
    *,
    yes: bool,
    accept_unproven: bool,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Show what a request asks for, ask, and pay it."""
    text = _request_text(request)

    async def order() -> tuple[Examined, Fen, JournaledOrder]:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            examined = await examine(wallet, text)
            amount_fen = _agreed(examined, amount)
            if not as_json:
                _show(examined, amount_fen)
            if not yes:
                await asyncio.to_thread(_confirm)
            paid = await with_pin_if_asked(
                lambda pin: pay_examined(
                    wallet,
                    examined,
                    amount_fen=amount_fen,
                    accept_unproven=accept_unproven,
                    pin=pin,
                ),
                pin_file,
            )
            return examined, amount_fen, paid

    with failures_told(as_json=as_json):
        examined, amount_fen, paid = asyncio.run(order())
    order_id = paid.order.order_id.hex()
    tell_standing(
        paid.standing,
        facts={"order_id": order_id, "amount_fen": amount_fen, **_asked_document(examined)},
        labels={"Order": order_id, "Amount": f"{yuan(amount_fen)} yuan"},
        as_json=as_json,
    )


def return_command(
    context: typer.Context,
    order_id: Annotated[str, typer.Argument(help="Of the payment that came in.")],
    amount: Annotated[
        str | None, typer.Option(metavar="YUAN", help="By default all that is left of it.")
    ] = None,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Send back a payment that came in, or a part of it, linked to the original."""
    wanted = order_id_of(order_id)
    amount_fen = None if amount is None else amount_of(amount)

    async def order() -> tuple[Original, JournaledOrder]:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            original = await find_original(wallet, wanted)
            returned = await with_pin_if_asked(
                lambda pin: return_payment(wallet, original, amount_fen=amount_fen, pin=pin),
                pin_file,
            )
            return original, returned

    with failures_told(as_json=as_json):
        original, returned = asyncio.run(order())
    own_id, sent_fen = returned.order.order_id.hex(), amount_fen or original.left_fen
    payer = format_number(original.payer)
    tell_standing(
        returned.standing,
        facts={
            "order_id": own_id,
            "amount_fen": sent_fen,
            "payee": payer,
            "original_order_id": order_id,
            "original_identity": original.identity.hex(),
            "original_fen": original.amount_fen,
        },
        labels={
            "Order": own_id,
            "Returns": f"{order_id}, {yuan(original.amount_fen)} yuan from {payer}",
            "Amount": f"{yuan(sent_fen)} yuan",
        },
        as_json=as_json,
    )


def _request_text(request: str) -> str:
    """Take a request as it is, or out of a file."""
    if request.lower().startswith(SCHEME):
        return request
    try:
        with Path(request).open(encoding="ascii") as file:
            return file.read(TEXT_CHARACTERS_MAX + 1)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            f"neither a request that begins with {SCHEME} nor a file with one: {error}",
            param_hint="--request",
        ) from error


def _agreed(examined: Examined, amount_fen: Fen | None) -> Fen:
    asked_fen = examined.request.terms.amount_fen
    if asked_fen is None and amount_fen is None:
        raise typer.BadParameter("the request leaves the amount to you: --amount YUAN")
    if asked_fen is not None and amount_fen not in (None, asked_fen):
        raise typer.BadParameter(f"the request asks for {yuan(asked_fen)} yuan")
    agreed_fen = asked_fen or amount_fen
    assert agreed_fen is not None
    return agreed_fen


def _show(examined: Examined, amount_fen: int) -> None:
    terms = examined.request.terms
    operator = f"{operator_of(terms.payee):04d}"
    print_facts(
        {
            "Pay": f"{yuan(amount_fen)} yuan",
            "To": format_number(terms.payee),
            "For": terms.note or None,
            "Until": local_time(terms.expires_ms),
            "Proven": f"operator {operator} attests that this wallet asks for it"
            if examined.is_attested
            else "NOT: no key that is known here attests that this wallet asks for it",
            "Not proven": "who holds the wallet: compare the number",
        }
    )


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to say yes: --yes")
    typer.confirm("Pay it?", abort=True, err=True)


def _asked_document(examined: Examined) -> dict[str, Any]:
    terms = examined.request.terms
    return {
        "payee": format_number(terms.payee),
        "note": terms.note,
        "reference": examined.request.reference.hex(),
        "request_id": terms.id.hex(),
        "is_attested": examined.is_attested,
    }


def _own_document(request: OwnRequest) -> dict[str, Any]:
    fields = request._asdict()
    return fields | {
        "request_id": request.request_id.hex(),
        "reference": request.reference.hex(),
    }


def _followed_document(followed: Followed) -> dict[str, Any]:
    fields = asdict(followed)
    return fields | {"request": _own_document(followed.request), "state": followed.state}
