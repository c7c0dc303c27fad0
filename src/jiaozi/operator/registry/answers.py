"""What a registry answers, read from bytes that may be anything.

::

    answer = [1, outcome, height, position]    final: it stands in a block
           | [0, code, [field value, ...]]     refused without effect, no id used up

The gateway hands answers through as they came, so the raw list is the form they travel in; whoever
acts on one reads it here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.refusals import CATALOGUE, Code, Outcome, Refusal, refuse

RawAnswer: TypeAlias = list[Any]

ANSWERS_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class Final:
    """An order's outcome for good, and where it stands in the blocks."""

    outcome: Outcome
    height: int
    position: int


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The order had no effect this time."""

    refusal: Refusal


def read_answers(body: bytes, count: int) -> list[RawAnswer]:
    """Read the answers to a batch; each is checked by whoever acts on it.

    Raises:
        Refusal: ``unknown``: not that many answers, so nothing is known.
    """
    try:
        answers = cbor.decode(body, size_max=ANSWERS_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.UNKNOWN) from None
    if type(answers) is not list or len(answers) != count:
        raise refuse(Code.UNKNOWN)
    return answers


def read_answer(answer: object) -> Final | NotTaken:
    """Read one answer; what is not one says that nothing is known."""
    match answer:
        case [1, list(outcome), int(height), int(position)]:
            try:
                return Final(blocks.read_outcome(outcome), height, position)
            except Refusal:
                return NotTaken(refuse(Code.UNKNOWN))
        case [0, int(code), list(fields)]:
            return NotTaken(refusal_with(code, fields))
        case _:
            return NotTaken(refuse(Code.UNKNOWN))


def not_taken(refusal: Refusal) -> RawAnswer:
    """Put a refusal in the form of an answer."""
    return [0, int(refusal.code), list(refusal.fields.values())]


def refusal_with(code: int, values: Sequence[Any]) -> Refusal:
    """Read a refusal of a catalogue that may be newer than this one: then nothing is known."""
    try:
        known = Code(code)
    except ValueError:
        return refuse(Code.UNKNOWN)
    if len(values) != len(CATALOGUE[known].fields):
        return refuse(Code.UNKNOWN)
    if any(type(value) is not int and type(value) is not str for value in values):
        return refuse(Code.UNKNOWN)
    return refuse(known, *values)
