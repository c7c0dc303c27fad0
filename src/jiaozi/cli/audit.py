"""`jiaozi audit`: rebuild both ledgers from the blocks, and say where anything differs."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jiaozi.central_bank.audit import model
from jiaozi.central_bank.audit.audit import AuditOptions, audit_database, audit_source
from jiaozi.central_bank.audit.checkers import cores
from jiaozi.central_bank.audit.from_http import open_http
from jiaozi.central_bank.audit.model import AuditReport, AuditStopped, Difference
from jiaozi.central_bank.certification.keys import AUDITOR_KEY
from jiaozi.central_bank.rulebook.load import RulebookInvalid, load_directory, shipped
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.cli.arguments import network_id_of
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    print_facts,
    print_json,
    print_table,
    stderr,
    stdout,
    yuan,
)
from jiaozi.service.key_locations import open_store
from jiaozi.service.keys import generations
from jiaozi.storage.database import Database

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the blocks are: a database, or an address with the auditor's key store."""

    dsn: str | None
    url: str | None
    keys: str | None
    passphrase_file: Path | None


@app.command()
def audit(
    dsn: Annotated[
        str | None,
        typer.Option(
            envvar="JIAOZI_DSN", help="The central bank's database: its tables are compared too."
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The central bank's address, to read blocks over HTTP.")
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="DIRECTORY|PKCS11-URI", help="With --url: where the auditor's key is."
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="The network's id in hexadecimal, learnt by another way."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Directory of the last verified states, from which audits go on."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=0, help="Processes that check; by default one a core.")
    ] = None,
    rulebooks: Annotated[
        Path | None, typer.Option(help="A directory of rulebook files beside those shipped.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    *,
    from_genesis: Annotated[
        bool, typer.Option("--from-genesis", help="Check everything anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild every balance of both ledgers from the blocks, and say where anything differs.

    It goes on from the last state whose hash the registry has signed and an audit has verified.
    The exit code is 0 when nothing differs and 1 when something does.
    """
    source = _Source(dsn=dsn, url=url, keys=keys, passphrase_file=passphrase_file)
    if (dsn is None) == (url is None) or (url is None) != (keys is None):
        raise typer.BadParameter("name either --dsn, or --url and --keys")
    with failures_told(as_json=as_json), _stops_told(as_json=as_json), _Bar(as_json=as_json) as bar:
        options = AuditOptions(
            state_directory=state or Path(typer.get_app_dir("jiaozi")) / "audit",
            from_genesis=from_genesis,
            network=None if network is None else network_id_of(network, "--network"),
            processes=cores() if processes is None else processes,
            show=bar.show,
            library=_library(rulebooks),
        )
        report = asyncio.run(_audit(source, options))
    if as_json:
        print_json(report_document(report))
    else:
        _tell(report)
    raise typer.Exit(ExitCode.REFUSED if report.differences else ExitCode.DONE)


def _library(directory: Path | None) -> Mapping[bytes, Rulebook]:
    try:
        own = {} if directory is None else load_directory(directory)
    except (OSError, RulebookInvalid) as error:
        raise typer.BadParameter(str(error), param_hint="--rulebooks") from None
    return {**shipped(), **own}


def report_document(report: AuditReport) -> dict[str, Any]:
    """Return a report for programs."""
    return {
        "audit": report.verdict,
        "network_id": report.network.hex(),
        "from_height": report.from_height,
        "height": report.height,
        "blocks": report.blocks,
        "orders": report.orders,
        "accounts": report.accounts,
        "issued_fen": report.issued_fen,
        "destroyed_fen": report.destroyed_fen,
        "outstanding_fen": report.outstanding_fen,
        "shortfall_fen": report.shortfall_fen,
        "claimed_lacks_fen": report.claimed_lacks_fen,
        "orders_per_s": round(report.orders_per_s),
        "elapsed_s": round(report.elapsed_s, 3),
        "notice": report.notice,
        "differences": [_difference_document(each) for each in report.differences],
    }


def _difference_document(difference: Difference) -> dict[str, Any]:
    return {
        "rule": difference.rule.value,
        "height": difference.height,
        "order": difference.position,
        "detail": difference.detail,
    }


async def _audit(source: _Source, options: AuditOptions) -> AuditReport:
    if source.dsn is not None:
        async with await Database.open(source.dsn, name="audit", pool_size=2) as database:
            return await audit_database(database, options)
    assert source.url is not None
    assert source.keys is not None
    store = open_store(source.keys, lambda: passphrase(source.passphrase_file))
    signer = store.signer((generations(store, AUDITOR_KEY) or [AUDITOR_KEY])[0])
    async with open_http(source.url, signer) as blocks:
        return await audit_source(blocks, options)


class _Bar:
    """A bar on standard error while blocks are checked; none for programs."""

    def __init__(self, *, as_json: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[orders]:,} orders"),
            TimeRemainingColumn(),
            console=stderr,
            disable=as_json,
            transient=True,
        )
        self._task = self._progress.add_task("Blocks", total=None, orders=0)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, progress: model.Progress) -> None:
        """Show how far the audit is."""
        self._progress.update(
            self._task, completed=progress.height, total=progress.tip, orders=progress.orders
        )


def _tell(report: AuditReport) -> None:
    if report.notice is not None:
        stderr.print(f"Began at genesis: {report.notice}.", markup=False)
    print_facts(
        {
            "Network": report.network.hex(),
            "Blocks": f"{report.from_height:,} to {report.height:,}",
            "Orders": f"{report.orders:,} at {report.orders_per_s:,.0f} a second",
            "Accounts": f"{report.accounts:,}",
            "Issued": f"{yuan(report.issued_fen)} yuan",
            "Destroyed": f"{yuan(report.destroyed_fen)} yuan",
            "Outstanding": f"{yuan(report.outstanding_fen)} yuan",
            "Uncovered losses": f"{yuan(report.shortfall_fen)} yuan, on offline devices"
            if report.shortfall_fen
            else None,
            "Claimed too early": f"{yuan(report.claimed_lacks_fen)} yuan, on offline devices"
            if report.claimed_lacks_fen
            else None,
        }
    )
    if not report.differences:
        stdout.print("[bold green]Nothing differs.[/bold green]")
        return
    count = len(report.differences)
    stdout.print(f"[bold red]{count} difference{'s' if count > 1 else ''}.[/bold red]")
    print_table(
        ("Height", "Order", "Rule", "What differs"),
        [
            (
                str(each.height),
                "" if each.position is None else str(each.position),
                each.rule.value,
                each.detail,
            )
            for each in report.differences
        ],
        amounts=("Height", "Order"),
    )


@contextmanager
def _stops_told(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except AuditStopped as stopped:
        fail(
            "audit_stopped",
            str(stopped).rstrip("."),
            "Nothing was found out about the books: run it again when this is put right",
            exit_code=ExitCode.UNKNOWN,
            as_json=as_json,
        )
