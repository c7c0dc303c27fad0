"""What every command prints: tables and sentences for people, one JSON object for programs.

Results go to standard output, progress and errors to standard error; with ``--json`` an error is
the one object on standard output too. Exit codes:

====  ====================================================================
0     done; an order has settled
1     refused: nothing moved, and the reason is told
2     usage: an option, a file or a passphrase is not right
3     unknown: it may happen yet; `jiaozi wallet resume` learns the outcome
====  ====================================================================
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from jiaozi.protocol.money import format_yuan
from jiaozi.protocol.refusals import Refusal, Retry

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(highlight=False, soft_wrap=True, stderr=True)

_WHAT_HELPS = {
    Retry.NEVER: "Nothing moved. Sending it again cannot help.",
    Retry.AFTER_CHANGE: "Nothing moved. Change what stands in the way, then order anew.",
    Retry.SAME_ORDER: "Nothing is lost. Try again in a moment.",
}


class ExitCode(IntEnum):
    """What a command's exit tells a script."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNKNOWN = 3


def add_commands(
    app: typer.Typer, panels: Mapping[str, Mapping[str, Callable[..., None] | typer.Typer]]
) -> None:
    """Add commands and groups of commands by name, in the panels that the help shows them in."""
    for panel, members in panels.items():
        for name, member in members.items():
            if isinstance(member, typer.Typer):
                app.add_typer(member, name=name, rich_help_panel=panel)
            else:
                app.command(name, rich_help_panel=panel)(member)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    typer.echo(json.dumps(document, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, amounts: Sequence[str] = ()
) -> None:
    """Print a table; the columns named in ``amounts`` are set to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in amounts else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    stdout.print(table)


def print_facts(facts: Mapping[str, str | None]) -> None:
    """Print names and values in two columns, without those that have no value."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value is not None:
            grid.add_row(Text(name, style="dim"), Text(value))
    stdout.print(grid)


def refusal_document(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal for programs."""
    return {
        "code": int(refusal.code),
        "name": refusal.code.name.lower(),
        "meaning": refusal.entry.meaning,
        "fields": dict(refusal.fields),
        "retry": refusal.entry.retry.value,
    }


def refusal_sentence(refusal: Refusal) -> str:
    """Return what a refusal means, with its values as people read them."""
    told = ", ".join(_told(name, value) for name, value in refusal.fields.items())
    return refusal.entry.meaning + (f" ({told})" if told else "")


def fail_refused(refusal: Refusal, *, as_json: bool) -> NoReturn:
    """Tell a refusal and end with its exit code."""
    is_unknown = refusal.entry.retry is Retry.SAME_ORDER
    if as_json:
        print_json({"error": refusal_document(refusal)})
    else:
        stderr.print(f"[bold red]Refused.[/bold red] {escape(refusal_sentence(refusal))}")
        stderr.print(_WHAT_HELPS[refusal.entry.retry])
    raise typer.Exit(ExitCode.UNKNOWN if is_unknown else ExitCode.REFUSED)


def fail(code: str, detail: str, advice: str, *, exit_code: ExitCode, as_json: bool) -> NoReturn:
    """Tell what happened and what to do, and end with an exit code."""
    if as_json:
        print_json({"error": {"name": code, "detail": detail, "advice": advice}})
    else:
        stderr.print(f"[bold red]{escape(detail)}.[/bold red]")
        stderr.print(f"{advice}.", markup=False)
    raise typer.Exit(exit_code)


def yuan(amount_fen: int | None) -> str:
    """Return an amount for people; no amount is no limit."""
    return "none" if amount_fen is None else format_yuan(amount_fen)


def own_command() -> str:
    """Return what to type for `jiaozi`: its name if the shell finds it, else how it was run."""
    if shutil.which("jiaozi") is not None:
        return "jiaozi"
    called = Path(sys.argv[0])
    return str(called) if called.name == "jiaozi" else f"{sys.executable} -m jiaozi.cli"


def local_time(time_ms: int) -> str:
    """Return Unix milliseconds in the reader's own time zone."""
    return datetime.fromtimestamp(time_ms / 1000).astimezone().isoformat(" ", "seconds")


def _told(name: str, value: int | str) -> str:
    words = name.rpartition("_")
    if isinstance(value, int) and words[2] == "fen":
        return f"{words[0].replace('_', ' ')} {format_yuan(value)} yuan"
    if isinstance(value, int) and words[2] == "ms":
        told = f"{value / 1000:g} s" if name == "retry_after_ms" else local_time(value)
        return f"{words[0].replace('_', ' ')} {told}"
    return f"{name.replace('_', ' ')} {value}"
