"""A pcscd of this worker's own with virtual readers, and the cards that tests put into them."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from jiaozi.local.card_readers import Slot, VirtualReaders, virtual_readers
from jiaozi.local.errors import ReadersFailed
from jiaozi.storage.privilege import dying_with_us
from jiaozi.wallet import readers
from tests.card.purse_cards import DirectCard, issue
from tests.protocol.offline_builders import PAYEE, Party

REQUIRED = "JIAOZI_TEST_CARDS"
"""Set to ``required`` where missing PC/SC is a failure, as in continuous integration."""

SLOTS_BESIDE, SLOTS = 4, 14
"""Cards are killed in all readers but the first ones: pcscd misses a card only after a while."""

INSERTED_S = 30.0
"""pcscd looks for cards every 0.4 s."""


@pytest.fixture(scope="session")
def reader_service() -> Iterator[VirtualReaders]:
    """A running pcscd that this process and its children find.

    PC/SC's library remembers the first socket that it saw, so that a process has one service.
    """
    if importlib.util.find_spec("smartcard") is None:
        _do_without("pyscard is missing. Run `make card` as root.")
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="jiaozi-readers-"))
        try:
            service = stack.enter_context(virtual_readers(Path(home), slots=SLOTS))
        except ReadersFailed as failed:
            _do_without(str(failed))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in service.environment.items():
            patch.setenv(name, value)
        yield service


def _do_without(why: str) -> NoReturn:
    """Skip what takes a card reader, or fail where it is not to be skipped."""
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"Cards cannot be tested: {why}")
    pytest.skip(f"Cards were not tested: {why}")


def start_echo_card(port: int) -> subprocess.Popen[bytes]:
    """Start the process of a card that goes into the slot at a port."""
    command = [sys.executable, "-m", "tests.card.echo_card", str(port)]
    return subprocess.Popen([*dying_with_us("KILL"), *command], stdout=subprocess.DEVNULL)


@contextmanager
def inserted(slot: Slot) -> Iterator[subprocess.Popen[bytes]]:
    """Put an echo card into a slot and take it out again."""
    card = start_echo_card(slot.port)
    try:
        with readers.card_in(slot.reader, wait_s=INSERTED_S):
            pass
        yield card
    finally:
        card.kill()
        card.wait()


@pytest.fixture(scope="module")
def unsynced() -> Iterator[None]:
    """Disks do not fail in this process, and waiting for them would be most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def full_slot(reader_service: VirtualReaders) -> Iterator[Slot]:
    """A reader with an echo card in it; its driver is not the one of the empty slot."""
    with inserted(reader_service.slots[2]):
        yield reader_service.slots[2]


@pytest.fixture
def empty_slot(reader_service: VirtualReaders) -> Slot:
    """A reader that is empty, unless a test puts a card in."""
    return reader_service.slots[1]


@pytest.fixture
def card(tmp_path: Path) -> DirectCard:
    """A card that holds 9 yuan, and whose PIN has not been shown."""
    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900)
    card.dialogue.reset()
    return card


@pytest.fixture
def merchant() -> Party:
    """Whoever is paid, by a purse without a card."""
    return Party(PAYEE)
