"""What the commands of `jiaozi wallet` share: where it is, how it is unlocked, how it fails."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from jiaozi.cli.output import (
    ExitCode,
    fail,
    fail_refused,
    print_facts,
    print_json,
    refusal_document,
    refusal_sentence,
    stderr,
    stdout,
)
from jiaozi.protocol.ids import OrderId, is_order_id
from jiaozi.protocol.offline.proofs import ProofFound
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.errors import (
    AnswerMalformed,
    JournalUnavailable,
    NoAnswer,
    PassphraseMissing,
    WalletError,
)
from jiaozi.wallet.model import Standing, State
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.own import open_purse
from jiaozi.wallet.payroll import PayrollRefused
from jiaozi.wallet.transport import Patience
from jiaozi.wallet.wallet import Wallet, unlock

PASSPHRASE_VARIABLE = "JIAOZI_WALLET_PASSPHRASE"  # noqa: S105 - where it is, not what

_EXIT_OF_STATE = {
    State.SETTLED: ExitCode.DONE,
    State.REFUSED: ExitCode.REFUSED,
    State.DEAD: ExitCode.REFUSED,
    State.OPEN: ExitCode.UNKNOWN,
}
_SENTENCE_OF_STATE = {
    State.SETTLED: "[bold green]Settled.[/bold green]",
    State.REFUSED: "[bold red]Refused.[/bold red] Nothing moved.",
    State.DEAD: "[bold red]Expired.[/bold red] Nothing moved, and nothing can move any more.",
    State.OPEN: (
        "[bold yellow]No answer yet.[/bold yellow] Nothing is lost and nothing is paid twice: "
        "run `jiaozi wallet resume` to learn the outcome, and do not order again before that."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The options of the command group."""

    directory: Path
    passphrase_file: Path | None
    patience: Patience

    def passphrase(self, *, is_new: bool = False) -> str:
        """Take the passphrase from the file, the environment or whoever sits at the terminal.

        Raises:
            PassphraseMissing: There is none and nobody to ask.
        """
        if self.passphrase_file is not None:
            try:
                return self.passphrase_file.read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise PassphraseMissing(
                    detail=f"The passphrase file cannot be read: {error}"
                ) from error
        if (given := os.environ.get(PASSPHRASE_VARIABLE)) is not None:
            return given
        if not sys.stdin.isatty():
            raise PassphraseMissing(detail="The wallet is locked and no passphrase was given")
        return str(
            typer.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
        )

    @contextmanager
    def purse(self, passphrase: str | None = None) -> Iterator[PurseDevice]:
        """Open the purse until the end of the block: here the one in the wallet's directory."""
        with open_purse(self.directory, passphrase or self.passphrase()) as purse:
            try:
                yield purse
            except ProofFound:
                stderr.print("The proof is kept: `jiaozi wallet offline proofs` writes it down.")
                raise

    @asynccontextmanager
    async def unlocked(self) -> AsyncIterator[Wallet]:
        """Unlock the wallet until the end of the block."""
        async with unlock(self.directory, self.passphrase(), patience=self.patience) as wallet:
            yield wallet


def setup_of(context: typer.Context) -> Setup:
    """Return the options that stand before the command's name."""
    setup = context.obj
    assert isinstance(setup, Setup)
    return setup


def order_id_of(text: str) -> OrderId:
    """Read an order's id from an argument."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if not is_order_id(value):
        raise typer.BadParameter("an order id is 32 hexadecimal digits, taken from the history")
    return OrderId(value)


@contextmanager
def failures_told(*, as_json: bool) -> Iterator[None]:
    """Tell what goes wrong inside, and end with the exit code for it."""
    try:
        yield
    except Refusal as refusal:
        fail_refused(refusal, as_json=as_json)
    except PayrollRefused as refused:
        detail = f"{refused.detail}"
        advice = f"Nothing was paid: {refused.advice}"
        fail(refused.code, detail, advice, exit_code=ExitCode.REFUSED, as_json=as_json)
    except KeyboardInterrupt:
        detail = "Interrupted"
        advice = "What was sent stays open in the journal: `jiaozi wallet resume` finishes it"
        fail("interrupted", detail, advice, exit_code=ExitCode.UNKNOWN, as_json=as_json)
    except WalletError as error:
        is_unknown = isinstance(error, NoAnswer | AnswerMalformed | JournalUnavailable)
        fail(
            error.code,
            error.detail,
            error.advice,
            exit_code=ExitCode.UNKNOWN if is_unknown else ExitCode.USAGE,
            as_json=as_json,
        )


def standing_document(standing: Standing) -> dict[str, Any]:
    """Return what became of an order, for programs."""
    refusal = standing.refusal
    return {
        "state": standing.state.value,
        "height": standing.height,
        "position": standing.position,
        "refusal": None if refusal is None else refusal_document(refusal),
    }


def tell_standing(
    standing: Standing, *, facts: dict[str, Any], labels: dict[str, str], as_json: bool
) -> None:
    """Print what became of an order or exchange, and end with the exit code for it.

    Args:
        standing: What became of it.
        facts: What else programs are told.
        labels: What else people are told, by name.
        as_json: Whom to tell.
    """
    if as_json:
        print_json({**facts, **standing_document(standing)})
    else:
        stdout.print(_SENTENCE_OF_STATE[standing.state])
        reason = None if standing.refusal is None else refusal_sentence(standing.refusal)
        block = None if standing.height is None else str(standing.height)
        print_facts({**labels, "Reason": reason, "Block": block})
    raise typer.Exit(_EXIT_OF_STATE[standing.state])


def remind_of_open(wallet: Wallet, *, as_json: bool) -> None:
    """Say on standard error when earlier orders are unfinished."""
    count = wallet.journal.open_count()
    if count and not as_json:
        stderr.print(f"{count} earlier order(s) unfinished: `jiaozi wallet resume` finishes them.")
