"""Writes docs/reference/card.md from the card's instructions and status words: `make docs`."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from jiaozi.protocol.apdu import Status
from jiaozi.protocol.card_commands import (
    APPLICATION,
    PART_BYTES,
    PIN_DIGITS,
    PUK_DIGITS,
    Instruction,
    Phase,
    Protection,
)
from jiaozi.protocol.offline.view import PurseNumbers

PAGE = Path(__file__).parent / "reference" / "card.md"

_HEAD = f"""# Commands of a card

<!-- Made from the code by `make docs`; do not edit. -->

What a terminal says to the purse on a card, APDU by APDU. [Cards](../card.md) tells what lies
behind. The application is `{APPLICATION.hex().upper()}`. Data and answers in brackets are lists in
deterministic CBOR; the others are digits, or
[messages of purses](../../src/jiaozi/protocol/offline/__init__.py) as they are. Amounts are fen,
times Unix milliseconds. An index in P1 P2 counts from 0. Parts of the log have {PART_BYTES} bytes,
and the last is shorter. A PIN has {PIN_DIGITS[0]} to {PIN_DIGITS[-1]} digits and a PUK
{PUK_DIGITS[0]} to {PUK_DIGITS[-1]}, three different ones at least.

"""
_PHASES = {Phase.BLANK: "always", Phase.KEYED: "it has a key", Phase.IN_USE: "in use"}


def render() -> str:
    """Return the page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "| Command | CLA INS | P1 P2 | Data | Answer | Taken when | PIN before |\n"
    yield "|---|---|---|---|---|---|---|\n"
    yield from map(_instruction, Instruction)
    yield "\n`PERSONALISE` is taken until certificates have come, the others from their phase on.\n"
    yield "Phases: " + ", ".join(f"{int(each)} {each.name.lower()}" for each in Phase)
    yield ".\n\n## What a card shows\n\n"
    for kind in (PurseNumbers, Protection):
        names = ", ".join(each.name for each in fields(kind))
        yield f"`{kind.__name__}`: [{names}]\n\n"
    yield "## Status words\n\n| SW | Meaning |\n|---|---|\n"
    for status in Status:
        yield f"| {status:04X} | {status.meaning} |\n"
    yield "| 61XX | so many bytes more wait for GET RESPONSE, 00: 256 or more |\n"
    yield "| 63CX | the PIN or PUK is wrong, X tries are left |\n"
    yield (
        "\nWith 6200 come `[[code, field, ...], proof]`: a refusal of the "
        "[catalogue](../errors.md), and for `double_spent` and `double_loaded` the proof. All "
        "other words come without data.\n"
    )


def _instruction(each: Instruction) -> str:
    number = each.parameters
    parameters = "index" if number is None else f"{number >> 8:02X} {number & 0xFF:02X}"
    when = "not in use yet" if each is Instruction.PERSONALISE else _PHASES[each.phase]
    name, command = f"`{each.name}`", f"{each.cla:02X} {each:02X}"
    cells = (name, command, parameters, each.data, each.answer, when, each.pin.value)
    return "| " + " | ".join(cells) + " |\n"
