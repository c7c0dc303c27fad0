"""What a desk keeps of payments, when it is told of one in several ways at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from itertools import product

import pytest

from jiaozi.operator.offline import payment_store as store
from jiaozi.operator.offline.model import ToldPayment
from jiaozi.operator.offline.payment_model import Handed, PaymentRecord, PaymentState, first_record
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate

NOW_MS = 1_790_000_000_000
EXPIRES_MS = NOW_MS + 3_600_000
HEIGHT = 7
PAYMENTS = 300
ROUNDS = 5


def handed(number: int, counter: int = 1) -> Handed:
    """A payment of a device; what it says beside counter and amount matters to nobody here."""
    payment = Payment(
        payee=bytes(32), wallet=None, amount_fen=1, counter=counter, position=1, hop=1,
        previous=bytes(32), balance_after=bytes(32), challenge=bytes(16), list_number=0,
    )  # fmt: skip
    identity = number.to_bytes(32, "big")
    return Handed(payment=payment, device=bytes(32), identity=identity, encoded=b"payment")


def sent(each: Handed) -> PaymentRecord:
    """As long as its order has no answer."""
    return first_record(each, b"order", NOW_MS, EXPIRES_MS)


def waiting(each: Handed) -> PaymentRecord:
    """After the registry refused it for now."""
    outcome = (int(Code.GUARANTEE_INSUFFICIENT), 1)
    return sent(each)._replace(
        state=PaymentState.WAITING, submission=None, outcome=outcome, tries=1
    )


def settled(each: Handed) -> PaymentRecord:
    """After the registry took it."""
    return sent(each)._replace(state=PaymentState.SETTLED, submission=None, height=HEIGHT, tries=1)


@pytest.fixture
async def kept(database: Database) -> Database:
    """An operator's database."""
    await migrate(database, resources.files("jiaozi.operator") / "migrations")
    return database


async def test_g1_a_payment_that_settled_is_settled_whatever_else_was_answered(
    kept: Database,
) -> None:
    answers = (sent, waiting, settled)
    async with kept.connection() as connection:
        for number, (first, second) in enumerate(product(answers, answers)):
            payment = handed(number)
            for record in (first(payment), second(payment)):
                await store.add(connection, [(payment, record)], now_ms=NOW_MS)
            found = await store.find(connection, [payment.identity])
            stands = settled if settled in (first, second) else first
            assert found[payment.identity]._replace(tries=0) == stands(payment)._replace(tries=0)


async def test_a_device_fills_no_desk_with_what_does_not_settle(
    kept: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "UNSETTLED_MAX", 3)
    payments = [handed(number) for number in range(6)]
    of_another = replace(handed(6), device=bytes([1]) * 32)
    records = [waiting, sent, settled, waiting, waiting, settled]
    async with kept.connection() as connection:
        for each, record in zip(payments, records, strict=True):
            await store.add(connection, [(each, record(each))], now_ms=NOW_MS)
        both = [(each, waiting(each)) for each in (payments[4], of_another)]
        await store.add(connection, both, now_ms=NOW_MS)
        found = await store.find(connection, [each.identity for each in (*payments, of_another)])
        assert found.keys() == {
            each.identity for each in (*payments[:4], payments[5], of_another)
        }, "what settled is kept, and what others wait for"
        await store.record(connection, [settled(payments[1])])
        await store.add(connection, [(payments[4], waiting(payments[4]))], now_ms=NOW_MS)
        assert payments[4].identity in await store.find(connection, [payments[4].identity])


async def test_answers_and_feed_tell_of_the_same_payments_at_once(kept: Database) -> None:
    for place in range(ROUNDS):
        payments = [handed(place * PAYMENTS + number) for number in range(PAYMENTS)]
        async with kept.connection() as connection:
            new = [(each, sent(each)) for each in payments]
            await store.add(connection, new, now_ms=NOW_MS)
        backwards = [settled(each) for each in reversed(payments)]
        await asyncio.gather(_answer(kept, backwards), _tell(kept, payments))
        async with kept.connection() as connection:
            records = await store.find(connection, [each.identity for each in payments])
        assert {each.state for each in records.values()} == {PaymentState.SETTLED}


async def _answer(kept: Database, answered: Sequence[PaymentRecord]) -> None:
    async with kept.transaction() as connection:
        await store.record(connection, answered)


async def _tell(kept: Database, payments: Sequence[Handed]) -> None:
    told = [
        ToldPayment(
            each.identity, each.device, each.payment.counter, each.payment.position,
            each.payment.payee, None, each.payment.amount_fen, each.encoded, HEIGHT, NOW_MS, False,
        )
        for each in payments
    ]  # fmt: skip
    async with kept.transaction() as connection:
        await store.take_told(connection, told)
