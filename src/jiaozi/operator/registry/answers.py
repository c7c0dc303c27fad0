"""What a registry answers, read from bytes that may be anything.

::

    answer = [1, outcome, height, position]    final: it stands in a block
           | [0, code, [field value, ...]]     refused without effect, no id used up

The gateway hands answers through as they came, so the raw list is the form they travel in; whoever
acts on one reads it here.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.refusals import Code, Outcome, Refusal, read_refusal, refuse

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
    """Read the answers to a batch; what each of them tells is checked by whoever acts on it.

    Raises:
        Refusal: ``unknown``: not that many answers, so nothing is known.
    """
    try:
        answers = cbor.decode(body, size_max=ANSWERS_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.UNKNOWN) from None
    if type(answers) is not list or len(answers) != count:
        raise refuse(Code.UNKNOWN)
    if not all(type(each) is list and each for each in answers):
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
            try:
                return NotTaken(read_refusal(code, fields))
            except ValueError:
                return NotTaken(refuse(Code.UNKNOWN))
        case _:
            return NotTaken(refuse(Code.UNKNOWN))


def not_taken(refusal: Refusal) -> RawAnswer:
    """Put a refusal in the form of an answer."""
    return [0, int(refusal.code), list(refusal.fields.values())]
