"""`jiaozi wallet pay-file`: an ISO 20022 payroll in, the report of what became of it out."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from jiaozi.cli.output import AsJson, ExitCode, print_json, print_table, stderr, stdout, yuan
from jiaozi.cli.wallet_pin import pin_if_any
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.pay_file import pay_file
from jiaozi.wallet.payroll import (
    PaymentStatus,
    PayrollCheck,
    PayrollRefused,
    ReportId,
    check_file,
    write_refusal_report,
)
from jiaozi.wallet.payroll.values import BUSINESS_ZONE
from jiaozi.wallet.payroll_report import PayrollSummary, write_report
from jiaozi.wallet.wallet import Wallet

_WORDS = {
    PaymentStatus.SETTLED: "settled",
    PaymentStatus.REFUSED: "refused",
    PaymentStatus.PENDING: "pending",
}


def pay_file_command(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A pain.001.001.09 message.")
    ],
    report: Annotated[
        Path | None, typer.Option(help="Where the pain.002 report goes; beside the file if unset.")
    ] = None,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Order anew what was refused before.")
    ] = False,
    pin_file: Annotated[
        Path | None,
        typer.Option("--pin-file", help="Its first line is the PIN, for payments that take it."),
    ] = None,
    is_confirmed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pay a payroll file: one order a payment. Run it again at any time: nobody is paid twice."""
    report_path = report or file.with_name(f"{file.stem}-report.xml")
    asks = not is_confirmed and not as_json and sys.stdin.isatty()

    async def run() -> tuple[PayrollCheck, PayrollSummary, int]:
        with file.open("rb") as opened:
            async with setup_of(context).unlocked() as wallet:
                check = _check(wallet, opened, report_path)
                if asks:
                    _confirm(wallet, check)
                pin = None if pin_file is None else pin_if_any(pin_file)
                with _progress(check.payment_count, is_shown=not as_json) as advance:
                    settled_now = await pay_file(
                        wallet,
                        opened,
                        check,
                        retry_refused=retry_refused,
                        pin=pin,
                        on_progress=advance,
                    )
                with _written_whole(report_path) as target:
                    report_id = _report_id(wallet)
                    summary = write_report(wallet.journal, opened, check, report_id, target)
                return check, summary, settled_now

    with failures_told(as_json=as_json):
        check, summary, settled_now = asyncio.run(run())
    _tell(check, summary, settled_now, report_path, as_json=as_json)


def _check(wallet: Wallet, file: BinaryIO, report_path: Path) -> PayrollCheck:
    """Check the whole file; of one that is refused the report says why.

    Raises:
        PayrollRefused: Nothing is paid.
    """
    report_id = _report_id(wallet)
    today = report_id.created_at.astimezone(BUSINESS_ZONE).date()
    try:
        return check_file(file, payer=wallet.number, today=today)
    except PayrollRefused as refused:
        with _written_whole(report_path) as target:
            write_refusal_report(target, report_id, refused)
        raise


def _report_id(wallet: Wallet) -> ReportId:
    now_ms = wallet.edge.now_ms()
    return ReportId(
        message_id=new_order_id(now_ms, wallet.edge.random(10)).hex(),
        created_at=datetime.fromtimestamp(now_ms // 1000, tz=UTC),
    )


def _confirm(wallet: Wallet, check: PayrollCheck) -> None:
    stderr.print(
        f"{check.payable_count:,} payments, {yuan(check.payable_fen)} yuan in all, from wallet "
        f"{format_number(wallet.number)}; {check.refused_count:,} break a rule and are left out."
    )
    typer.confirm("Pay them?", abort=True, err=True)


@contextmanager
def _progress(total: int, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    columns = ("Paying", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, disable=not is_shown, transient=True) as progress:
        task = progress.add_task("payments", total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place and move it there when it is complete."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as target:
            yield target
        beside.replace(path)
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--report") from error
    finally:
        beside.unlink(missing_ok=True)


def _tell(
    check: PayrollCheck,
    summary: PayrollSummary,
    settled_now: int,
    report_path: Path,
    *,
    as_json: bool,
) -> None:
    counts, sums_fen = summary.counts, summary.sums_fen
    if as_json:
        document: dict[str, str | int] = {
            "message_id": check.header.message_id,
            "payments": check.payment_count,
            "settled_now": settled_now,
            "rejected": summary.rejected_count,
            "report": str(report_path),
        }
        for status, word in _WORDS.items():
            document |= {word: counts[status], f"{word}_fen": sums_fen[status]}
        print_json(document)
    else:
        rows = [
            (word, f"{counts[status]:,}", yuan(sums_fen[status])) for status, word in _WORDS.items()
        ]
        print_table(("Payments", "Number", "Yuan"), rows, amounts=("Number", "Yuan"))
        paid_before = counts[PaymentStatus.SETTLED] - settled_now
        if paid_before:
            stdout.print(f"{paid_before:,} of the settled ones were paid in an earlier run.")
        stdout.print(f"Report: {report_path}", markup=False)
        if counts[PaymentStatus.PENDING]:
            stdout.print("Some are pending: run the same file again. Nobody is paid twice.")
    raise typer.Exit(_exit_code(summary))


def _exit_code(summary: PayrollSummary) -> ExitCode:
    if summary.counts[PaymentStatus.PENDING]:
        return ExitCode.UNKNOWN
    return ExitCode.REFUSED if summary.counts[PaymentStatus.REFUSED] else ExitCode.DONE
