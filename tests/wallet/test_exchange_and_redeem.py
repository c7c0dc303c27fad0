"""Between deposit and wallet: exactly once through lost answers (rules.md §C.4)."""

from typing import Any

import pytest

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.exchange import exchange
from jiaozi.wallet.model import State
from jiaozi.wallet.pay import LIFETIME_MS
from jiaozi.wallet.redeem import redeem
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import Clock, resumed
from tests.wallet.fake_operator import DEPOSIT, FakeOperator, Fault

FAULTS = [
    Fault.LOSE_REQUEST,
    Fault.LOSE_ANSWER,
    Fault.DOUBLE,
    Fault.BUSY,
    Fault.UNAVAILABLE,
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_exchange_happens_once_whatever_befalls_its_requests(
    wallet: Wallet, operator: FakeOperator, fault: Fault
) -> None:
    operator.faults.extend([fault] * 2)

    done = await exchange(wallet, deposit_id=DEPOSIT, amount_fen=400)

    assert done.standing.state is State.SETTLED
    assert operator.deposit_fen == 1_000_000 - 400
    assert wallet.journal.open_count() == 0


async def test_an_exchange_without_an_answer_is_asked_again_under_its_id(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    started = await exchange(wallet, deposit_id=DEPOSIT, amount_fen=400)
    operator.faults.clear()

    assert started.standing.state is State.OPEN
    assert await resumed(wallet) == [State.SETTLED]
    assert list(operator.exchanges) == [started.exchange_id.hex()]
    assert operator.deposit_fen == 1_000_000 - 400


@pytest.mark.parametrize(
    ("deposit_id", "amount_fen", "code"),
    [
        (DEPOSIT, 1_000_001, Code.DEPOSIT_INSUFFICIENT),
        ("somebody-elses", 1, Code.DEPOSIT_UNKNOWN),
    ],
)
@pytest.mark.parametrize("faults", [[], [Fault.LOSE_REQUEST]])
async def test_a_refused_exchange_is_told_and_done_with(
    wallet: Wallet,
    operator: FakeOperator,
    deposit_id: str,
    amount_fen: int,
    code: Code,
    faults: list[Fault],
) -> None:
    operator.faults.extend(faults)

    done = await exchange(wallet, deposit_id=deposit_id, amount_fen=amount_fen)

    assert done.standing.state is State.REFUSED
    assert done.standing.refusal is not None
    assert done.standing.refusal.code is code
    assert wallet.journal.open_count() == 0


@pytest.mark.parametrize("outcome", [[], 0, "", [0], [202, 1], [199], [[]]])
async def test_a_refusal_of_another_shape_ends_no_exchange(
    wallet: Wallet, operator: FakeOperator, outcome: object
) -> None:
    operator._exchange = lambda _: {"state": "refused", "outcome": outcome}  # type: ignore[method-assign]

    with pytest.raises(AnswerMalformed):
        await exchange(wallet, deposit_id=DEPOSIT, amount_fen=400)

    assert wallet.journal.open_count() == 1


async def test_an_exchange_that_the_operator_gave_up_is_dead(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator._exchange = lambda _: {"state": "refused", "outcome": None}  # type: ignore[method-assign]

    done = await exchange(wallet, deposit_id=DEPOSIT, amount_fen=400)

    assert done.standing.state is State.DEAD


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_redemption_credits_the_deposit_once(
    wallet: Wallet, operator: FakeOperator, fault: Fault
) -> None:
    operator.faults.extend([fault] * 2)

    done = await redeem(wallet, deposit_id=DEPOSIT, amount_fen=300)

    assert done.standing.state is State.SETTLED
    assert operator.deposit_fen == 1_000_000 + 300


async def test_a_redemption_without_an_answer_is_handed_in_again_at_its_own_route(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.faults.extend([Fault.LOSE_REQUEST] * 1000)
    await redeem(wallet, deposit_id=DEPOSIT, amount_fen=300)
    operator.faults.clear()
    assert operator.deposit_fen == 1_000_000

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.deposit_fen == 1_000_000 + 300
    assert "/v1/orders" not in operator.posts


async def test_a_redemption_is_dead_by_a_signed_header_alone(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    operator.faults.extend([Fault.LOSE_REQUEST] * 1000)
    started = await redeem(wallet, deposit_id=DEPOSIT, amount_fen=300)
    operator.faults.clear()
    operator._redeem = lambda _: {"state": "refused", "outcome": None}  # type: ignore[method-assign]

    assert await resumed(wallet) == [State.OPEN]
    clock.now_ms += LIFETIME_MS + 1
    assert await resumed(wallet) == [State.DEAD]
    assert operator.taken.get(OrderId(started.order.order_id)) is None


async def test_a_redemption_refused_without_effect_is_open_until_it_is_proven_dead(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    operator.rule = lambda _: refuse(Code.ID_TIME_AHEAD, 1)

    done = await redeem(wallet, deposit_id=DEPOSIT, amount_fen=300)

    assert done.standing.state is State.OPEN
    assert done.standing.refusal is not None
    assert done.standing.refusal.code is Code.ID_TIME_AHEAD
    clock.now_ms += LIFETIME_MS + 1
    assert await resumed(wallet) == [State.DEAD]


async def test_an_exchange_refused_for_now_is_asked_again(
    wallet: Wallet, operator: FakeOperator
) -> None:
    real, refusals = operator._exchange, [refuse(Code.NOT_ALLOWED)]

    def exchange_later(body: dict[str, Any]) -> dict[str, Any]:
        if refusals:
            raise refusals.pop()
        return real(body)

    operator._exchange = exchange_later  # type: ignore[method-assign]
    started = await exchange(wallet, deposit_id=DEPOSIT, amount_fen=400)

    assert started.standing.state is State.OPEN
    assert await resumed(wallet) == [State.SETTLED]
    assert operator.deposit_fen == 1_000_000 - 400


async def test_a_refused_redemption_says_why(wallet: Wallet, operator: FakeOperator) -> None:
    operator.rule = lambda _: (int(Code.INSUFFICIENT_FUNDS), 7)

    done = await redeem(wallet, deposit_id=DEPOSIT, amount_fen=300)

    assert done.standing.refusal is not None
    assert done.standing.refusal.code is Code.INSUFFICIENT_FUNDS
    assert operator.deposit_fen == 1_000_000
