"""A card for the market day: a process of its own in a virtual reader, behind a real pcscd.

A physical card would replace the process and nothing else. Where the parts for card readers are
missing the day is played without one, and says so.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jiaozi.local.card_readers import virtual_readers
from jiaozi.local.errors import ReadersFailed
from jiaozi.storage.privilege import dying_with_us
from jiaozi.wallet.errors import WalletError
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.readers import card_in

PIN = "246813"
_INSERTED_S = 10.0
_NOT_INSTALLED = (
    "The library for card readers (pyscard) is not installed: `make card`, run by root, gets it "
    "with all that it takes, and the next market day has a card."
)


@dataclass(frozen=True, slots=True)
class CardAtMarket:
    """A blank card in a reader; or none, and why."""

    purse: CardPurse | None
    left_out: str = ""


@contextmanager
def card_at_market(directory: Path) -> Iterator[CardAtMarket]:
    """Put the card of a directory, which is made, into a reader until the end of the block."""
    with ExitStack() as stack:
        yield _inserted(directory, stack)


def _inserted(directory: Path, stack: ExitStack) -> CardAtMarket:
    if importlib.util.find_spec("smartcard") is None:
        return CardAtMarket(None, _NOT_INSTALLED)
    try:
        # A socket's path must be short.
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="jiaozi-readers-"))
        readers = stack.enter_context(virtual_readers(Path(home), slots=1))
        os.environ.update(readers.environment)  # the library takes it from there, once
        slot = readers.slots[0]
        command = [sys.executable, "-m", "jiaozi.card", str(directory), "--port"]
        process = subprocess.Popen(
            [*dying_with_us("KILL"), *command, str(slot.port)], stdout=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        card = stack.enter_context(card_in(slot.reader, wait_s=_INSERTED_S))
        return CardAtMarket(CardPurse.select(card, pin=lambda: PIN))
    except (ReadersFailed, WalletError) as error:
        return CardAtMarket(None, str(error))
