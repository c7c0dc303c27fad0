"""Messages as text: one line for each QR code, in the letters that a QR code packs closest.

::

    frame = "JIAOZI:" || kind || index "." || count "." || check "." || part
    part  = RFC 4648 base32 without padding, of a slice of the message
    check = first 4 bytes of SHA-256 of the message, in base32: tells its frames from others'

``index`` counts from 1. Frames come in any order and more than once; whatever else was scanned is
passed over by its scheme. All letters are of the alphanumeric mode (ISO/IEC 18004), so a payment of
650 bytes is one code of about 1,050 letters; small ones are read as capitals, for whoever types.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from jiaozi.wallet.errors import FramesUnfit

SCHEME = "JIAOZI:"
PART_BYTES_MAX = 1_200
"""Of one code: it is still read from a phone's screen at arm's length."""
FRAMES_MAX = 64
MESSAGE_BYTES_MAX = FRAMES_MAX * PART_BYTES_MAX
_CHECK_LENGTH = 4
_FRAME = re.compile(SCHEME + r"([A-Z])([1-9][0-9]?)\.([1-9][0-9]?)\.([A-Z2-7]{7})\.([A-Z2-7]+)")
_TEXT_LENGTH_MAX = 2 * PART_BYTES_MAX


class MessageKind(Enum):
    """What a message is, by the letter that stands before it."""

    REQUEST = "R"
    PAYMENT = "P"
    ACKNOWLEDGEMENT = "A"
    REVOCATIONS = "L"
    PROOF = "F"


def to_frames(kind: MessageKind, message: bytes) -> list[str]:
    """Return the frames of a message.

    Raises:
        FramesUnfit: It is longer than `FRAMES_MAX` frames.
    """
    parts = [message[i : i + PART_BYTES_MAX] for i in range(0, len(message), PART_BYTES_MAX)]
    if not 1 <= len(parts) <= FRAMES_MAX:
        raise FramesUnfit(detail=f"A message of {len(message)} bytes does not go into QR codes")
    head = f"{SCHEME}{kind.value}"
    return [
        f"{head}{index}.{len(parts)}.{_check(message)}.{_text(part)}"
        for index, part in enumerate(parts, 1)
    ]


@dataclass(slots=True)
class Gathering:
    """Frames put together as they come."""

    kind: MessageKind | None = None
    parts: dict[int, bytes] = field(default_factory=dict)
    count: int = 0
    check: str = ""

    @property
    def missing(self) -> list[int]:
        """Which frames have not come, counted from 1."""
        return [each for each in range(1, self.count + 1) if each not in self.parts]

    def add(self, text: str) -> None:
        """Take one scanned text.

        Raises:
            FramesUnfit: It is no frame, or one of another message.
        """
        kind, index, count, check, part = _read(text.strip().upper())
        if self.count and (self.kind, self.count, self.check) != (kind, count, check):
            raise FramesUnfit(detail="The codes are of two messages")
        self.kind, self.count, self.check = kind, count, check
        self.parts[index] = part

    def message(self) -> bytes:
        """Return the whole message.

        Raises:
            FramesUnfit: Frames are missing, or one was misread.
        """
        if not self.count or self.missing:
            told = ", ".join(map(str, self.missing)) or "all"
            raise FramesUnfit(detail=f"Codes are missing: {told} of {self.count or '?'}")
        message = b"".join(self.parts[index] for index in range(1, self.count + 1))
        if _check(message) != self.check:
            raise FramesUnfit(detail="A code was misread")
        return message


def from_text(text: str, expected: MessageKind) -> bytes:
    """Read a message from frames in a text, apart from each other by spaces or in lines.

    Raises:
        FramesUnfit: Not all frames of one message of this kind.
    """
    gathering = Gathering()
    words = text.split()
    for word in filter(is_frame, words) if any(map(is_frame, words)) else words:
        gathering.add(word)
    message = gathering.message()
    if gathering.kind is not expected:
        found = gathering.kind.name.lower() if gathering.kind else "nothing"
        raise FramesUnfit(detail=f"This is a {found}, not a {expected.name.lower()}")
    return message


def is_frame(text: str) -> bool:
    """Say whether a scanned text says of itself that it is a frame."""
    return text[: len(SCHEME)].upper() == SCHEME


def _read(text: str) -> tuple[MessageKind, int, int, str, bytes]:
    found = _FRAME.fullmatch(text[:_TEXT_LENGTH_MAX])
    try:
        if found is None:
            raise ValueError(text)
        kind, index, count = MessageKind(found[1]), int(found[2]), int(found[3])
        part = base64.b32decode(found[5] + "=" * (-len(found[5]) % 8))
        if not index <= count <= FRAMES_MAX or len(part) > PART_BYTES_MAX:
            raise ValueError(text)
    except (ValueError, binascii.Error):
        raise FramesUnfit(detail="This is no code of an offline payment") from None
    return kind, index, count, found[4], part


def _check(message: bytes) -> str:
    return _text(sha256(message).digest()[:_CHECK_LENGTH])


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=")
