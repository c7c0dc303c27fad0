"""A registry that breaks the rules of a wallet's life, with hashes and signatures in order.

Each test tells a true beginning at the end of the story and then one order too many: the audit
finds that order, at its height and place, by rules of its own.
"""

from dataclasses import replace

import pytest

from jiaozi.central_bank.audit.model import Rule
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import OrderType
from tests.audit.story import LAST
from tests.audit.telling import CASE, PLATFORM, Teller
from tests.registry.builders import new_wallet
from tests.registry.network import UNLIMITED, certified, key, person

THIEF = key("thief")
WAIT_MS = UNLIMITED.delays.rebind_s * 1000


async def test_a_rebind_is_completed_after_the_wait_and_not_before(teller: Teller) -> None:
    teller.block(teller.request_rebind())
    teller.block(after_ms=WAIT_MS - 1)
    teller.fresh()
    early = teller.block(teller.by_operator(OrderType.REBIND_COMPLETE), after_ms=0)
    assert "too early" in await teller.finds(Rule.EFFECT, early)


async def test_a_rebind_after_the_wait_is_in_order(teller: Teller) -> None:
    teller.block(teller.request_rebind())
    teller.block(after_ms=WAIT_MS)
    teller.fresh()
    teller.block(teller.by_operator(OrderType.REBIND_COMPLETE), after_ms=0)
    await teller.is_ok()


async def test_an_objection_is_not_passed_over(teller: Teller) -> None:
    teller.block(teller.request_rebind(), teller.by_holder(OrderType.REBIND_OBJECT))
    teller.block(after_ms=WAIT_MS)
    teller.fresh()
    over = teller.block(teller.by_operator(OrderType.REBIND_COMPLETE), after_ms=0)
    assert "objection" in await teller.finds(Rule.EFFECT, over)


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_two_officers_overrule_an_objection(teller: Teller, count: int) -> None:
    officers = teller.story.keys.operator_officers(1001)
    for number, each in enumerate(officers, 1):
        who = certified(Use.OPERATOR_OFFICER, each, 1001, person=person(20 + number))
        teller.block(teller.orders.certify(who))
    teller.block(teller.request_rebind(), teller.by_holder(OrderType.REBIND_OBJECT))
    teller.block(after_ms=WAIT_MS)
    teller.fresh()
    overrule = teller.orders.by_operator(
        OrderType.REBIND_OVERRULE, teller.story.payer, *officers[:count]
    )
    place = teller.block(overrule, after_ms=0)
    if count == 2:
        await teller.is_ok()
    else:
        assert f"{count} of 2" in await teller.finds(Rule.SIGNERS, place)


async def test_nothing_opens_under_a_closed_parent(teller: Teller) -> None:
    parent = new_wallet(1001, 50)
    child = replace(new_wallet(1001, 51), group=parent.group)
    teller.block(teller.orders.open_account(parent))
    teller.block(teller.orders.by_holder(OrderType.CLOSE, parent))
    at = teller.block(teller.orders.open_account(child, parent=parent.number))
    assert "a parent that is closed" in await teller.finds(Rule.EFFECT, at)


async def test_a_freeze_is_lifted_by_no_lower_authority(teller: Teller) -> None:
    freeze = teller.by_officers(OrderType.AUTHORITY_FREEZE, case=CASE, scope=1)
    at = teller.block(freeze, teller.by_operator(OrderType.OPERATOR_UNFREEZE, case=CASE))
    assert "higher authority" in await teller.finds(Rule.EFFECT, at)


async def test_a_holder_lifts_no_freeze_of_its_operator(teller: Teller) -> None:
    freeze = teller.by_operator(OrderType.OPERATOR_FREEZE, case=CASE, scope=1)
    lift = teller.by_holder(OrderType.HOLDER_UNFREEZE, both=True, case=CASE)
    at = teller.block(freeze, lift)
    assert "not the holder's" in await teller.finds(Rule.EFFECT, at)


async def test_nothing_is_paid_in_a_halt(teller: Teller) -> None:
    until_ms = teller.forger.header(LAST).time_ms + 60_000
    teller.block(teller.orders.by_officers(OrderType.HALT, scope=1, until_ms=until_ms))
    at = teller.block(teller.payment(1))
    assert "halt" in await teller.finds(Rule.EFFECT, at)


async def test_a_halt_is_over_in_time(teller: Teller) -> None:
    until_ms = teller.forger.header(LAST).time_ms + 60_000
    teller.block(teller.orders.by_officers(OrderType.HALT, scope=1, until_ms=until_ms))
    teller.block(teller.payment(1), after_ms=60_000)
    await teller.is_ok()


@pytest.mark.parametrize("amounts", [(51,), (50, 31)])
async def test_a_mandate_is_not_overspent(teller: Teller, amounts: tuple[int, ...]) -> None:
    payer, payee = teller.story.payer, teller.story.payee
    payments = [teller.orders.pay_by_mandate(payer, payee, it, CASE, PLATFORM) for it in amounts]
    at = teller.block(teller.mandate(), *payments)
    assert "beyond" in await teller.finds(Rule.EFFECT, at)


async def test_a_mandate_is_used_by_its_own_key(teller: Teller) -> None:
    payer, payee = teller.story.payer, teller.story.payee
    stolen = teller.orders.pay_by_mandate(payer, payee, 1, CASE, THIEF)
    await teller.finds(Rule.SIGNERS, teller.block(teller.mandate(), stolen))


async def test_a_mandate_ends(teller: Teller) -> None:
    payer, payee = teller.story.payer, teller.story.payee
    teller.block(teller.mandate())
    teller.block(after_ms=DAY_MS)
    teller.fresh()
    late = teller.orders.pay_by_mandate(payer, payee, 1, CASE, PLATFORM)
    assert "beyond" in await teller.finds(Rule.EFFECT, teller.block(late))


async def test_lowering_raises_nothing(teller: Teller) -> None:
    lower = OrderType.LOWER_LIMITS
    down, up = (teller.by_holder(lower, single_limit_fen=each) for each in (10, 11))
    assert "raised" in await teller.finds(Rule.EFFECT, teller.block(down, up))


async def test_a_raise_takes_the_operator(teller: Teller) -> None:
    alone = teller.by_holder(OrderType.RAISE_LIMITS, single_limit_fen=10)
    assert "operator" in await teller.finds(Rule.SIGNERS, teller.block(alone))


async def test_a_lift_takes_effect_by_itself_and_not_before(teller: Teller) -> None:
    freeze = teller.by_holder(OrderType.HOLDER_FREEZE, case=CASE, scope=1)
    lift = teller.by_holder(OrderType.HOLDER_UNFREEZE, both=True, case=CASE)
    teller.block(freeze, lift)
    teller.block(after_ms=UNLIMITED.delays.unfreeze_s * 1000 - 1)
    teller.fresh()
    early = teller.block(teller.payment(1), after_ms=0)
    teller.block(teller.payment(1), after_ms=1)
    assert "frozen" in await teller.finds(Rule.EFFECT, early)


async def test_a_carrier_is_named_by_an_order(teller: Teller) -> None:
    freeze = OrderType.OPERATOR_FREEZE
    by_other = teller.orders.by_operator(
        freeze, teller.story.payer, operator=1002, case=CASE, scope=1
    )
    await teller.finds(Rule.SIGNERS, teller.block(by_other))


async def test_a_wallet_with_money_is_not_closed(teller: Teller) -> None:
    at = teller.block(teller.by_holder(OrderType.CLOSE))
    assert "with money" in await teller.finds(Rule.EFFECT, at)


@pytest.mark.parametrize(
    "order_type",
    [
        OrderType.LOWER_LIMITS, OrderType.HOLDER_FREEZE, OrderType.REBIND_OBJECT,
        OrderType.CANCEL_MANDATE, OrderType.CLOSE,
    ],
)  # fmt: skip
async def test_a_foreign_key_does_nothing_to_a_wallet(
    teller: Teller, order_type: OrderType
) -> None:
    bodies: dict[OrderType, dict[str, int | bytes]] = {
        OrderType.HOLDER_FREEZE: {"case": CASE, "scope": 1},
        OrderType.CANCEL_MANDATE: {"mandate": CASE},
    }
    number = teller.story.payer.number
    forged = teller.orders.sign(
        teller.orders.head(order_type), [THIEF], (), number=number, **bodies.get(order_type, {})
    )
    place = teller.block(forged)
    first = (await teller.differences())[0]
    assert (first.rule, (first.height, first.position)) == (Rule.SIGNERS, place)
