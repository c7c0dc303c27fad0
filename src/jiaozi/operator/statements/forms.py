"""The form of a statement: what every writer is given, and gives back, piece by piece."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from jiaozi.operator.history.model import Line
from jiaozi.operator.statements.model import Head, StatementEntry
from jiaozi.protocol.order_types import OrderType


class Form(Protocol):
    """Writes one statement: `begin`, `add` for each page of entries, `end`; each gives bytes.

    Attributes:
        media_type: Of the whole.
        suffix: Of a file that holds it.
        entries_max: The most entries that it takes; None is any number.
    """

    media_type: ClassVar[str]
    suffix: ClassVar[str]
    entries_max: ClassVar[int | None]

    def __init__(self, head: Head) -> None: ...

    def begin(self) -> bytes:
        """Return what comes before the entries."""
        ...

    def add(self, entries: Sequence[StatementEntry]) -> bytes:
        """Return some entries, oldest first."""
        ...

    def end(self, code: str) -> bytes:
        """Return what comes after the entries; ``code`` is the verification code."""
        ...


def type_of(line: Line) -> str:
    """Return the word for the order behind an entry; one that is linked to another returns it."""
    name = OrderType(line.order_type).name.lower()
    return "return" if line.link is not None and name == "payment" else name


def yuan(amount_fen: int) -> str:
    """Return fen as a plain decimal number of yuan: ``1234.50``."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"
