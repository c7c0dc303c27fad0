"""An order is dead only by a signed time past its expiry (rules.md §C.3), and never by silence."""

import pytest

from jiaozi.protocol.ids import DAY_MS, LIFETIME_MAX_MS
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.inquire import inquire
from jiaozi.wallet.model import JournaledOrder, State
from jiaozi.wallet.pay import LIFETIME_MS, Payee, pay
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import ANNA, Clock, resumed
from tests.wallet.fake_operator import FakeOperator, Fault, key

FORGOTTEN_MS = LIFETIME_MAX_MS + DAY_MS
"""By then the registry has surely dropped an id."""


async def _unanswered(wallet: Wallet, operator: FakeOperator, fault: Fault) -> JournaledOrder:
    operator.faults.extend([fault] * 1000)
    paid = await pay(wallet, [Payee(ANNA, 100)])
    operator.faults.clear()
    assert paid.standing.state is State.OPEN
    return paid


async def test_an_absent_order_is_dead_once_a_signed_header_is_past_its_expiry(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += LIFETIME_MS + 1

    assert await resumed(wallet) == [State.DEAD]
    assert wallet.journal.open_count() == 0
    assert not operator.paid


async def test_an_absent_order_is_open_until_its_expiry(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    paid = await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += LIFETIME_MS

    assert (await inquire(wallet, paid.order)).state is State.OPEN


async def test_an_expired_order_that_had_settled_is_settled(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    await _unanswered(wallet, operator, Fault.LOSE_ANSWER)
    clock.now_ms += LIFETIME_MS + 1

    assert await resumed(wallet) == [State.SETTLED]


async def test_a_header_that_the_registry_did_not_sign_proves_no_death(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += LIFETIME_MS + 1
    operator.block = key("somebody else")

    with pytest.raises(AnswerMalformed):
        await resumed(wallet)
    assert wallet.journal.open_count() == 1


async def test_an_id_that_may_be_forgotten_is_looked_for_in_the_history(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    """The registry says absent, for it forgets; taken for dead, the order would be paid again."""
    paid = await _unanswered(wallet, operator, Fault.LOSE_ANSWER)
    clock.now_ms += FORGOTTEN_MS
    operator.forgotten.add(paid.order.order_id)

    assert await resumed(wallet) == [State.SETTLED]


async def test_a_forgotten_id_is_dead_when_the_history_is_read_past_its_expiry(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += FORGOTTEN_MS
    await pay(wallet, [Payee(ANNA, 1)])

    assert await resumed(wallet) == [State.DEAD]


async def test_a_history_that_may_lag_behind_leaves_a_forgotten_id_open(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += FORGOTTEN_MS

    assert await resumed(wallet) == [State.OPEN]


async def test_an_outcome_of_another_order_under_the_id_is_not_this_ones(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    paid = await _unanswered(wallet, operator, Fault.LOSE_ANSWER)
    taken = operator.taken[paid.order.order_id]
    taken.order = taken.order._replace(identity=bytes(32))

    assert await resumed(wallet) == [State.REFUSED]


async def test_a_foreign_payment_of_the_same_id_shows_nothing_of_this_order(
    wallet: Wallet, operator: FakeOperator, clock: Clock
) -> None:
    """An id is unique for the account debited alone: another's payment may bear it as well."""
    paid = await _unanswered(wallet, operator, Fault.LOSE_REQUEST)
    clock.now_ms += FORGOTTEN_MS
    later = await pay(wallet, [Payee(ANNA, 1)])
    foreign = operator.taken[later.order.order_id]
    foreign.order = foreign.order._replace(id=paid.order.order_id)

    assert await resumed(wallet) == [State.DEAD]
