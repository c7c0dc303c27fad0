"""What `jiaozi demo` shows: progress while it plays, a summary at the end."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jiaozi.cli.demo_market import market_document, tell_market
from jiaozi.cli.output import own_command, print_facts, print_table, stderr, stdout, yuan
from jiaozi.demo.books import Books
from jiaozi.demo.findings import Day
from jiaozi.demo.story import Stage, Told
from jiaozi.local.network import LocalNetwork

_COLUMNS = (
    TextColumn("{task.description:26}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


_EMERGENCIES = {
    "Lost phone": "Nothing could leave the wallet while its holder asked for a new key and waited; "
    "then the old key was refused, and the new one paid.",
    "False claim": "Somebody asked for a new key for a phone that was not lost; its holder "
    "objected with the old key. Nothing leaves the wallet until the operator's officers decide "
    "or the claim lapses.",
    "Halt": "Two officers stopped all payments; one was refused, and the same people paid each "
    "other after the halt had ended by itself.",
}
"""What these steps were; they end the demo where it was otherwise."""

_DAY_FIGURES: Mapping[str, Callable[[Day], int]] = {
    "vault at opening": lambda day: day.opening_fen,
    "issued": lambda day: day.issued_fen,
    "destroyed": lambda day: day.destroyed_fen,
    "exchanged": lambda day: day.exchanged_fen,
    "redeemed": lambda day: day.redeemed_fen,
    "set aside for devices": lambda day: day.set_aside_fen,
    "released": lambda day: day.released_fen,
    "vault": lambda day: day.vault_fen,
    "reserve": lambda day: day.reserve_fen,
    "difference": lambda day: day.difference_fen,
}


@contextmanager
def shown_stages() -> Iterator[Stage]:
    """Show steps on standard error: bars at a terminal, else a line for each that is done."""
    if not stderr.is_terminal:
        yield _line
        return
    with Progress(*_COLUMNS, console=stderr) as progress:

        @contextmanager
        def bar(name: str, total: int) -> Iterator[Callable[[], None]]:
            task = progress.add_task(name, total=total)
            yield lambda: progress.advance(task)
            progress.update(task, completed=total)

        yield bar


@contextmanager
def _line(name: str, total: int) -> Iterator[Callable[[], None]]:
    started_s = time.monotonic()
    yield lambda: None
    stderr.print(f"{name}: {total:,} in {time.monotonic() - started_s:.1f} s")


def document_of(told: Told, elapsed_s: float) -> dict[str, Any]:
    """Return the story for programs; sums in fen."""
    account, books = told.account, told.books
    return {
        "issued_fen": books.issued_fen,
        "destroyed_fen": books.destroyed_fen,
        "circulation_fen": books.circulation_fen,
        "with_public_fen": books.with_public_fen,
        "in_vaults_fen": books.in_vaults_fen,
        "offline_fen": books.offline_fen,
        "in_guarantee_fen": books.in_guarantee_fen,
        "reserves_fen": books.reserves_fen,
        "wallets": account.wallets,
        "payments": account.payments,
        "payroll_payments": account.payroll.settled,
        "payroll_fen": account.payroll.settled_fen,
        "refused": account.refused,
        "rebinds": account.rebinds,
        "objections": account.objections,
        "halts": account.halts,
        "market_day": market_document(told),
        "statements": len(told.days),
        "blocks": told.audit.blocks,
        "audit": told.audit.verdict,
        "books": "; ".join(told.problems) or "ok",
        "first_payment_s": round(account.first_payment_s, 2),
        "elapsed_s": round(elapsed_s, 2),
        "steps_s": {each.name: round(each.elapsed_s, 2) for each in account.steps},
    }


def tell_story(told: Told, network: LocalNetwork, elapsed_s: float, *, is_served: bool) -> None:
    """Print what happened, the market, the money supply, the days, the verdict, where to look."""
    rows = [
        (
            each.name,
            f"{each.count:,}",
            "" if each.amount_fen is None else yuan(each.amount_fen),
            f"{each.elapsed_s:.1f}",
        )
        for each in told.account.steps
    ]
    stdout.print()
    columns = ("What happened", "Number", "Yuan", "Seconds")
    print_table(columns, rows, amounts=columns[1:])
    stdout.print()
    print_facts(_EMERGENCIES)
    tell_market(told.market, told.books.offline_fen)
    _tell_supply(told.books)
    tell_days(told.days)
    _tell_verdict(told)
    stdout.print(f"The whole story took {elapsed_s:.1f} s.")
    if is_served:
        _tell_addresses(network)


def _tell_supply(books: Books) -> None:
    stdout.print()
    print_table(
        ("Money supply", "Yuan"),
        [
            ("issued", yuan(books.issued_fen)),
            ("destroyed", yuan(books.destroyed_fen)),
            ("in circulation", yuan(books.circulation_fen)),
            ("  with the public", yuan(books.with_public_fen)),
            ("  in purses", yuan(books.offline_fen)),
            ("  in operators' vaults", yuan(books.in_vaults_fen)),
            ("  in their guarantees", yuan(books.in_guarantee_fen)),
            ("reserves left", yuan(books.reserves_fen)),
        ],
        amounts=("Yuan",),
    )


def tell_days(days: Sequence[Day]) -> None:
    """Print what each daily statement would say now, an operator a column."""
    operators = [f"Operator {each.operator}" for each in days]
    stdout.print()
    print_table(
        (f"Day {days[0].date} so far", *operators),
        [(name, *(yuan(figure(each)) for each in days)) for name, figure in _DAY_FIGURES.items()],
        amounts=operators,
    )


def _tell_verdict(told: Told) -> None:
    audit = told.audit
    colour = "green" if audit.verdict == "ok" else "red"
    stdout.print(
        f"\nAudit: [bold {colour}]{audit.verdict}[/bold {colour}], {audit.blocks:,} blocks with "
        f"{audit.orders:,} orders and {audit.accounts:,} accounts rebuilt from genesis."
    )
    for each in told.problems:
        stdout.print(f"[bold red]The books are wrong:[/bold red] {each}.")


def _tell_addresses(network: LocalNetwork) -> None:
    central_bank = network.central_bank_url
    stdout.print()
    print_facts(
        {
            "Central bank": f"{central_bank}/v1/supply  /openapi.json  /metrics",
            **{
                f"Operator {code:04d}": f"{url}/openapi.json  /metrics"
                for code, url in network.operator_urls.items()
            },
            "Data and logs": str(network.directory.path),
        }
    )
    wallet = network.directory.path / "demo" / "wallet"
    options = f"--dir {wallet} --passphrase-file {network.directory.passphrase}"
    stdout.print(
        f"\nThe company's wallet is there to be used:\n  {own_command()} wallet {options} history",
        markup=False,
    )
    stdout.print("Serving until Ctrl-C.")
