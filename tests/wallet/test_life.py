"""Orders about the wallet itself: stored before they are sent, finished after a lost answer."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from jiaozi.protocol import orders
from jiaozi.protocol.order_types import FreezeScope, OrderType
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet import life
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import NoAnswer
from jiaozi.wallet.life import MandateTerms, freeze, give_mandate, order_about_wallet
from jiaozi.wallet.mandate import (
    MandatePayment,
    OrderFileDiffers,
    order_in_file,
    send_mandate_payment,
)
from jiaozi.wallet.model import Purpose, State
from jiaozi.wallet.second_factor import PinNotGiven
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import Wallet, journal_path
from tests.wallet.conftest import ANNA, NUMBER, PATIENCE, Clock, keystore_for, resumed
from tests.wallet.fake_operator import FakeOperator, Fault, key

PIN = "602817"
PAYMENT = MandatePayment(mandate=b"m" * 16, payer=NUMBER, payee=ANNA, amount_fen=700)


async def test_a_freeze_stands_in_the_journal_before_anybody_hears_of_it(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    counts: list[int] = []

    def look(_: str) -> None:
        with Journal(journal_path(tmp_path)) as another:
            counts.append(another.open_count())

    operator.on_posted = look
    case, frozen = await freeze(wallet, FreezeScope.DEBITS)

    assert frozen.standing.state is State.SETTLED
    assert counts == [1]
    assert frozen.order.purpose is Purpose.LIFE
    assert orders.parse(frozen.order.submission).body["case"] == case


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.UNAVAILABLE])
async def test_a_freeze_without_answer_stays_open_and_is_finished_as_it_was_signed(
    wallet: Wallet, operator: FakeOperator, fault: Fault
) -> None:
    operator.faults.extend([fault] * 1000)
    _, frozen = await freeze(wallet, FreezeScope.DEBITS)
    assert frozen.standing.state is State.OPEN
    operator.faults.clear()

    assert await resumed(wallet) == [State.SETTLED]
    assert dict(operator.settled_ids) == {frozen.order.order_id: 1}


async def test_a_mandate_that_a_crash_left_stored_is_sent_as_both_signed_it(
    wallet: Wallet, operator: FakeOperator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise SystemExit

    operator.pin = PIN
    terms = MandateTerms(
        suite=-8,
        public_key=key("platform").public_key,
        payee=ANNA,
        single_limit_fen=1,
        day_limit_fen=1,
        expires_ms=clock() + 1,
    )
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(life, "submit", die)
        await give_mandate(wallet, terms, pin=PIN)

    assert await resumed(wallet) == [State.SETTLED]
    [taken] = operator.taken.values()
    assert taken.order.keys == (wallet.signer.public_key, key("certify").public_key)


async def test_what_the_operator_signs_too_is_not_sent_without_a_pin_or_with_a_wrong_one(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.pin = PIN
    with pytest.raises(PinNotGiven):
        await order_about_wallet(wallet, OrderType.RAISE_LIMITS)
    with pytest.raises(Refusal):
        await order_about_wallet(wallet, OrderType.RAISE_LIMITS, pin="719305")
    assert wallet.journal.open_count() == 0
    assert not operator.posts["/v1/orders"]


async def test_what_could_never_be_taken_is_neither_stored_nor_sent(
    wallet: Wallet, operator: FakeOperator
) -> None:
    with pytest.raises(Refusal):
        await order_about_wallet(wallet, OrderType.HOLDER_FREEZE, case=b"short", scope=1)
    assert wallet.journal.open_count() == 0
    assert not operator.posts["/v1/orders"]


async def test_a_platform_that_gets_no_answer_sends_its_file_again_and_pays_once(
    operator: FakeOperator, edge: Edge, clock: Clock, tmp_path: Path
) -> None:
    path, keystore = tmp_path / "order", keystore_for(operator)
    async with httpx.AsyncClient(timeout=None) as http:
        client = OperatorClient(Transport(http, operator.url, edge=edge, patience=PATIENCE))
        operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
        order = order_in_file(path, keystore, PAYMENT, edge)
        assert (await send_mandate_payment(client, order)).state is State.OPEN
        operator.faults.clear()

        again = order_in_file(path, keystore, PAYMENT, edge)
        assert again.encoded == order.encoded
        assert (await send_mandate_payment(client, again)).state is State.SETTLED
        assert operator.paid == {ANNA: 700}

        with pytest.raises(OrderFileDiffers):
            order_in_file(path, keystore, replace(PAYMENT, amount_fen=701), edge)
        operator.rule = lambda _: refuse(Code.OTHER_OPERATOR)
        other = order_in_file(tmp_path / "other", keystore, PAYMENT, edge)
        with pytest.raises(Refusal):
            await send_mandate_payment(client, other)
        clock.now_ms += 3_600_000
        with pytest.raises(NoAnswer):
            await send_mandate_payment(client, other)
