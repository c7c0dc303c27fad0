"""`jiaozi wallet limits`, `freeze`, `unfreeze`, `close`, `mandate`, `view`: the wallet itself."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jiaozi.cli.arguments import amount_of, hexadecimal, number_of
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json, print_table, yuan
from jiaozi.cli.wallet_pin import PinFile, pin_if_any
from jiaozi.cli.wallet_setup import failures_told, remind_of_open, setup_of, tell_standing
from jiaozi.protocol.order_types import OWN_LIMITS, FreezeScope, OrderType
from jiaozi.protocol.suites import Suite
from jiaozi.wallet.answers import take
from jiaozi.wallet.life import (
    MandateTerms,
    freeze,
    give_mandate,
    needs_operator,
    order_about_wallet,
)
from jiaozi.wallet.model import JournaledOrder
from jiaozi.wallet.own_view import own_view
from jiaozi.wallet.wallet import Wallet

_DAY_MS = 86_400_000
_AUTHORITIES = {1: "you", 2: "your operator", 3: "the central bank", 4: "a new key asked for"}
limits_app = typer.Typer(no_args_is_help=True, help="Bound what leaves and what is held.")
mandate_app = typer.Typer(no_args_is_help=True, help="Let a platform pay one payee for you.")

_Balance = Annotated[str | None, typer.Option(metavar="YUAN", help="Held at most.")]
_Single = Annotated[str | None, typer.Option(metavar="YUAN", help="One payment at most.")]
_Day = Annotated[str | None, typer.Option(metavar="YUAN", help="A day at most, UTC+8.")]
_Year = Annotated[str | None, typer.Option(metavar="YUAN", help="A calendar year at most.")]
_PinAbove = Annotated[str | None, typer.Option(metavar="YUAN", help="Above it the PIN is asked.")]
_Registry = Annotated[
    str,
    typer.Option("--registry", envvar="JIAOZI_REGISTRY_URL", help="The central bank's address."),
]
_Case = Annotated[str, typer.Argument(metavar="CASE", help="As `freeze` told it, or `view`.")]
_LABELS = {
    "balance_cap_fen": "Balance at most",
    "single_limit_fen": "A payment at most",
    "day_limit_fen": "A day at most",
    "year_limit_fen": "A year at most",
    "second_factor_above_fen": "PIN above",
}


@limits_app.command("show")
def show_limits_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the limits that bind: the lower of your own and your class's."""

    async def ask() -> dict[str, Any]:
        async with setup_of(context).unlocked() as wallet:
            limits = take(await wallet.client.wallet(), "limits", dict)
            return {name: limits.get(name) for name in _LABELS}

    with failures_told(as_json=as_json):
        limits = asyncio.run(ask())
    if as_json:
        print_json({"limits": limits})
    else:
        print_facts({label: yuan(limits[name]) for name, label in _LABELS.items()})


@limits_app.command("lower")
def lower_command(
    context: typer.Context,
    balance: _Balance = None,
    single: _Single = None,
    day: _Day = None,
    year: _Year = None,
    pin_above: _PinAbove = None,
    as_json: AsJson = False,
) -> None:
    """Set lower limits of your own, at once; without any, drop a raise that waits."""
    body = _limits(balance, single, day, year, pin_above)
    order_command(context, OrderType.LOWER_LIMITS, body, {}, as_json=as_json)


@limits_app.command("raise")
def raise_command(
    context: typer.Context,
    balance: _Balance = None,
    single: _Single = None,
    day: _Day = None,
    year: _Year = None,
    pin_above: _PinAbove = None,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Set all limits of your own anew: those left out do not bind. It takes a PIN and a day."""
    body = _limits(balance, single, day, year, pin_above)
    order_command(context, OrderType.RAISE_LIMITS, body, {}, pin_file=pin_file, as_json=as_json)


def freeze_command(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--everything", help="Stop what comes in too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Freeze the wallet at once; `unfreeze` with the case number takes a PIN and a day."""
    scope = FreezeScope.ALL if everything else FreezeScope.DEBITS

    async def act(wallet: Wallet) -> tuple[bytes, JournaledOrder]:
        return await freeze(wallet, scope)

    _act_named(context, act, "case", "Case number", as_json=as_json)


def unfreeze_command(
    context: typer.Context, case: _Case, pin_file: PinFile = None, as_json: AsJson = False
) -> None:
    """Lift your own freeze; it takes effect after a day."""
    body = {"case": hexadecimal(case, 16, "CASE")}
    facts = {"case": case}
    order_command(
        context, OrderType.HOLDER_UNFREEZE, body, facts, pin_file=pin_file, as_json=as_json
    )


def close_command(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close the empty wallet for good; its number is never used again."""
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to say yes: --yes")
    if not yes:
        typer.confirm("Close this wallet for good?", abort=True, err=True)
    order_command(context, OrderType.CLOSE, {}, {}, as_json=as_json)


@mandate_app.command("give")
def give_command(
    context: typer.Context,
    platform_key: Annotated[
        str, typer.Argument(metavar="KEY", help="The platform's public key, in hexadecimal.")
    ],
    payee: Annotated[str, typer.Argument(metavar="PAYEE", help="The wallet that it may pay.")],
    single: Annotated[str, typer.Option(metavar="YUAN", help="A payment at most.")],
    day: Annotated[str, typer.Option(metavar="YUAN", help="A day at most.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days it lives.")] = 30,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a platform pay one payee from this wallet, until you take it back."""
    terms = MandateTerms(
        suite=int(Suite.ED25519),
        public_key=hexadecimal(platform_key, 32, "KEY"),
        payee=number_of(payee),
        single_limit_fen=amount_of(single),
        day_limit_fen=amount_of(day),
        expires_ms=time.time_ns() // 1_000_000 + days * _DAY_MS,
    )

    async def act(wallet: Wallet) -> tuple[bytes, JournaledOrder]:
        return await give_mandate(wallet, terms, pin=pin_if_any(pin_file))

    _act_named(context, act, "mandate", "Mandate", as_json=as_json)


@mandate_app.command("list")
def list_command(context: typer.Context, registry: _Registry, as_json: AsJson = False) -> None:
    """List the mandates, as the registry has them."""
    mandates = _view(context, registry, as_json=as_json)["mandates"]
    if as_json:
        print_json({"mandates": mandates})
        return
    rows = [
        (
            each["mandate"], each["payee"], yuan(each["single_limit_fen"]),
            yuan(each["day_limit_fen"]), yuan(each["day_spent_fen"]),
        )
        for each in mandates
    ]  # fmt: skip
    print_table(("Mandate", "Payee", "A payment", "A day", "Today"), rows)


@mandate_app.command("cancel")
def cancel_command(
    context: typer.Context,
    mandate: Annotated[str, typer.Argument(metavar="MANDATE", help="As `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Take a mandate back, at once."""
    body = {"mandate": hexadecimal(mandate, 16, "MANDATE")}
    order_command(context, OrderType.CANCEL_MANDATE, body, {"mandate": mandate}, as_json=as_json)


def view_command(context: typer.Context, registry: _Registry, as_json: AsJson = False) -> None:
    """Show the wallet as the registry has it, without asking your operator."""
    found = _view(context, registry, as_json=as_json)
    if as_json:
        print_json(found)
        return
    print_facts(
        {
            "Wallet": found["number"],
            "Operator": found["carried_by"],
            "Class": str(found["wallet_class"]),
            "Balance": yuan(found["balance_fen"]),
            "Frozen of it": yuan(found["frozen_fen"]) if found["frozen_fen"] else None,
            "New key asked for": found["rebind"]["public_key"] if found["rebind"] else None,
            "Mandates": str(len(found["mandates"])) if found["mandates"] else None,
            **{label: yuan(found[name]) for name, label in _LABELS.items()},
            "Above the cap": "redeemed" if found["waterfall"] else None,
        }
    )
    if found["freeze_list"]:
        rows = [
            (each["case"] or "", _AUTHORITIES[each["authority"]], local_time(each["since_ms"]))
            for each in found["freeze_list"]
        ]
        print_table(("Frozen: case", "By", "Since"), rows)
    for each in found["waiting"]:
        change = "new limits" if each["case"] is None else f"end of freeze {each['case']}"
        print_facts({"Due": f"{local_time(each['due_ms'])}: {change}"})


def _limits(*given: str | None) -> dict[str, int]:
    return {
        name: amount_of(value)
        for name, value in zip(OWN_LIMITS, given, strict=True)
        if value is not None
    }


def order_command(
    context: typer.Context,
    order_type: OrderType,
    body: Mapping[str, int | bytes],
    facts: Mapping[str, Any],
    *,
    as_json: bool,
    pin_file: Path | None = None,
) -> None:
    """Send an order about the wallet and tell what became of it, and further facts."""

    async def act() -> JournaledOrder:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            pin = pin_if_any(pin_file) if needs_operator(order_type) else None
            return await order_about_wallet(wallet, order_type, pin=pin, **body)

    with failures_told(as_json=as_json):
        journaled = asyncio.run(act())
    order_id = journaled.order.order_id.hex()
    tell_standing(
        journaled.standing,
        facts={"order_id": order_id, **facts},
        labels={"Order": order_id},
        as_json=as_json,
    )


def _act_named(
    context: typer.Context,
    act: Callable[[Wallet], Awaitable[tuple[bytes, JournaledOrder]]],
    name: str,
    label: str,
    *,
    as_json: bool,
) -> None:
    """Send an order that makes something with an id, and tell that id."""

    async def run() -> tuple[bytes, JournaledOrder]:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await act(wallet)

    with failures_told(as_json=as_json):
        made, journaled = asyncio.run(run())
    order_id = journaled.order.order_id.hex()
    tell_standing(
        journaled.standing,
        facts={"order_id": order_id, name: made.hex()},
        labels={"Order": order_id, label: made.hex()},
        as_json=as_json,
    )


def _view(context: typer.Context, registry: str, *, as_json: bool) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with setup_of(context).unlocked() as wallet:
            return await own_view(wallet, registry.rstrip("/"))

    with failures_told(as_json=as_json):
        return asyncio.run(ask())
