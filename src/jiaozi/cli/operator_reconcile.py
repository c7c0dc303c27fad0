"""`jiaozi operator reconcile` and `judge-equivocations`: the operator's own books and doubts."""

import asyncio
import time
from datetime import date
from typing import Annotated

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    print_facts,
    print_json,
    print_table,
    stdout,
    yuan,
)
from jiaozi.operator.headers import store as headers
from jiaozi.operator.reconcile.reconcile import Report, reconcile
from jiaozi.storage.database import Database

_EPOCH = date(1970, 1, 1)
Dsn = Annotated[
    str, typer.Option(envvar="JIAOZI_DSN", help="The operator's own PostgreSQL database.")
]


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        raise typer.BadParameter("a day is written as 2026-05-29") from None


def reconcile_command(
    dsn: Dsn,
    day: Annotated[
        int | None,
        typer.Option(parser=_day, metavar="YYYY-MM-DD", help="One day of UTC+8; else all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare core, sagas, the feed's vault movements and the registry's daily statements.

    Lists what is under way, and every difference by its cause. Ends with 1 if there is one.
    """

    async def run() -> Report:
        async with await Database.open(dsn, name="reconcile") as database:
            return await reconcile(database, day)

    with failures_told(as_json=as_json):
        report = asyncio.run(run())
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    raise typer.Exit(ExitCode.REFUSED if report.differences else ExitCode.DONE)


def judge_command(
    dsn: Dsn,
    yes: Annotated[
        bool, typer.Option("--yes", help="You know which history the registry goes on with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send orders again in spite of proofs against the registry, after people have decided.

    The proofs stay. The chain of headers is dropped and fetched anew from the registry.
    """
    if not yes:
        raise typer.BadParameter("nothing was changed: say --yes", param_hint="--yes")

    async def run() -> int:
        async with (
            await Database.open(dsn, name="judge-equivocations") as database,
            database.transaction() as connection,
        ):
            return await headers.judge(connection, now_ms=time.time_ns() // 1_000_000)

    with failures_told(as_json=as_json):
        judged = asyncio.run(run())
    if as_json:
        print_json({"judged": judged})
    else:
        stdout.print(f"{judged} proofs judged; orders are sent again within seconds.")


def _document(report: Report) -> dict[str, object]:
    return {
        "day": report.day,
        "totals": report.totals._asdict(),
        "statements": report.statements,
        "open": [each._asdict() for each in report.open],
        "differences": [each._asdict() for each in report.differences],
    }


def _print(report: Report) -> None:
    totals = report.totals
    print_facts(
        {
            "Day": report.day or "all",
            "Exchanged": f"{yuan(totals.exchanged_fen)}, taken {yuan(totals.taken_fen)}",
            "Redeemed": f"{yuan(totals.redeemed_fen)}, paid {yuan(totals.paid_fen)}",
            "Daily statements": str(report.statements),
        }
    )
    if report.open:
        stdout.print(f"{len(report.open)} under way.")
        rows = [(o.day, o.state, yuan(o.amount_fen), o.core_key) for o in report.open]
        print_table(("Day", "State", "Yuan", "Key"), rows, amounts=("Yuan",))
    if not report.differences:
        stdout.print("[bold green]Every fen is explained.[/bold green]")
        return
    stdout.print(f"[bold red]{len(report.differences)} not explained.[/bold red]")
    print_table(
        ("Cause", "Yuan", "Day", "Key or order", "What differs"),
        [
            (
                d.cause.value,
                yuan(d.amount_fen),
                d.day or "",
                d.core_key or d.order_id or "",
                d.detail,
            )
            for d in report.differences
        ],
        amounts=("Yuan",),
    )
