"""Commands of a card as they come: in what order they are checked, and what none of them tells."""

import re
from pathlib import Path

import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import Status
from jiaozi.protocol.card_commands import APPLICATION, Instruction, PinRule
from tests.card.purse_cards import (
    PIN,
    PUK,
    DirectCard,
    say,
)

pytestmark = pytest.mark.usefixtures("unsynced")


def test_the_page_says_of_every_command_what_an_applet_must_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "card.md").read_text("utf-8")
    table = page.partition("## What a Java Card applet must do")[2]
    told = [
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    ]
    assert sorted(told) == sorted(each.name for each in Instruction)


def select(card: DirectCard) -> None:
    assert say(card, Instruction.SELECT, APPLICATION).status == Status.DONE


@pytest.mark.parametrize("instruction", [*Instruction])
def test_nothing_is_done_before_the_selection_or_with_wrong_parameters(
    card: DirectCard, instruction: Instruction
) -> None:
    if instruction is Instruction.SELECT:
        assert say(card, instruction, b"other").status == Status.NOT_FOUND
        assert say(card, instruction, APPLICATION, p1=0).status == Status.WRONG_PARAMETERS
        return
    assert say(card, instruction).status == Status.CONDITIONS_NOT_MET
    select(card)
    if instruction.parameters is not None and instruction is not Instruction.PERSONALISE:
        assert say(card, instruction, p2=0x81).status == Status.WRONG_PARAMETERS


def test_other_instructions_and_classes_are_unknown(card: DirectCard) -> None:
    select(card)
    assert say(card, Instruction.VIEW, cla=0x00).status == Status.INSTRUCTION_UNKNOWN
    assert say(card, Instruction.VIEW, ins=0x61).status == Status.INSTRUCTION_UNKNOWN
    assert say(card, Instruction.VIEW, cla=0xA0).status == Status.CLASS_UNKNOWN


@pytest.mark.parametrize("instruction", [each for each in Instruction if each.pin is PinRule.YES])
def test_what_takes_the_pin_is_refused_before_its_data_are_read(
    card: DirectCard, instruction: Instruction
) -> None:
    select(card)
    assert say(card, instruction, b"\xff").status == Status.NOT_AUTHORISED


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\x80", b"\xf6", b"\x82\xf5\xf5", cbor.encode([-1, -1]),
             cbor.encode([2**63, 2**63]), cbor.encode([1] * 9), b"\x00" * 300],
)  # fmt: skip
def test_data_that_mean_nothing_are_refused_and_change_nothing(
    card: DirectCard, data: bytes
) -> None:
    before = (card.directory / "card").read_bytes()
    without_data = {Instruction.SELECT, Instruction.VIEW, Instruction.CHAIN,
                    Instruction.PROTECTION, Instruction.WAITING, Instruction.HAND_IN,
                    Instruction.VERIFY_PIN}  # fmt: skip
    select(card)
    say(card, Instruction.VERIFY_PIN, PIN.encode())
    for instruction in sorted(set(Instruction) - without_data):
        assert say(card, instruction, data).status in {
            Status.DATA_REFUSED, Status.REFUSED, Status.CONDITIONS_NOT_MET
        }  # fmt: skip
    assert (card.directory / "card").read_bytes() == before


@pytest.mark.parametrize("secret", [PIN, PUK])
def test_the_pin_is_told_by_no_log_of_objects(card: DirectCard, secret: str) -> None:
    assert secret not in repr(card.dialogue._application._session.state)  # type: ignore[attr-defined]


def test_the_state_is_for_its_owner_alone(card: DirectCard) -> None:
    assert (card.directory / "card").stat().st_mode & 0o777 == 0o600
