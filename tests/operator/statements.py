"""Statements for tests: lines of a history, and a statement read back from its CSV form."""

import csv
import io
from collections.abc import Iterator, Sequence
from hashlib import sha256

from jiaozi.operator.history.model import Line
from jiaozi.operator.statements.forms import Form
from jiaozi.operator.statements.model import Head, StatementEntry, Totals
from jiaozi.protocol.numbers import account_number
from jiaozi.protocol.order_types import OrderType

WALLET = account_number(1001, 10**6)
SHOP = account_number(1002, 2 * 10**6)
DAY_MS = 86_400_000
START_MS = 1_793_462_400_000
"""1 November 2026, midnight in UTC+8."""


def line(serial: int, **changes: object) -> Line:
    """One settled leg, in a block of its own; every third one comes in."""
    incoming = serial % 3 != 1
    made = Line(
        wallet=WALLET,
        height=serial + 1,
        position=serial % 7,
        leg=0,
        incoming=incoming,
        counterparty=SHOP,
        amount_fen=100_000 + serial if incoming else 1_234 + serial,
        order_type=int(OrderType.PAYMENT),
        order_id=(serial + 1).to_bytes(16, "big"),
        identity=sha256(b"order %d" % serial).digest(),
        reference=None,
        link=None,
        outcome=None,
        time_ms=START_MS + serial * 1_000,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def lines(count: int) -> Iterator[Line]:
    """So many legs."""
    return map(line, range(count))


def head(of: Sequence[Line], *, opening_fen: int = 0, holder: str | None = None) -> Head:
    """The head of a statement of some lines."""
    incoming = sum(each.amount_fen for each in of if each.incoming)
    outgoing = sum(each.amount_fen for each in of if not each.incoming)
    return Head(
        operator=1001,
        wallet=WALLET,
        from_ms=START_MS,
        until_ms=START_MS + 30 * DAY_MS,
        first_height=1,
        height=10**6,
        totals=Totals(opening_fen, incoming, outgoing, len(of)),
        issued_ms=START_MS + 31 * DAY_MS,
        holder=holder,
    )


def entries(of: Sequence[Line], opening_fen: int = 0) -> Iterator[StatementEntry]:
    """Lines with the balance after each."""
    balance_fen = opening_fen
    for each in of:
        balance_fen += each.amount_fen if each.incoming else -each.amount_fen
        yield StatementEntry(each, balance_fen)


def written(form: Form, of: Sequence[Line], code: str = "CODE", opening_fen: int = 0) -> bytes:
    """A whole statement of some lines."""
    return form.begin() + form.add(list(entries(of, opening_fen))) + form.end(code)


def read_csv(data: bytes) -> list[dict[str, str]]:
    """The records of a CSV statement."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))
