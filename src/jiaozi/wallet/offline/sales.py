"""The sales of a point of sale: what it asked for, from which card, and what came of it.

::

    open --card seen--> open --card has paid--> paid --collected--> taken
      |                            |--the card had spent it before--> refused
      `--given up--> ended         `--not collected--> ended --handed in--> settled

A sale is on disk before a card is asked to pay, the card before it pays, and the payment before it
is collected. So a sale that broke off goes on where it was, and no second card pays for the first.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

from jiaozi.wallet.errors import SalesUnavailable

_LOCK_WAIT_S = 30.0
_SCHEMA = """
PRAGMA user_version = 1;
CREATE TABLE IF NOT EXISTS sales (
    number          INTEGER PRIMARY KEY,
    state           TEXT NOT NULL CHECK (state IN (
        'open', 'paid', 'taken', 'ended', 'refused', 'settled'
    )),
    amount_fen      INTEGER NOT NULL CHECK (amount_fen > 0),
    made_ms         INTEGER NOT NULL,
    request         BLOB NOT NULL,
    payer           BLOB,
    payment         BLOB,
    acknowledgement BLOB,
    CHECK (payment IS NOT NULL OR state IN ('open', 'ended')),
    CHECK ((acknowledgement IS NOT NULL) = (state = 'taken'))
) STRICT;
-- One at a time: the next begins when this one has come to an end.
CREATE UNIQUE INDEX IF NOT EXISTS sales_unfinished ON sales ((0)) WHERE state IN ('open', 'paid');
"""
_COLUMNS = "number, state, amount_fen, made_ms, request, payer, payment, acknowledgement"


class SaleState(Enum):
    """How far a sale has come."""

    OPEN = "open"
    PAID = "paid"
    """The card has paid, and the terminal's purse has not collected it."""
    TAKEN = "taken"
    ENDED = "ended"
    """Given up; what the card may have paid comes in when somebody hands it in."""
    SETTLED = "settled"
    """An operator took the payment for this terminal, which had not collected it."""
    REFUSED = "refused"
    """The card had spent the money before: the proof is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One sale; ``payer`` is the key of the card that was asked to pay, once there is one."""

    number: int
    state: SaleState
    amount_fen: int
    made_ms: int
    request: bytes
    payer: bytes | None
    payment: bytes | None
    acknowledgement: bytes | None


class Sales:
    """The open list of sales; every change is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Open the list, which is made if it is missing.

        Raises:
            SalesUnavailable: It cannot be read or written.
        """
        self._path = path
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def unfinished(self) -> Sale | None:
        """Return the sale that has not come to an end."""
        found = self._read("state IN ('open', 'paid')")
        return found[0] if found else None

    def since(self, time_ms: int) -> list[Sale]:
        """Return the sales from a time on, the oldest first."""
        return self._read("made_ms >= ?", time_ms)

    def not_collected(self) -> list[Sale]:
        """Return the sales whose payment no purse of ours took: an operator takes it."""
        return self._read("state IN ('paid', 'ended') AND payment IS NOT NULL")

    def begin(self, amount_fen: int, request: bytes, made_ms: int) -> Sale:
        """Write a new sale down."""
        self._write(
            "INSERT INTO sales (state, amount_fen, made_ms, request) VALUES ('open', ?, ?, ?)",
            amount_fen, made_ms, request,
        )  # fmt: skip
        begun = self.unfinished()
        assert begun is not None, "it was just written"
        return begun

    def note_payer(self, sale: Sale, payer: bytes | None) -> None:
        """Write down which card is asked to pay, before it is; None: none is any more."""
        self._write("UPDATE sales SET payer = ? WHERE number = ?", payer, sale.number)

    def note_payment(self, sale: Sale, payment: bytes) -> None:
        """Write down what the card paid, before it is collected."""
        self._write(
            "UPDATE sales SET payment = ?, state = 'paid' WHERE number = ?", payment, sale.number
        )

    def note_taken(self, sale: Sale, acknowledgement: bytes) -> None:
        """Write down that the terminal's purse has the money."""
        self._write(
            "UPDATE sales SET acknowledgement = ?, state = 'taken' WHERE number = ?",
            acknowledgement, sale.number,
        )  # fmt: skip

    def end(self, sale: Sale, state: SaleState) -> None:
        """Write down that nothing more comes of a sale here."""
        self._write("UPDATE sales SET state = ? WHERE number = ?", state.value, sale.number)

    def _read(self, condition: str, *values: object) -> list[Sale]:
        query = f"SELECT {_COLUMNS} FROM sales WHERE {condition} ORDER BY number"  # noqa: S608 - ours
        with self._explained():
            rows = self._connection.execute(query, values).fetchall()
        names = _COLUMNS.split(", ")
        return [
            Sale(**dict(zip(names, row, strict=True)) | {"state": SaleState(row[1])})
            for row in rows
        ]

    def _write(self, statement: str, *values: object) -> None:
        with self._explained():
            self._connection.execute(statement, values)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise SalesUnavailable(
                detail=f"{self._path} cannot be read or written: {error}"
            ) from error
