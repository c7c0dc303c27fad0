"""Paying by PIN: stored as finally signed before it is sent; what is lost before moves nothing."""

from pathlib import Path

import pytest

from jiaozi.protocol import cose, orders
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal
from jiaozi.wallet import pay as paying
from jiaozi.wallet.errors import AlreadyPaid, AnswerMalformed, NoAnswer
from jiaozi.wallet.model import Claim, State
from jiaozi.wallet.pay import Payee, pay, pay_claimed
from jiaozi.wallet.pay_file import pay_file
from jiaozi.wallet.redeem import redeem
from jiaozi.wallet.second_factor import needs_pin, set_pin
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import Wallet, journal_path
from tests.wallet.conftest import ANNA, resumed
from tests.wallet.fake_operator import DEPOSIT, FakeOperator, Fault, key
from tests.wallet.payrolls import checked, payee, wage, write_payroll

PIN, ABOVE_FEN = "602817", 500


@pytest.fixture(autouse=True)
def above(operator: FakeOperator) -> None:
    """A registry that asks for the operator's signature above an amount."""

    def rule(order: Order) -> Outcome:
        if order.total_fen > ABOVE_FEN and key("certify").public_key not in order.keys:
            return (int(Code.SECOND_FACTOR_REQUIRED), ABOVE_FEN)
        return SETTLED

    operator.rule = rule
    operator.pin, operator.above_fen = PIN, ABOVE_FEN


async def test_what_is_refused_for_a_pin_settles_with_it(
    wallet: Wallet, operator: FakeOperator
) -> None:
    alone = await pay(wallet, [Payee(ANNA, ABOVE_FEN + 1)])
    assert needs_pin(alone)

    paid = await pay(wallet, [Payee(ANNA, ABOVE_FEN + 1)], pin=PIN, note="rent")

    assert paid.standing.state is State.SETTLED
    assert operator.paid == {ANNA: ABOVE_FEN + 1}
    assert wallet.journal.find(paid.order.order_id) == paid
    order = orders.parse(paid.order.submission)
    assert order.keys == (wallet.signer.public_key, key("certify").public_key)
    assert cose.verify(order.message, external_aad(Domain.ORDER, wallet.network))


async def test_a_redemption_that_is_refused_for_a_pin_settles_with_it(
    wallet: Wallet, operator: FakeOperator
) -> None:
    before_fen = operator.deposit_fen
    amount_fen = ABOVE_FEN + 1
    assert needs_pin(await redeem(wallet, deposit_id=DEPOSIT, amount_fen=amount_fen))
    done = await redeem(wallet, deposit_id=DEPOSIT, amount_fen=amount_fen, pin=PIN)
    assert done.standing.state is State.SETTLED
    assert operator.deposit_fen == before_fen + amount_fen


async def test_another_refusal_asks_for_no_pin(wallet: Wallet, operator: FakeOperator) -> None:
    assert not needs_pin(await pay(wallet, [Payee(ANNA, ABOVE_FEN)]))
    operator.rule = lambda _: (int(Code.INSUFFICIENT_FUNDS), 7)
    assert not needs_pin(await pay(wallet, [Payee(ANNA, ABOVE_FEN)]))


async def test_after_a_wrong_pin_nothing_is_stored_or_sent(
    wallet: Wallet, operator: FakeOperator
) -> None:
    with pytest.raises(Refusal) as refused:
        await pay(wallet, [Payee(ANNA, 600)], pin="719305")

    assert refused.value.code is Code.PIN_WRONG
    assert wallet.journal.open_count() == 0
    assert not operator.posts["/v1/orders"]


async def test_the_operator_never_has_our_signature_before_the_journal_has_it(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    counts: list[tuple[str, int]] = []

    def look(path: str) -> None:
        with Journal(journal_path(tmp_path)) as another:
            counts.append((path, another.open_count()))

    operator.on_posted = look

    await pay(wallet, [Payee(ANNA, 600)], pin=PIN)

    [(asked, before), (sent, after)] = counts
    assert (asked.rpartition("/")[2], before) == ("countersignatures", 0)
    assert (sent, after) == ("/v1/orders", 1)


async def test_a_crash_between_countersigning_and_sending_loses_and_doubles_nothing(
    wallet: Wallet, operator: FakeOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(paying, "submit", die)
    with pytest.raises(SystemExit):
        await pay(wallet, [Payee(ANNA, 600)], pin=PIN)
    assert operator.paid == {}

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.paid == {ANNA: 600}
    assert operator.countersigned.total() == 1


async def test_a_lost_countersignature_leaves_nothing_behind(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    with pytest.raises(NoAnswer):
        await pay(wallet, [Payee(ANNA, 600)], pin=PIN)
    operator.faults.clear()

    assert wallet.journal.open_count() == 0
    assert operator.paid == {}


@pytest.mark.parametrize(
    "fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.DOUBLE, Fault.BUSY, Fault.UNAVAILABLE]
)
async def test_faults_on_the_way_pay_exactly_once(
    wallet: Wallet, operator: FakeOperator, fault: Fault
) -> None:
    operator.faults.extend([fault] * 3)

    paid = await pay(wallet, [Payee(ANNA, 600)], pin=PIN)

    assert paid.standing.state in (State.SETTLED, State.OPEN)
    await resumed(wallet)
    assert operator.paid == {ANNA: 600}


async def test_a_countersignature_under_another_order_is_not_taken(
    wallet: Wallet, operator: FakeOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    aad = external_aad(Domain.ORDER, wallet.network)
    network_less = external_aad(Domain.LOGIN, wallet.network)
    certify = key("certify")

    async def answered(payload: bytes, _: object, *, pin: str) -> bytes:
        return answers[0](payload)

    monkeypatch.setattr(type(wallet.client), "countersign", staticmethod(answered))
    answers = [
        lambda payload: cose.sign(payload + b"\x00", [certify], aad),
        lambda payload: cose.sign(payload, [certify], network_less),
        lambda payload: cose.sign(payload, [wallet.signer], aad),
        lambda payload: cose.sign(payload, [certify, key("root")], aad),
        lambda _: b"\xff",
    ]
    while answers:
        with pytest.raises(AnswerMalformed):
            await pay(wallet, [Payee(ANNA, 600)], pin=PIN)
        del answers[0]
    assert wallet.journal.open_count() == 0
    assert not operator.posts["/v1/orders"]


async def test_a_pin_is_set_and_changed_with_the_present_one(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.pin = None
    await set_pin(wallet, PIN)
    with pytest.raises(Refusal):
        await set_pin(wallet, "719305")
    await set_pin(wallet, "719305", old=PIN)
    assert operator.pin == "719305"


async def test_what_was_refused_for_a_pin_may_still_be_paid_once(
    wallet: Wallet, operator: FakeOperator
) -> None:
    claim = Claim(b"s" * 32, 600, 600)
    assert needs_pin(await pay_claimed(wallet, Payee(ANNA, 600), claim))

    paid = await pay_claimed(wallet, Payee(ANNA, 600), claim, pin=PIN)

    assert paid.standing.state is State.SETTLED
    with pytest.raises(AlreadyPaid):
        await pay_claimed(wallet, Payee(ANNA, 600), claim, pin=PIN)
    assert operator.paid == {ANNA: 600}


async def test_a_payroll_asks_for_the_pin_above_the_amount_alone(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    async def run(first: int, pin: str | None) -> int:
        wages = [wage(first, amount_fen=ABOVE_FEN), wage(first + 1, amount_fen=ABOVE_FEN + 1)]
        path = write_payroll(tmp_path / "payroll.xml", wages)
        with path.open("rb") as file:
            return await pay_file(wallet, file, checked(file), pin=pin)

    assert [await run(0, pin) for pin in (None, None, PIN, PIN)] == [1, 0, 1, 0]
    assert operator.countersigned.total() == 1
    assert [await run(2, pin) for pin in (PIN, PIN)] == [2, 0]
    assert operator.countersigned.total() == 2
    assert operator.paid == {payee(each): ABOVE_FEN + each % 2 for each in range(4)}


async def test_a_payroll_with_a_wrong_pin_orders_nothing_of_its_batch(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(0, amount_fen=1), wage(1)])
    with path.open("rb") as file, pytest.raises(Refusal):
        await pay_file(wallet, file, checked(file), pin="719305")
    assert wallet.journal.open_count() == 0
    assert operator.paid == {}
