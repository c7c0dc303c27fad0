"""Offline payments in the operator's database: the statements of `payments.sql`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

import asyncpg

from jiaozi.operator.offline.model import ToldPayment
from jiaozi.operator.offline.payment_model import Handed, PaymentRecord, PaymentState
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.certificate import PAYMENTS_MAX
from jiaozi.protocol.refusals import Code, Outcome
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

UNSETTLED_MAX = PAYMENTS_MAX
"""Payments of one device that are kept before they settle: an honest one never says as many. But
whoever has a key out of its device signs any number, and each might wait for ever."""


@dataclass(frozen=True, slots=True)
class _Statements:
    find_payments: str
    add_payments: str
    renew_orders: str
    record_answers: str
    give_up: str
    given_up: str
    take_told: str
    due_payments: str
    double_spends: str
    waiting: str


_SQL = load_statements(_Statements, resources.files(__package__) / "payments.sql")


class DoubleSpend(NamedTuple):
    """Two settled payments of one device that exclude each other."""

    device: bytes
    first: bytes
    second: bytes
    first_fen: int
    second_fen: int


class Waiting(NamedTuple):
    """A payment that the registry refused for now."""

    identity: bytes
    device: bytes
    counter: int
    wallet: int | None
    amount_fen: int
    outcome: Outcome
    tries: int
    next_try_ms: int


async def find(connection: Connection, identities: Sequence[bytes]) -> dict[bytes, PaymentRecord]:
    """Return what is recorded of payments, by identity."""
    rows = await connection.fetch(_SQL.find_payments, identities)
    return {row["identity"]: _record(row) for row in rows}


async def add(
    connection: Connection, kept: Sequence[tuple[Handed, PaymentRecord]], *, now_ms: int
) -> None:
    """Keep payments as they were answered; of one that is kept already, only that it settled.

    Of what a device has not settled, `UNSETTLED_MAX` are kept: whoever has another one hands it in
    again.
    """
    payments = [each for each, _ in kept]
    records = [record for _, record in kept]
    await connection.execute(
        _SQL.add_payments,
        [each.identity for each in payments],
        [each.device for each in payments],
        [each.payment.counter for each in payments],
        [each.payment.position for each in payments],
        [each.payment.payee for each in payments],
        [each.payment.wallet for each in payments],
        [each.payment.amount_fen for each in payments],
        [each.encoded for each in payments],
        [each.state.value for each in records],
        [each.submission for each in records],
        [each.expires_ms for each in records],
        [_array(each.outcome) for each in records],
        [each.height for each in records],
        [each.tries for each in records],
        [each.next_try_ms for each in records],
        [each.is_returned for each in records],
        now_ms,
        UNSETTLED_MAX,
    )


async def renew(
    connection: Connection,
    ordered: Sequence[tuple[PaymentRecord, bytes]],
    *,
    expires_ms: int,
    next_try_ms: int,
) -> None:
    """Keep a new order for each payment whose last one came to nothing."""
    await connection.execute(
        _SQL.renew_orders,
        [each.identity for each, _ in ordered],
        [each.expires_ms for each, _ in ordered],
        [submission for _, submission in ordered],
        expires_ms,
        next_try_ms,
    )


async def record(connection: Connection, answered: Sequence[PaymentRecord]) -> None:
    """Record what the registry answered; a payment that has moved on meanwhile stays so."""
    if not answered:
        return
    await connection.execute(
        _SQL.record_answers,
        [each.identity for each in answered],
        [each.expires_ms for each in answered],
        [each.state.value for each in answered],
        [each.height for each in answered],
        [_array(each.outcome) for each in answered],
        [each.next_try_ms for each in answered],
        [each.is_returned for each in answered],
    )


async def give_up(connection: Connection, answered: Sequence[PaymentRecord], now_ms: int) -> None:
    """Forget payments; whoever has one may hand it in again."""
    if not answered:
        return
    await connection.execute(
        _SQL.give_up,
        [each.identity for each in answered],
        [each.expires_ms for each in answered],
        [_array(each.outcome) for each in answered],
        now_ms - now_ms % DAY_MS,
    )


async def given_up(connection: Connection) -> dict[Code, int]:
    """Return how many payments were given up, by what they were refused with."""
    rows = await connection.fetch(_SQL.given_up)
    return {Code(row["code"]): row["payments"] for row in rows}


async def take_told(connection: Connection, told: Iterable[ToldPayment]) -> None:
    """Record what the feed tells; the same told again changes nothing."""
    columns = [list(column) for column in zip(*told, strict=True)]
    if columns:
        await connection.execute(_SQL.take_told, *columns)


async def due(connection: Connection, *, now_ms: int, next_try_ms: int, limit: int) -> list[bytes]:
    """Take payments to go on with."""
    rows = await connection.fetch(_SQL.due_payments, now_ms, next_try_ms, limit)
    return [row["identity"] for row in rows]


async def double_spends(connection: Connection) -> list[DoubleSpend]:
    """Return every pair of payments that convicts a device of ours."""
    return [DoubleSpend(*row.values()) for row in await connection.fetch(_SQL.double_spends)]


async def waiting(connection: Connection, *, limit: int) -> list[Waiting]:
    """Return payments that the registry has refused for now, the oldest first."""
    rows = await connection.fetch(_SQL.waiting, limit)
    return [Waiting(**{**row, "outcome": tuple(row["outcome"])}) for row in rows]


def _array(outcome: Outcome | None) -> str | None:
    """Write an array as text: one statement takes many of different lengths."""
    return None if outcome is None else "{" + ",".join(map(str, outcome)) + "}"


def _record(row: asyncpg.Record) -> PaymentRecord:
    outcome = row["outcome"]
    return PaymentRecord(
        identity=row["identity"],
        wallet=row["wallet"],
        amount_fen=row["amount_fen"],
        payment=row["payment"],
        state=PaymentState(row["state"]),
        submission=row["submission"],
        expires_ms=row["expires_ms"],
        outcome=None if outcome is None else tuple(outcome),
        tries=row["tries"],
        next_try_ms=row["next_try_ms"],
        height=row["height"],
        is_returned=row["returned"],
    )
