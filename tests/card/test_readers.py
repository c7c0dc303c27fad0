"""A terminal and a card process, through a real pcscd."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from jiaozi.card.virtual_reader import ATR
from jiaozi.local.card_readers import Slot, VirtualReaders
from jiaozi.protocol.apdu import SELECT, Command, Response, Status
from jiaozi.wallet import readers
from jiaozi.wallet.errors import (
    CardAbsent,
    CardBusy,
    CardPulled,
    CardUnreadable,
    ReaderServiceDown,
    ReaderSoftwareMissing,
    ReaderUnknown,
    WalletError,
)
from tests.card.conftest import inserted
from tests.card.echo_card import ECHO, REPEAT, WRONG_PIN

SELECTION = Command(cla=0x00, ins=SELECT, p1=0x04, expected=256)
SECOND_PROGRAM = """
import sys
from jiaozi.wallet import readers
try:
    with readers.card_in(sys.argv[1]):
        sys.exit("it got the card")
except readers.CardBusy as busy:
    print(busy.code)
"""


def test_readers_are_known_by_name(reader_service: VirtualReaders) -> None:
    assert readers.reader_names() == [slot.reader for slot in reader_service.slots]


@pytest.mark.parametrize("size_bytes", [0, 1, 255, 256, 257, 1200, 4000])
def test_messages_of_any_size_cross_in_both_directions(full_slot: Slot, size_bytes: int) -> None:
    said = os.urandom(size_bytes)
    with readers.card_in(full_slot.reader) as card:
        assert card.transmit(SELECTION) == Response(b"echo")
        echo = Command(cla=0x80, ins=ECHO, data=said, expected=65_536)
        assert card.transmit(echo) == Response(said)


def test_extended_lengths_cross_as_well(full_slot: Slot) -> None:
    from smartcard import scard

    with readers.card_in(full_slot.reader) as card:
        card.transmit(SELECTION)
        command = Command(cla=0x80, ins=ECHO, data=bytes(1200), expected=65_536)
        result, answer = scard.SCardTransmit(
            card._handle, scard.SCARD_PCI_T1, list(command.encode())
        )
        assert (result, bytes(answer)) == (scard.SCARD_S_SUCCESS, Response(bytes(1200)).encode())
        assert bytes(scard.SCardStatus(card._handle)[4]) == ATR


def test_a_refusal_comes_with_its_status(full_slot: Slot) -> None:
    with readers.card_in(full_slot.reader) as card:
        card.transmit(SELECTION)
        assert card.transmit(Command(cla=0x80, ins=WRONG_PIN)).tries == 2
        unknown = Command(cla=0x80, ins=0xFE, data=bytes(1000), expected=256)
        assert card.transmit(unknown) == Response(status=Status.INSTRUCTION_UNKNOWN)
        too_long = Command(cla=0x80, ins=ECHO, data=bytes(10_000))
        assert card.transmit(too_long) == Response(status=Status.WRONG_LENGTH)


def test_a_card_is_reset_when_its_use_ends(full_slot: Slot) -> None:
    with readers.card_in(full_slot.reader) as card:
        card.transmit(SELECTION)
    with readers.card_in(full_slot.reader) as card:
        repeat = Command(cla=0x80, ins=REPEAT, p2=1, expected=256)
        assert card.transmit(repeat) == Response(status=Status.CONDITIONS_NOT_MET)


def test_a_card_in_use_is_busy_for_other_programs(full_slot: Slot) -> None:
    with readers.card_in(full_slot.reader):
        told = subprocess.check_output(
            [sys.executable, "-c", SECOND_PROGRAM, full_slot.reader], text=True, timeout=60
        )
    assert told.strip() == CardBusy.code


@pytest.mark.parametrize(
    "answer",
    [
        "90",
        "1234",  # no status word
        "6101",  # more, for ever, and never says it
        "00" * 256 + "6100",  # more, for ever
        "00" * 257 + "9000",  # more than was asked for
    ],
)
def test_a_card_that_answers_out_of_order_is_unreadable(answer: str) -> None:
    with pytest.raises(CardUnreadable):
        answering(answer).transmit(SELECTION)


def test_a_card_that_says_nothing_was_pulled() -> None:
    with pytest.raises(CardPulled):
        answering("").transmit(SELECTION)


def answering(answer: str) -> readers.Card:
    pcsc = SimpleNamespace(
        SCARD_PCI_T1=0,
        SCARD_S_SUCCESS=0,
        SCardTransmit=lambda handle, protocol, command: (0, list(bytes.fromhex(answer))),
    )
    return readers.Card(cast("ModuleType", pcsc), 0, "a reader")


def test_an_empty_reader_is_told_and_who_waits_at_it(empty_slot: Slot) -> None:
    waiting: list[str] = []
    for wait_s in (0.0, 0.05):
        with (
            pytest.raises(CardAbsent),
            readers.card_in(
                empty_slot.reader, wait_s=wait_s, tell_waiting=lambda: waiting.append("waiting")
            ),
        ):
            pass
    assert waiting == ["waiting"]


def test_an_unknown_reader_is_told(reader_service: VirtualReaders) -> None:
    with pytest.raises(ReaderUnknown) as told, readers.card_in("no such reader"):
        pass
    assert reader_service.slots[0].reader in told.value.detail


def test_a_card_pulled_in_the_middle_is_told_and_may_come_back(empty_slot: Slot) -> None:
    with inserted(empty_slot) as process, readers.card_in(empty_slot.reader) as card:
        card.transmit(SELECTION)
        process.kill()
        process.wait()
        with pytest.raises(CardPulled):
            card.transmit(SELECTION)
    with inserted(empty_slot), readers.card_in(empty_slot.reader) as card:
        assert card.transmit(SELECTION) == Response(b"echo")


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        ("PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm", ReaderServiceDown),
        ("PYTHONPATH", "{without}", ReaderSoftwareMissing),
    ],
)
def test_missing_parts_are_told_with_what_to_do(
    reader_service: VirtualReaders, tmp_path: Path, variable: str, value: str,
    error: type[WalletError],
) -> None:  # fmt: skip
    (tmp_path / "smartcard.py").write_text("raise ImportError")
    program = (
        "from jiaozi.wallet import errors, readers\n"
        "try: readers.reader_names()\n"
        "except errors.WalletError as error: print(error.code, error)"
    )
    environment = os.environ | {variable: value.format(without=tmp_path)}
    told = subprocess.check_output(
        [sys.executable, "-c", program], env=environment, text=True, timeout=60
    )
    assert told.startswith(f"{error.code} ")
    assert error.advice in told
