"""Paying: stored before it is sent, sent the same again, never signed twice (rules.md §C)."""

from pathlib import Path

import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.refusals import SETTLED, Code, Refusal, refuse
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.model import State
from jiaozi.wallet.notes import reference_of
from jiaozi.wallet.pay import LIFETIME_MS, Payee, pay
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import Wallet, journal_path
from tests.wallet.conftest import ANNA, BEN, NUMBER, Clock, resumed
from tests.wallet.fake_operator import OPERATOR, FakeOperator, Fault


async def test_a_payment_settles_with_its_place_in_the_blocks(
    wallet: Wallet, operator: FakeOperator
) -> None:
    paid = await pay(wallet, [Payee(ANNA, 1250)])

    assert paid.standing.state is State.SETTLED
    assert (paid.standing.height, paid.standing.position) == (1, 0)
    assert operator.paid == {ANNA: 1250}
    assert wallet.journal.find(paid.order.order_id) == paid


async def test_several_payees_are_paid_by_one_order(wallet: Wallet, operator: FakeOperator) -> None:
    await pay(wallet, [Payee(ANNA, 100), Payee(BEN, 200)])

    assert operator.paid == {ANNA: 100, BEN: 200}
    assert len(operator.taken) == 1


async def test_a_refusal_in_a_block_is_the_outcome(wallet: Wallet, operator: FakeOperator) -> None:
    operator.rule = lambda _: (int(Code.INSUFFICIENT_FUNDS), 7)

    paid = await pay(wallet, [Payee(ANNA, 100)])

    refusal = paid.standing.refusal
    assert paid.standing.state is State.REFUSED
    assert refusal is not None
    assert (refusal.code, refusal.fields) == (Code.INSUFFICIENT_FUNDS, {"available_fen": 7})
    assert wallet.journal.open_count() == 0


async def test_a_note_stays_here_and_its_salted_hash_travels(
    wallet: Wallet, operator: FakeOperator
) -> None:
    paid = await pay(wallet, [Payee(ANNA, 100)], note="for the noodles 面")

    assert paid.order.note is not None
    assert paid.order.note.text == "for the noodles 面"
    assert operator.taken[paid.order.order_id].order.reference == reference_of(paid.order.note)
    assert b"noodles" not in paid.order.submission


@pytest.mark.parametrize(
    ("payees", "code"),
    [
        ([Payee(NUMBER, 1)], Code.TO_SELF),
        ([Payee(ANNA, 0)], Code.AMOUNT_OUT_OF_RANGE),
        ([Payee(ANNA, 2**63)], Code.AMOUNT_OUT_OF_RANGE),
        ([Payee(numbers.vault_of(OPERATOR), 1)], Code.LEGS_NOT_ALLOWED),
        ([Payee(ANNA, 1)] * 17, Code.MALFORMED),
        ([], Code.MALFORMED),
    ],
)
async def test_what_can_never_be_taken_is_neither_stored_nor_sent(
    wallet: Wallet, operator: FakeOperator, payees: list[Payee], code: Code
) -> None:
    with pytest.raises(Refusal) as refused:
        await pay(wallet, payees)

    assert refused.value.code is code
    assert wallet.journal.open_count() == 0
    assert not operator.posts


@pytest.mark.parametrize(
    "fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.DOUBLE, Fault.BUSY, Fault.UNAVAILABLE]
)
@pytest.mark.parametrize("times", [1, 3])
async def test_lost_doubled_and_refused_answers_pay_exactly_once(
    wallet: Wallet, operator: FakeOperator, fault: Fault, times: int
) -> None:
    operator.faults.extend([fault] * times)

    paid = await pay(wallet, [Payee(ANNA, 100)])

    assert paid.standing.state is State.SETTLED
    assert operator.paid == {ANNA: 100}
    assert set(operator.settled_ids.values()) == {1}


async def test_an_order_is_stored_before_it_is_sent(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    stored_when_sent: list[int] = []

    def look(_: str) -> None:
        with Journal(journal_path(tmp_path)) as another:
            stored_when_sent.append(another.open_count())

    operator.on_posted = look

    await pay(wallet, [Payee(ANNA, 100)])

    assert stored_when_sent == [1]


async def test_without_any_answer_the_order_stays_open_and_resume_finishes_it(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)

    paid = await pay(wallet, [Payee(ANNA, 100)])
    operator.faults.clear()

    assert paid.standing.state is State.OPEN
    assert wallet.journal.open_count() == 1
    assert await resumed(wallet) == [State.SETTLED]
    assert operator.paid == {ANNA: 100}
    assert await resumed(wallet) == []


async def test_resume_sends_the_same_bytes(wallet: Wallet, operator: FakeOperator) -> None:
    operator.faults.extend([Fault.LOSE_REQUEST] * 1000)
    paid = await pay(wallet, [Payee(ANNA, 100)])
    operator.faults.clear()

    await resumed(wallet)

    [taken] = operator.taken.values()
    assert taken.order.encoded == paid.order.submission


async def test_an_unreadable_answer_leaves_the_order_open(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.faults.append(Fault.GARBLE)

    with pytest.raises(AnswerMalformed):
        await pay(wallet, [Payee(ANNA, 100)])

    assert wallet.journal.open_count() == 1
    assert await resumed(wallet) == [State.SETTLED]


@pytest.mark.parametrize(
    "answer",
    [
        [1, [False], 1, 0], [1, [0, 0], 1, 0], [1, [int(Code.LIMIT_SINGLE)], 1, 0],
        [1, [int(Code.BUSY), 30], 1, 0], [1, [[]], 1, 0], [0, int(Code.LIMIT_SINGLE), []],
        [0, int(Code.LIMIT_SINGLE), [None]], [0, [], []],
    ],
)  # fmt: skip
async def test_an_answer_of_another_shape_proves_nothing(
    wallet: Wallet, operator: FakeOperator, answer: object
) -> None:
    real, first = operator.take_orders, [[answer]]
    operator.take_orders = lambda body: (  # type: ignore[method-assign]
        first.pop() if first else real(body)
    )

    with pytest.raises(AnswerMalformed):
        await pay(wallet, [Payee(ANNA, 100)])

    assert wallet.journal.open_count() == 1
    assert await resumed(wallet) == [State.SETTLED]


async def test_a_settled_order_that_is_refused_when_sent_again_is_asked_for(
    wallet: Wallet, operator: FakeOperator
) -> None:
    """The first copy settled and its answer was lost; by now its signer would be refused."""
    operator.faults.append(Fault.LOSE_ANSWER)
    real = operator.take_orders
    operator.take_orders = lambda body: (  # type: ignore[method-assign]
        [[0, int(Code.SIGNER_FOREIGN), []]] if operator.taken else real(body)
    )

    paid = await pay(wallet, [Payee(ANNA, 100)])

    assert paid.standing.state is State.SETTLED
    assert operator.paid == {ANNA: 100}


async def test_an_order_that_may_not_even_be_asked_for_is_open_not_refused(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    """It settled; then the clock here went wrong, so that every signed question is refused."""
    operator.faults.append(Fault.LOSE_ANSWER)
    real = operator.take_orders

    def take_once(body: bytes) -> list[object]:
        if not operator.taken:
            return real(body)
        operator.clock = lambda: clock.now_ms + 3_600_000
        return [[0, int(Code.EXPIRED), [operator.clock()]]]

    operator.take_orders = take_once  # type: ignore[method-assign]

    paid = await pay(wallet, [Payee(ANNA, 100)])

    assert paid.standing.state is State.OPEN
    assert paid.standing.refusal is not None
    assert paid.standing.refusal.code is Code.REQUEST_SIGNATURE_INVALID
    assert operator.paid == {ANNA: 100}
    assert wallet.journal.open_count() == 1


@pytest.mark.parametrize(
    "refusal", [refuse(Code.SIGNER_FOREIGN), refuse(Code.ID_TIME_AHEAD, 1), refuse(Code.EXPIRED, 1)]
)
async def test_an_order_refused_without_effect_is_open_until_it_is_proven_dead(
    wallet: Wallet, operator: FakeOperator, clock: Clock, refusal: Refusal
) -> None:
    operator.rule = lambda _: refusal

    paid = await pay(wallet, [Payee(ANNA, 100)])

    assert paid.standing.state is State.OPEN
    assert paid.standing.refusal is not None
    assert paid.standing.refusal.code is refusal.code
    clock.now_ms += LIFETIME_MS
    assert await resumed(wallet) == [State.OPEN]
    clock.now_ms += 1
    assert await resumed(wallet) == [State.DEAD]
    assert not operator.taken


async def test_a_delayed_copy_of_a_refused_order_settles_it(
    wallet: Wallet, operator: FakeOperator
) -> None:
    """Something on the way kept a copy and handed it in once the registry took such orders."""
    operator.rule = lambda _: refuse(Code.ACCOUNT_UNKNOWN)
    paid = await pay(wallet, [Payee(ANNA, 100)])
    operator.rule = lambda _: SETTLED
    operator.take_orders(paid.order.submission)

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.paid == {ANNA: 100}


@pytest.mark.parametrize("answer", [[1, [199], 1, 0], [0, 99, []], [0, int(Code.BUSY), [30]]])
async def test_a_busy_queue_or_an_unknown_code_is_asked_again(
    wallet: Wallet, operator: FakeOperator, answer: list[object]
) -> None:
    """A code of a later catalogue is not guessed at."""
    real, first = operator.take_orders, [[answer]]
    operator.take_orders = lambda body: (  # type: ignore[method-assign]
        first.pop() if first else real(body)
    )

    assert (await pay(wallet, [Payee(ANNA, 100)])).standing.state is State.SETTLED
    assert operator.posts["/v1/orders"] == 2


async def test_resume_learns_refusals_too(wallet: Wallet, operator: FakeOperator) -> None:
    operator.rule = lambda _: (int(Code.LIMIT_SINGLE), 50)
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    await pay(wallet, [Payee(ANNA, 100)])
    operator.faults.clear()

    assert await resumed(wallet) == [State.REFUSED]
    assert not operator.paid
