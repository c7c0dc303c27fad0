"""A pcscd of this worker's own with virtual readers, and the cards that tests put into them."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jiaozi.local.card_readers import Slot, VirtualReaders, missing_packages, virtual_readers
from jiaozi.wallet import readers

REQUIRED = "JIAOZI_TEST_CARDS"
"""Set to ``required`` where missing PC/SC is a failure, as in continuous integration."""

INSERTED_S = 30.0
"""pcscd looks for cards every 0.4 s."""


def _missing() -> list[str]:
    pyscard = ["pyscard"] if importlib.util.find_spec("smartcard") is None else []
    return missing_packages() + pyscard


@pytest.fixture(scope="session")
def reader_service() -> Iterator[VirtualReaders]:
    """A running pcscd that this process and its children find.

    PC/SC's library remembers the first socket that it saw, so that a process has one service.
    """
    if missing := _missing():
        told = f"cards were not tested, {', '.join(missing)} is missing: run `make card` as root"
        pytest.fail(told) if os.environ.get(REQUIRED) == "required" else pytest.skip(told)
    with (
        tempfile.TemporaryDirectory(prefix="jiaozi-readers-") as home,
        virtual_readers(Path(home)) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in service.environment.items():
            patch.setenv(name, value)
        yield service


@contextmanager
def inserted(slot: Slot) -> Iterator[subprocess.Popen[bytes]]:
    """Put an echo card into a slot and take it out again."""
    command = [sys.executable, "-m", "tests.card.echo_card", str(slot.port)]
    card = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with readers.card_in(slot.reader, wait_s=INSERTED_S):
            pass
        yield card
    finally:
        card.kill()
        card.wait()


@pytest.fixture(scope="session")
def full_slot(reader_service: VirtualReaders) -> Iterator[Slot]:
    """A reader with an echo card in it."""
    with inserted(reader_service.slots[0]):
        yield reader_service.slots[0]


@pytest.fixture
def empty_slot(reader_service: VirtualReaders) -> Slot:
    """A reader that is empty, unless a test puts a card in."""
    return reader_service.slots[1]
