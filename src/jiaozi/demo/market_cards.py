"""Cards for the market day: processes of their own in virtual readers, behind a real pcscd.

Physical cards would replace the processes and nothing else. A chip keeps its memory behind its
walls; a process keeps it in files, so that a card is cloned by copying them. Where the parts for
card readers are missing the day is played without cards, and says so.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jiaozi.local.card_readers import Slot, virtual_readers
from jiaozi.local.errors import ReadersFailed
from jiaozi.storage.privilege import dying_with_us
from jiaozi.wallet.errors import WalletError
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.readers import card_in

PIN = "246813"
_INSERTED_S = 10.0
_NOT_INSTALLED = (
    "The library for card readers (pyscard) is not installed: `make card`, run by root, gets it "
    "with all that it takes, and the next market day has cards."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsAtMarket:
    """Cards in readers, each in a directory of its name; or none, and why.

    Attributes:
        purses: By whose they are; blank at first.
        left_out: Why there are none; empty where there are.
    """

    directory: Path
    purses: Mapping[str, CardPurse] = field(default_factory=dict)
    left_out: str = ""
    _spare: Slot | None = None
    _held: ExitStack = field(default_factory=ExitStack)

    def clone(self, name: str, clone: str) -> CardPurse:
        """Copy the memory of a card as it is now, key and PIN with it, into one more card.

        Raises:
            WalletError: It does not come to its reader.
        """
        assert self._spare is not None, "there are cards"
        shutil.copytree(self.directory / name, self.directory / clone)
        _start(self.directory / clone, self._spare, self._held)
        return _held_in(self._spare, self._held)


@contextmanager
def cards_at_market(directory: Path, names: Sequence[str]) -> Iterator[CardsAtMarket]:
    """Put blank cards into readers until the end of the block, with a reader to spare."""
    with ExitStack() as stack:
        yield _inserted(directory, names, stack)


def _inserted(directory: Path, names: Sequence[str], stack: ExitStack) -> CardsAtMarket:
    if importlib.util.find_spec("smartcard") is None:
        return CardsAtMarket(directory=directory, left_out=_NOT_INSTALLED)
    try:
        # A socket's path must be short.
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="jiaozi-readers-"))
        readers = stack.enter_context(virtual_readers(Path(home), slots=len(names) + 1))
        os.environ.update(readers.environment)  # the library takes it from there, once
        slots = dict(zip(names, readers.slots, strict=False))
        for name, slot in slots.items():
            _start(directory / name, slot, stack)
        purses = {name: _held_in(slot, stack) for name, slot in slots.items()}
    except (ReadersFailed, WalletError) as error:
        return CardsAtMarket(directory=directory, left_out=str(error))
    spare = readers.slots[len(names)]
    return CardsAtMarket(directory=directory, purses=purses, _spare=spare, _held=stack)


def _start(directory: Path, slot: Slot, stack: ExitStack) -> None:
    """Start the process of the card in a directory, blank if there is none."""
    command = [sys.executable, "-m", "jiaozi.card", str(directory), "--port", str(slot.port)]
    process = subprocess.Popen([*dying_with_us("KILL"), *command], stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)


def _held_in(slot: Slot, stack: ExitStack) -> CardPurse:
    card = stack.enter_context(card_in(slot.reader, wait_s=_INSERTED_S))
    return CardPurse.select(card, pin=lambda: PIN)
