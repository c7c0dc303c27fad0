"""What both writers of payment messages need: texts that are XML, and a body before its head.

Heads of these messages state the totals of what comes after them. So a writer puts the body into a
temporary file that has no name, counts, and then writes head and body: memory stays flat, totals
are right by construction, and nothing of a message is written before all of it is known.
"""

import re
from typing import BinaryIO

from jiaozi.wallet.payroll.chunks import CHUNK_BYTES

# What cannot stand as it is: markup, and what XML 1.0 cannot carry (half surrogate pairs too).
_SPECIAL = re.compile("[&<>\r]|[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def element(name: str, text: str | None) -> str:
    """Return an element with this text, or nothing when there is no text.

    Characters that XML cannot carry become U+FFFD.
    """
    if not text:
        return ""
    escaped = _SPECIAL.sub(lambda match: _REFERENCES.get(match[0], "\ufffd"), text)
    return f"<{name}>{escaped}</{name}>"


def format_amount(fen: int) -> str:
    """Return fen as an ISO 20022 decimal in yuan: ``1234.50``."""
    return f"{fen // 100}.{fen % 100:02d}"


def copy_bytes(source: BinaryIO, target: BinaryIO, length: int) -> None:
    """Copy the next bytes of a file, a chunk at a time."""
    while length > 0:
        chunk = source.read(min(length, CHUNK_BYTES))
        target.write(chunk)
        length -= len(chunk)
