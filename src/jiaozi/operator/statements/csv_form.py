"""A statement as CSV (RFC 4180), UTF-8 with a header line.

Three kinds of records: one ``opening``, an ``entry`` for each settled leg, one ``closing`` with the
sums and the verification code. The code's digest is over the lines of the entries.

What a person may have written is quoted, and begins with an apostrophe where a spreadsheet would
take it for a formula. All other cells are digits, hexadecimal, times or fixed words.
"""

from collections.abc import Sequence
from typing import ClassVar

from jiaozi.operator.history.model import Line
from jiaozi.operator.statements.forms import type_of, yuan
from jiaozi.operator.statements.model import Head, StatementEntry, moment
from jiaozi.protocol.numbers import format_number

COLUMNS = (
    "record", "wallet", "time", "type", "counterparty", "in_yuan", "out_yuan", "balance_yuan",
    "order_id", "identity", "reference", "link", "height", "position", "leg", "text",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_EMPTY = "," * 7


class CsvForm:
    """Writes one statement."""

    media_type: ClassVar[str] = "text/csv; charset=utf-8; header=present"
    suffix: ClassVar[str] = "csv"
    entries_max: ClassVar[int | None] = None

    def __init__(self, head: Head) -> None:
        self._head = head

    def begin(self) -> bytes:
        """Return header line and opening record."""
        head = self._head
        wallet, opening = format_number(head.wallet), yuan(head.totals.opening_fen)
        text = "" if head.holder is None else text_cell(head.holder)
        since = moment(head.from_ms).isoformat(timespec="milliseconds")
        opened = f"opening,{wallet},{since},,,,,{opening},{_EMPTY}{text}\r\n"
        return (",".join(COLUMNS) + "\r\n" + opened).encode()

    def add(self, entries: Sequence[StatementEntry]) -> bytes:
        """Return the records of some entries."""
        return entry_lines(entries)

    def end(self, code: str) -> bytes:
        """Return the closing record."""
        head, totals = self._head, self._head.totals
        until = moment(head.until_ms).isoformat(timespec="milliseconds")
        sums = ",".join(map(yuan, (totals.incoming_fen, totals.outgoing_fen, totals.closing_fen)))
        closed = f"closing,{format_number(head.wallet)},{until},,,{sums},{_EMPTY}{text_cell(code)}"
        return f"{closed}\r\n".encode()


def entry_lines(entries: Sequence[StatementEntry]) -> bytes:
    """Return the lines of some entries: what a verification code's digest is over."""
    return "".join([_line(each.line, each.balance_fen) for each in entries]).encode("ascii")


def text_cell(text: str) -> str:
    """Quote a text that anybody may have written."""
    safe = f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    return '"' + safe.replace('"', '""') + '"'


def _line(line: Line, balance_fen: int) -> str:
    amount = yuan(line.amount_fen)
    sides = f"{amount}," if line.incoming else f",{amount}"
    reference = line.reference.hex() if line.reference else ""
    link = line.link.hex() if line.link else ""
    return (
        f"entry,{format_number(line.wallet)},"
        f"{moment(line.time_ms).isoformat(timespec='milliseconds')},"
        f"{type_of(line)},{format_number(line.counterparty)},{sides},{yuan(balance_fen)},"
        f"{line.order_id.hex()},{line.identity.hex()},{reference},{link},"
        f"{line.height},{line.position},{line.leg},\r\n"
    )
