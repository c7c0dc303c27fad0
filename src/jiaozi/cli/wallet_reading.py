"""What a wallet can be asked: balance, deposits, history, and what its keystore says."""

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from jiaozi.cli.arguments import amount_of
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json, print_table, stdout, yuan
from jiaozi.cli.wallet_setup import failures_told, remind_of_open, setup_of
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.answers import take
from jiaozi.wallet.history import read_history
from jiaozi.wallet.keystore import read_public
from jiaozi.wallet.payroll.values import BUSINESS_ZONE
from jiaozi.wallet.wallet import keystore_path, open_journal

_Since = Annotated[datetime | None, typer.Option(help="From this day on, UTC+8.")]
_Until = Annotated[datetime | None, typer.Option(help="Before this day, UTC+8.")]
_Counterparty = Annotated[str | None, typer.Option(help="One wallet only.")]


class Direction(StrEnum):
    """Which way money went."""

    IN = "in"
    OUT = "out"


def balance_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show balance, class and limits."""

    async def ask() -> dict[str, Any]:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await wallet.client.wallet()

    with failures_told(as_json=as_json):
        document = asyncio.run(ask())
    if as_json:
        print_json(document)
        return
    limits = document.get("limits", {})
    print_facts(
        {
            "Wallet": str(document.get("number")),
            "Class": f"{document.get('wallet_class')}, {document.get('holder')}",
            **{
                _words(name): f"{yuan(value)} yuan" if value is not None else "none"
                for name, value in (document | limits).items()
                if name.endswith("_fen")
            },
        }
    )


def deposits_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List your deposit accounts at the operator."""

    async def ask() -> dict[str, Any]:
        async with setup_of(context).unlocked() as wallet:
            return await wallet.client.deposits()

    with failures_told(as_json=as_json):
        document = asyncio.run(ask())
        rows = [_deposit_row(each) for each in take(document, "deposits", list)]
    if as_json:
        print_json(document)
    else:
        print_table(("Deposit", "Available", "Held"), rows, amounts=("Available", "Held"))


def history_command(
    context: typer.Context,
    since: _Since = None,
    until: _Until = None,
    direction: Annotated[Direction | None, typer.Option(help="One direction only.")] = None,
    counterparty: _Counterparty = None,
    least: Annotated[str | None, typer.Option("--min", help="No less than that many yuan.")] = None,
    most: Annotated[str | None, typer.Option("--max", help="No more than that many yuan.")] = None,
    reference: Annotated[str | None, typer.Option(help="One reference only.")] = None,
    search: Annotated[
        str | None, typer.Option(help="Only with this in note, number, reference or id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most entries to list.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what came in and went out, newest first, with your notes."""
    filters = {
        "from_ms": _day_ms(since),
        "to_ms": _day_ms(until),
        "direction": direction,
        "counterparty": counterparty,
        "min_fen": None if least is None else amount_of(least),
        "max_fen": None if most is None else amount_of(most),
        "reference": reference,
    }

    async def ask() -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            async for entry in read_history(wallet, search=search, **filters):
                entries.append(entry)
                if len(entries) == limit:
                    break
        return entries

    with failures_told(as_json=as_json):
        entries = asyncio.run(ask())
        rows = [_history_row(each) for each in entries]
    if as_json:
        print_json({"entries": entries})
        return
    columns = ("Time", "Type", "Yuan", "Returned", "Counterparty", "State", "Order", "Note")
    print_table(columns, rows, amounts=("Yuan", "Returned"))


def sums_command(
    context: typer.Context,
    since: _Since = None,
    until: _Until = None,
    counterparty: _Counterparty = None,
    as_json: AsJson = False,
) -> None:
    """Sum up what settled in a period, by type and direction."""
    filters = {
        "from_ms": _day_ms(since),
        "to_ms": _day_ms(until),
        "counterparty": counterparty,
    }

    async def ask() -> dict[str, Any]:
        async with setup_of(context).unlocked() as wallet:
            return await wallet.client.sums(**filters)

    with failures_told(as_json=as_json):
        document = asyncio.run(ask())
        rows = [_sum_row(each) for each in take(document, "sums", list)]
        total = take(document, "incoming_fen", int), take(document, "outgoing_fen", int)
    if as_json:
        print_json(document)
        return
    print_table(("Type", "Direction", "Entries", "Yuan"), rows, amounts=("Entries", "Yuan"))
    stdout.print(f"{yuan(total[0])} yuan came in, {yuan(total[1])} yuan went out.")


def info_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what the keystore says of this wallet; needs neither passphrase nor network."""
    directory = setup_of(context).directory
    with failures_told(as_json=as_json):
        public = read_public(keystore_path(directory))
        with open_journal(directory, public) as journal:
            open_count = journal.open_count()
    number = None if public.number is None else format_number(public.number)
    facts = {
        "number": number,
        "operator_url": public.operator_url,
        "network_id": public.network.hex(),
        "root_key": public.root_key.hex(),
        "block_key": public.block_key.hex(),
        "public_key": public.public_key.hex(),
        "directory": str(directory),
    }
    if as_json:
        print_json({**facts, "open_orders": open_count})
        return
    print_facts({_words(name): value for name, value in facts.items()})
    stdout.print(f"{open_count} order(s) unfinished.")


def _deposit_row(deposit: dict[str, Any]) -> tuple[str, str, str]:
    available_fen, held_fen = take(deposit, "available_fen", int), take(deposit, "held_fen", int)
    return take(deposit, "deposit_id", str), yuan(available_fen), yuan(held_fen)


def _history_row(entry: dict[str, Any]) -> tuple[str, ...]:
    sign = "+" if entry.get("direction") == Direction.IN else "-"
    return (
        local_time(take(entry, "time_ms", int)),
        "return" if entry.get("link") else take(entry, "type", str),
        sign + yuan(take(entry, "amount_fen", int)),
        yuan(entry["returned_fen"]) if entry.get("returned_fen") else "",
        take(entry, "counterparty", str),
        take(entry, "state", str),
        take(entry, "order_id", str),
        str(entry.get("note", "")),
    )


def _sum_row(each: dict[str, Any]) -> tuple[str, ...]:
    amount_fen, entries = take(each, "amount_fen", int), take(each, "entries", int)
    return take(each, "type", str), take(each, "direction", str), str(entries), yuan(amount_fen)


def _day_ms(day: datetime | None) -> int | None:
    return None if day is None else int(day.replace(tzinfo=BUSINESS_ZONE).timestamp() * 1000)


def _words(name: str) -> str:
    return name.removesuffix("_fen").replace("_", " ").capitalize()
