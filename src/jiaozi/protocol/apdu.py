"""What a reader says to a card, and the card's answer (ISO/IEC 7816-4 §5): the bytes of APDUs.

::

    command  = CLA INS P1 P2 [Lc data] [Le]        ; a reader always speaks first
    response = [data] SW1 SW2

==========  =====================  ===========================================
field       short form             extended form
==========  =====================  ===========================================
Lc          1 byte, 1…255          00 and 2 bytes, 1…65,535
Le          1 byte, 00 means 256   2 bytes, 0000 means 65,536; 00 before them
                                   where there is no Lc
==========  =====================  ===========================================

One command has one form: Lc and Le are both short or both extended. What a purse says inside the
data is not known here.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

SHORT_DATA_MAX = 255
"""Bytes of data in a short command."""
SHORT_EXPECTED_MAX = 256
"""Bytes that a short command can ask for."""
EXTENDED_DATA_MAX = 65_535
EXTENDED_EXPECTED_MAX = 65_536

CHAINED = 0x10
"""The bit of CLA that says: this command goes on in the next (§5.3.3)."""
GET_RESPONSE = 0xC0
"""INS of the command that fetches the rest of an answer (§7.6.1)."""
SELECT = 0xA4
"""INS of the command that chooses an application (§7.1.1)."""

_HEADER_BYTES = 4
_MORE_DATA = 0x61
_TRIES_LEFT = 0x63C0
_TRIES_MAX = 15
_REST_MAX = 0xFF


class Status(IntEnum):
    """The status words of a purse card (§5.6). All but the first: nothing was changed."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make a member that knows its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0x9000, "done"
    REFUSED = 0x6200, "the purse refuses; the data say why"
    MEMORY_FAILED = 0x6581, "the card could not store its state"
    WRONG_LENGTH = 0x6700, "the lengths in the command do not fit its bytes"
    CHANNEL_NOT_SUPPORTED = 0x6881, "the card has one logical channel"
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882, "the card takes no secure messaging"
    CHAIN_BROKEN = 0x6883, "another command came before the last one of a chain"
    NOT_AUTHORISED = 0x6982, "the PIN must be shown first"
    PIN_BLOCKED = 0x6983, "the PIN is blocked after too many tries"
    CONDITIONS_NOT_MET = 0x6985, "the card's state does not allow this now"
    DATA_REFUSED = 0x6A80, "the data of the command are not valid"
    NOT_FOUND = 0x6A82, "the card has no such application"
    WRONG_PARAMETERS = 0x6A86, "P1 or P2 is wrong"
    REFERENCE_NOT_FOUND = 0x6A88, "the card does not hold what the command refers to"
    INSTRUCTION_UNKNOWN = 0x6D00, "the card does not know the instruction"
    CLASS_UNKNOWN = 0x6E00, "the card does not know the class of instructions"


@dataclass(eq=False)
class CommandRefused(Exception):
    """The card refuses a command; its answer is the status word alone."""

    status: Status

    def __str__(self) -> str:
        return f"{self.status:04X}: {self.status.meaning}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a reader sends.

    Attributes:
        cla: Class of the instruction, 0…255.
        ins: Instruction, 0…255.
        p1: First parameter, 0…255.
        p2: Second parameter, 0…255.
        data: Up to 65,535 bytes.
        expected: How many bytes of answer are asked for at most, 1…65,536; None asks for none.
    """

    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    expected: int | None = None

    @property
    def is_chained(self) -> bool:
        """Whether the next command goes on with the data of this one."""
        return bool(self.cla & CHAINED)

    @property
    def header(self) -> tuple[int, int, int, int]:
        """What the commands of a chain share: CLA without the chaining bit, INS, P1, P2."""
        return (self.cla & ~CHAINED, self.ins, self.p1, self.p2)

    @property
    def parameters(self) -> int:
        """P1 and P2 as one number."""
        return self.p1 << 8 | self.p2

    def encode(self) -> bytes:
        """Return the bytes, in the short form where it holds them.

        Raises:
            ValueError: A field is out of its range.
        """
        if len(self.data) > EXTENDED_DATA_MAX:
            raise ValueError(f"an APDU holds no more than {EXTENDED_DATA_MAX} bytes of data")
        if self.expected is not None and not 1 <= self.expected <= EXTENDED_EXPECTED_MAX:
            raise ValueError(f"an APDU asks for 1 to {EXTENDED_EXPECTED_MAX} bytes")
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        if len(self.data) > SHORT_DATA_MAX or (self.expected or 0) > SHORT_EXPECTED_MAX:
            return header + self._extended_body()
        return header + self._short_body()

    def _short_body(self) -> bytes:
        body = bytes((len(self.data),)) + self.data if self.data else b""
        if self.expected is None:
            return body
        return body + bytes((self.expected % SHORT_EXPECTED_MAX,))

    def _extended_body(self) -> bytes:
        body = b"\0"
        if self.data:
            body += len(self.data).to_bytes(2, "big") + self.data
        if self.expected is None:
            return body
        return body + (self.expected % EXTENDED_EXPECTED_MAX).to_bytes(2, "big")

    def split(self) -> list["Command"]:
        """Return the same command as a chain of short ones, which every reader and card carries.

        Of an answer above 256 bytes the rest is to be fetched by `GET_RESPONSE`.
        """
        pieces = [
            self.data[start : start + SHORT_DATA_MAX]
            for start in range(0, len(self.data), SHORT_DATA_MAX)
        ] or [b""]
        chained = [
            replace(self, cla=self.cla | CHAINED, data=piece, expected=None)
            for piece in pieces[:-1]
        ]
        expected = None if self.expected is None else min(self.expected, SHORT_EXPECTED_MAX)
        return [*chained, replace(self, data=pieces[-1], expected=expected)]

    @classmethod
    def decode(cls, encoded: bytes) -> "Command":
        """Read a command.

        Raises:
            CommandRefused: `WRONG_LENGTH`, the lengths do not fit the bytes.
        """
        if len(encoded) < _HEADER_BYTES:
            raise CommandRefused(Status.WRONG_LENGTH)
        cla, ins, p1, p2 = encoded[:_HEADER_BYTES]
        data, expected = _read_body(encoded[_HEADER_BYTES:])
        return cls(cla=cla, ins=ins, p1=p1, p2=p2, data=data, expected=expected)


@dataclass(frozen=True, slots=True)
class Response:
    """What the card answers.

    Attributes:
        data: May be empty.
        status: The status word, two bytes as one number: one of `Status`, 61XX or 63CX.
    """

    data: bytes = b""
    status: int = Status.DONE

    @classmethod
    def with_more(cls, data: bytes, rest_bytes: int) -> "Response":
        """Make a first part of an answer (61XX); `rest_bytes` wait for `GET_RESPONSE`."""
        return cls(data, _MORE_DATA << 8 | (rest_bytes if rest_bytes <= _REST_MAX else 0))

    @classmethod
    def tries_left(cls, tries: int) -> "Response":
        """Make the answer to a wrong PIN (63CX) after which 0…15 tries are left."""
        return cls(b"", _TRIES_LEFT | min(tries, _TRIES_MAX))

    @property
    def rest_bytes(self) -> int | None:
        """How many bytes to fetch next, 1…256; None if this is the whole answer."""
        if self.status >> 8 != _MORE_DATA:
            return None
        return self.status & 0xFF or SHORT_EXPECTED_MAX

    @property
    def tries(self) -> int | None:
        """How many tries are left after a wrong PIN; None if this is another answer."""
        return self.status & _TRIES_MAX if self.status & ~_TRIES_MAX == _TRIES_LEFT else None

    def encode(self) -> bytes:
        """Return the bytes."""
        return self.data + self.status.to_bytes(2, "big")

    @classmethod
    def decode(cls, encoded: bytes) -> "Response":
        """Read an answer.

        Raises:
            ValueError: It has no status word, or one outside 6XXX and 9XXX (§5.6).
        """
        status = int.from_bytes(encoded[-2:], "big")
        if len(encoded) < 2 or status >> 12 not in {6, 9}:
            raise ValueError("the answer ends with no status word")
        return cls(encoded[:-2], status)


def _read_body(body: bytes) -> tuple[bytes, int | None]:
    """Return data and expected length of what follows the header, in either form."""
    if not body:
        return b"", None
    if body[0] or len(body) == 1:
        return _read_lengths(body, body[0], 1)
    if len(body) < 3:
        raise CommandRefused(Status.WRONG_LENGTH)
    return _read_lengths(body[1:], int.from_bytes(body[1:3], "big"), 2)


def _read_lengths(body: bytes, first: int, width: int) -> tuple[bytes, int | None]:
    """Read a body whose lengths are `width` bytes wide and whose first length is `first`."""
    if len(body) == width:
        return b"", first or 1 << 8 * width
    data, rest = body[width : width + first], body[width + first :]
    if first == 0 or len(data) < first or len(rest) not in {0, width}:
        raise CommandRefused(Status.WRONG_LENGTH)
    return data, (int.from_bytes(rest, "big") or 1 << 8 * width) if rest else None
