"""What `jiaozi card` and `jiaozi pos` share: the reader, the card in it, its PIN."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jiaozi.cli.offline_messages import write_proof
from jiaozi.cli.output import stderr
from jiaozi.cli.wallet_pin import given_pin
from jiaozi.cli.wallet_setup import Setup
from jiaozi.protocol.card_commands import Phase
from jiaozi.wallet.errors import CardNotPurse, ReaderUnknown, ReaderUnnamed
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.readers import card_in, reader_names
from jiaozi.wallet.transport import Patience

DirectoryOption = Annotated[
    Path | None, typer.Option("--dir", envvar="JIAOZI_WALLET", help="The wallet's own directory.")
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="JIAOZI_WALLET_PASSPHRASE_FILE",
        help="Read the wallet's passphrase from a file instead of asking for it.",
    ),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds to try for a definite answer.")
]
ReaderOption = Annotated[
    str | None,
    typer.Option("--reader", envvar="JIAOZI_READER", help="The reader, where there are several."),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0.0, help="Seconds to wait for a card to come.")
]
CardPinOption = Annotated[
    Path | None,
    typer.Option(
        "--card-pin-file", help="Its first line is the card's PIN; else you are asked when needed."
    ),
]
TIMEOUT_S = Patience().total_s
WAIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AtReader(Setup):
    """The options of a command group that uses cards."""

    reader: str | None
    wait_s: float
    card_pin_file: Path | None

    def card_pin(self, prompt: str = "The card's PIN", *, is_new: bool = False) -> str:
        """Take the card's PIN from its file or whoever sits at the terminal.

        Raises:
            PinNotGiven: There is none and nobody to ask.
        """
        return given_pin(self.card_pin_file, prompt, is_new=is_new)

    @contextmanager
    def card(self, reader: str | None = None) -> Iterator[CardPurse]:
        """Hold the card in the reader until the end of the block, blank or not.

        Raises:
            ReaderUnknown: There is no reader.
            ReaderUnnamed: There are several and none was named.
            WalletError: As `card_in` and `CardPurse.select`.
        """
        ask_once = functools.cache(self.card_pin)
        name = reader or self.reader or _only_reader()
        told = f"Waiting for a card in {escape(name)}."
        with card_in(
            name, wait_s=self.wait_s, tell_waiting=lambda: stderr.print(told, soft_wrap=True)
        ) as card:
            yield CardPurse.select(card, pin=lambda: ask_once(), keep_proof=self._keep_proof)

    @contextmanager
    def purse(self, passphrase: str | None = None) -> Iterator[PurseDevice]:
        """Open the purse on the card in the reader; the wallet's passphrase opens no card."""
        with self.purse_in(None) as card:
            yield card

    @contextmanager
    def purse_in(self, reader: str | None) -> Iterator[PurseDevice]:
        """Open the purse on the card in a reader, the usual one if none is named."""
        with self.card(reader) as card:
            if card.phase is not Phase.IN_USE:
                where = f" in {reader}" if reader else ""
                raise CardNotPurse(detail=f"The card{where} was not issued yet")
            yield card

    def _keep_proof(self, proof: bytes) -> None:
        path = write_proof(self.directory / "proofs", proof)
        stderr.print(f"The proof is kept: {escape(str(path))}", soft_wrap=True)


def at_reader(context: typer.Context) -> AtReader:
    """Return the options that stand before the command's name."""
    setup = context.obj
    assert isinstance(setup, AtReader)
    return setup


def set_up(
    context: typer.Context,
    directory: DirectoryOption = None,
    passphrase_file: PassphraseOption = None,
    timeout_s: TimeoutOption = TIMEOUT_S,
    reader: ReaderOption = None,
    wait_s: WaitOption = WAIT_S,
    card_pin_file: CardPinOption = None,
) -> None:
    """Keep the options that all commands share."""
    context.obj = AtReader(
        directory=directory or Path(typer.get_app_dir("jiaozi")) / "wallet",
        passphrase_file=passphrase_file,
        patience=Patience(total_s=timeout_s),
        reader=reader,
        wait_s=wait_s,
        card_pin_file=card_pin_file,
    )


def _only_reader() -> str:
    names = reader_names()
    if not names:
        raise ReaderUnknown(detail="There is no card reader at this machine")
    if len(names) > 1:
        raise ReaderUnnamed(detail=f"There are several readers: {', '.join(names)}")
    return names[0]
