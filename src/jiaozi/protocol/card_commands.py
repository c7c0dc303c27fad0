"""What terminal and card say inside APDUs: the instructions of the purse on a card.

::

    terminal -> card   CLA INS P1 P2 [data] ; data and answers are those of `Instruction`
    card -> terminal   answer 9000
                     | [[code, field, ...], proof or h''] 6200   ; a refusal of the catalogue
                     | 63CX, 6982, 6983                          ; the PIN is wrong, needed, blocked
                     | another status word of `jiaozi.protocol.apdu`, without data

Lists are deterministic CBOR; a message of a purse is the data as it is, without a list around it.
What stands in a message is `jiaozi.protocol.offline`'s; how commands become chains is `apdu`'s.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from enum import Enum, IntEnum
from typing import Any, Self, TypeVar

from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import SELECT
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.offline.proofs import DoubleLoadFound, DoubleSpendFound, ProofFound
from jiaozi.protocol.offline.view import PurseNumbers
from jiaozi.protocol.refusals import Code, Refusal, refuse

APPLICATION = b"\xf0JIAOZI\x01"
"""The application's name (AID): of the proprietary kind (ISO/IEC 7816-5 §8.2), version 1."""

PART_BYTES = 4096
"""Of a log that is handed in; a shorter part is the last."""

PIN_DIGITS = range(6, 13)
PUK_DIGITS = range(8, 13)

_ISO, _OWN = 0x00, 0x80
_PIN = 0x0080  # a password of the application (ISO/IEC 7816-4 §7.5.1)
_VALUE_BYTES_MAX = 64 * 1024
_DIFFERENT_MIN = 3


class Phase(IntEnum):
    """How far a card is in its life."""

    BLANK = 0
    KEYED = 1
    """It has a key, and no certificate for it."""
    IN_USE = 2


class PinRule(Enum):
    """Which commands take the PIN before."""

    NO = "no"
    YES = "yes"
    IN_USE = "once the card is in use"
    ABOVE_ALLOWANCE = "above what the holder allowed without"


class Instruction(IntEnum):
    """INS of every command; `PERSONALISE` is taken up to its phase, the others from it on.

    Attributes:
        cla: Its class.
        parameters: P1 and P2 as one number; None: an index that counts from 0.
        phase: The card's, from which on it is taken.
        pin: Whether the PIN must have been shown.
        data: What the terminal says.
        answer: What the card says.
    """

    cla: int
    parameters: int | None
    phase: Phase
    pin: PinRule
    data: str
    answer: str

    def __new__(
        cls, ins: int, cla: int, parameters: int | None, phase: Phase, pin: PinRule,
        data: str, answer: str,
    ) -> Self:  # fmt: skip
        """Make a member that knows its line of the table."""
        member = int.__new__(cls, ins)
        member._value_ = ins
        member.cla, member.parameters = cla, parameters
        member.phase, member.pin, member.data, member.answer = phase, pin, data, answer
        return member

    # fmt: off
    SELECT = SELECT, _ISO, 0x0400, Phase.BLANK, PinRule.NO, "AID", "[phase]"
    VERIFY_PIN = 0x20, _ISO, _PIN, Phase.KEYED, PinRule.NO, "PIN; none asks if it was shown", ""
    CHANGE_PIN = 0x24, _ISO, _PIN, Phase.KEYED, PinRule.NO, "[PIN, new PIN]", ""
    UNBLOCK_PIN = 0x2C, _ISO, _PIN, Phase.KEYED, PinRule.NO, "[PUK, new PIN]", ""
    PERSONALISE = (
        0x10, _OWN, 0, Phase.KEYED, PinRule.NO, "[network, root's key, PIN, PUK]", "public key",
    )
    ENROL = (
        0x12, _OWN, 0, Phase.KEYED, PinRule.IN_USE,
        "[operator, profile, wallet or null, [limit or null, ...]]", "enrolment",
    )
    CERTIFY = (
        0x14, _OWN, 0, Phase.KEYED, PinRule.NO, "[operator's certificate, device certificate]", "",
    )
    VIEW = 0x60, _OWN, 0, Phase.IN_USE, PinRule.NO, "", "`PurseNumbers`"
    CHAIN = (
        0x62, _OWN, 0, Phase.IN_USE, PinRule.NO, "",
        "[network, root's key, operator's certificate, device certificate]",
    )
    PROTECTION = 0x64, _OWN, 0, Phase.KEYED, PinRule.NO, "", "`Protection`"
    SET_ALLOWANCE = 0x66, _OWN, 0, Phase.IN_USE, PinRule.YES, "[one payment, sum]", ""
    ASK = 0x30, _OWN, 0, Phase.IN_USE, PinRule.NO, "[amount, expires]", "request"
    PAY = 0x32, _OWN, 0, Phase.IN_USE, PinRule.ABOVE_ALLOWANCE, "request", "payment"
    COLLECT = 0x34, _OWN, 0, Phase.IN_USE, PinRule.NO, "payment", "acknowledgement"
    ACKNOWLEDGE = 0x36, _OWN, 0, Phase.IN_USE, PinRule.NO, "[acknowledgement, payment]", ""
    UNLOAD = 0x38, _OWN, 0, Phase.IN_USE, PinRule.YES, "[amount, wallet]", "payment"
    WAITING = (
        0x3A, _OWN, None, Phase.IN_USE, PinRule.YES, "", "payment that nobody acknowledged, or 6A88"
    )
    HAND_IN = 0x40, _OWN, None, Phase.IN_USE, PinRule.YES, "", "part of the log"
    LOAD = 0x42, _OWN, 0, Phase.IN_USE, PinRule.NO, "load", ""
    SYNCHRONISE = 0x44, _OWN, 0, Phase.IN_USE, PinRule.NO, "[checkpoint, time]", ""
    RAISE_FLOOR = 0x46, _OWN, 0, Phase.IN_USE, PinRule.NO, "time", ""
    LEARN = 0x48, _OWN, 0, Phase.IN_USE, PinRule.NO, "frame of the revocation list", ""
    FRAMES = 0x4A, _OWN, None, Phase.IN_USE, PinRule.NO, "[number of the list]", "frame, or 6A88"
    # fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How a card is protected, as `PROTECTION` answers it: a list in this order.

    Attributes:
        pin_tries: Left; none left: the PIN is blocked until the PUK unblocks it.
        puk_tries: Left; none left: nothing unblocks it.
        payment_fen: One payment up to this amount takes no PIN ...
        sum_fen: ... until so much was paid without.
        spent_fen: How much was, since the PIN was shown last.
    """

    pin_tries: int
    puk_tries: int
    payment_fen: int
    sum_fen: int
    spent_fen: int


_BY_INS: Mapping[int, Instruction] = {int(each): each for each in Instruction}
_Numbers = TypeVar("_Numbers", PurseNumbers, Protection)


def instruction_of(cla: int, ins: int) -> Instruction | None:
    """Return what a command is; None for none of ours."""
    instruction = _BY_INS.get(ins)
    return instruction if instruction is not None and instruction.cla == cla else None


def encode_numbers(value: PurseNumbers | Protection) -> bytes:
    """Encode what a card shows."""
    return cbor.encode(list(astuple(value)))


def read_numbers(kind: type[_Numbers], data: bytes) -> _Numbers:
    """Read what a card shows.

    Raises:
        ValueError: It is another list.
    """
    names = [each.name for each in fields(kind)]
    values = read_list(data, *[int] * len(names))
    return kind(**dict(zip(names, values, strict=True)))


def encode_refusal(refusal: Refusal) -> bytes:
    """Encode why the purse refuses, with the proof that it has found if it has."""
    proof = refusal.proof if isinstance(refusal, ProofFound) else b""
    return cbor.encode([[int(refusal.code), *refusal.fields.values()], proof])


def read_refusal(data: bytes) -> Refusal:
    """Read why the purse refused.

    Raises:
        ValueError: It is no refusal of the catalogue.
    """
    outcome, proof = read_list(data, list, bytes)
    if not outcome or any(type(each) not in (int, str) for each in outcome):
        raise ValueError("no refusal")
    code, *values = outcome
    refusal = refuse(Code(code), *values)
    match refusal.code:
        case Code.DOUBLE_SPENT:
            return DoubleSpendFound(proof=proof)
        case Code.DOUBLE_LOADED:
            return DoubleLoadFound(proof=proof)
        case _:
            return refusal


def read_list(data: bytes, *types: Any) -> list[Any]:  # noqa: ANN401 - types and unions of them
    """Read a list of so many values; numbers are from 0 to 2^63 - 1.

    Raises:
        ValueError: It is another list, or none.
    """
    try:
        values = cbor.decode(data, size_max=_VALUE_BYTES_MAX)
    except cbor.NotCanonical as error:
        raise ValueError(str(error)) from None
    if type(values) is not list or len(values) != len(types):
        raise ValueError("another number of values")
    if not all(map(_is_of, values, types)):
        raise ValueError("values of other types")
    return values


def digits_fit(digits: bytes, lengths: range) -> bool:
    """Say whether these are so many ASCII digits, and three different ones at least."""
    return len(digits) in lengths and digits.isdigit() and len(set(digits)) >= _DIFFERENT_MIN


def _is_of(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type or a union of types
    if type(value) is int:
        return isinstance(value, kind) and 0 <= value <= FEN_MAX
    return type(value) is not bool and isinstance(value, kind)
