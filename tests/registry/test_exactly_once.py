"""rules.md §C.1, §C.2: an id settles once, whatever is sent again, and dies with its expiry."""

import pytest

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS, LIFETIME_MAX_MS, new_order_id
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import APPROVAL_LIFETIME_MAX_MS, Leg
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.builders import Wallet
from tests.registry.effects import is_used, refused, state
from tests.registry.world import RegistryWorld


@pytest.fixture
async def pair(world: RegistryWorld) -> tuple[Wallet, Wallet]:
    one, two = await world.open_wallets(2, balance_fen=1000)
    return one, two


async def test_same_order_gets_its_first_outcome(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order = world.orders.payment(*pair, 600)
    [first] = await world.settle(order)
    after = await state(world)
    assert await world.submit(order, order) == [first, first]
    assert await state(world) == after


async def test_same_order_in_one_batch_settles_once(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order = world.orders.payment(*pair, 600)
    first, *again = await world.submit(order, order, order)
    assert first.outcome == SETTLED
    assert again == [first, first]
    assert await world.balance_fen(pair[0]) == 400


async def test_refused_order_stays_refused(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order = world.orders.payment(*pair, 1001)
    [first] = await world.submit(order)
    assert first.outcome == (Code.INSUFFICIENT_FUNDS, 1000)
    await world.exchange(pair[0], 5000)
    assert await world.submit(order, order) == [first, first]
    assert await world.balance_fen(pair[1]) == 1000


async def test_refused_order_stays_refused_within_its_batch(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order = world.orders.payment(*pair, 1001)
    first, more, again = await world.submit(order, world.orders.exchange(pair[0], 5000), order)
    assert first.outcome[0] == Code.INSUFFICIENT_FUNDS
    assert more.outcome == SETTLED
    assert again == first


async def test_first_outcome_survives_a_restart(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    settled = world.orders.payment(*pair, 600)
    failed = world.orders.payment(*pair, 1001)
    first = await world.submit(settled, failed)
    await world.restart()
    assert await world.submit(settled, failed) == first
    assert await world.balance_fen(pair[0]) == 400


async def test_same_id_with_other_content_is_refused(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    for amount in (600, 1001):
        head = world.orders.head(OrderType.PAYMENT)
        first = world.orders.sign(head, [pair[0].signer], [_leg(world, pair, amount)])
        [before] = await world.submit(first)
        other = world.orders.sign(head, [pair[0].signer], [_leg(world, pair, 1)])
        after = await state(world)
        in_one_batch = await world.submit(other, first, other)
        assert [*map(_code, in_one_batch)] == [Code.ID_REUSED, None, Code.ID_REUSED]
        assert in_one_batch[1] == before
        assert await state(world) == after


async def test_same_id_with_other_content_in_one_batch_is_refused(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    head = world.orders.head(OrderType.PAYMENT)
    one = world.orders.sign(head, [pair[0].signer], [_leg(world, pair, 1)])
    two = world.orders.sign(head, [pair[0].signer], [_leg(world, pair, 2)])
    first, second = await world.submit(one, two)
    assert first.outcome == SETTLED
    assert _code(second) is Code.ID_REUSED
    assert await world.balance_fen(pair[0]) == 999


async def test_same_id_under_another_type_is_refused(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order_id = world.orders.new_id()
    await world.settle(world.orders.payment(*pair, 1, id=order_id))
    before = await state(world)
    [answer] = await world.submit(world.orders.redeem(pair[0], 1, id=order_id))
    assert _code(answer) is Code.ID_REUSED
    assert await state(world) == before


async def test_same_id_on_another_account_is_another_order(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order_id = world.orders.new_id()
    one, two = pair
    await world.settle(
        world.orders.payment(one, two, 1, id=order_id),
        world.orders.payment(two, one, 2, id=order_id),
        world.orders.exchange(one, 3, id=order_id),
    )
    assert await world.balance_fen(one) == 1004


async def test_final_refusal_uses_up_the_id(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order_id = world.orders.new_id()
    order = world.orders.payment(*pair, 1001, id=order_id)
    await refused(world, order, Code.INSUFFICIENT_FUNDS, 1000)
    assert await is_used(world, order)
    [answer] = await world.submit(world.orders.payment(*pair, 1, id=order_id))
    assert _code(answer) is Code.ID_REUSED


async def test_refusal_without_effect_uses_up_no_id(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    order_id = world.orders.new_id()
    late = world.orders.payment(*pair, 1, id=order_id, expires_ms=world.clock.now_ms)
    await refused(world, late, Code.EXPIRED)
    await world.settle(world.orders.payment(*pair, 1, id=order_id))


async def test_order_is_taken_before_its_expiry_only(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    now_ms = world.clock.now_ms
    for expires_ms in (1, now_ms - 1, now_ms):
        order = world.orders.payment(*pair, 1, expires_ms=expires_ms)
        await refused(world, order, Code.EXPIRED, now_ms)
    await world.settle(world.orders.payment(*pair, 1, expires_ms=now_ms + 1))


async def test_order_lives_seven_days_at_most(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    now_ms = world.clock.now_ms
    order = world.orders.payment(*pair, 1, expires_ms=now_ms + LIFETIME_MAX_MS + 1)
    await refused(world, order, Code.LIFETIME_TOO_LONG, LIFETIME_MAX_MS)
    await world.settle(world.orders.payment(*pair, 1, expires_ms=now_ms + LIFETIME_MAX_MS))


async def test_order_of_officers_lives_a_day_at_most(own_world: RegistryWorld) -> None:
    world = own_world
    expires_ms = world.clock.now_ms + APPROVAL_LIFETIME_MAX_MS
    order = world.orders.fund_reserve(1001, 100, expires_ms=expires_ms + 1)
    await refused(world, order, Code.LIFETIME_TOO_LONG, DAY_MS)
    await world.settle(world.orders.fund_reserve(1001, 100, expires_ms=expires_ms))


async def test_id_is_at_most_five_minutes_ahead_of_block_time(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    ahead_ms = world.clock.now_ms + AHEAD_MAX_MS
    too_far = new_order_id(ahead_ms + 1, b"1234567890")
    order = world.orders.payment(*pair, 1, id=too_far)
    await refused(world, order, Code.ID_TIME_AHEAD, world.clock.now_ms)
    just = new_order_id(ahead_ms, b"1234567890")
    await world.settle(world.orders.payment(*pair, 1, id=just))


async def test_order_does_not_begin_before_its_time(
    world: RegistryWorld, pair: tuple[Wallet, Wallet]
) -> None:
    now_ms = world.clock.now_ms
    order = world.orders.payment(*pair, 1, not_before_ms=now_ms + 1)
    await refused(world, order, Code.NOT_YET_VALID, now_ms + 1)
    await world.settle(world.orders.payment(*pair, 1, not_before_ms=now_ms))


def _leg(world: RegistryWorld, pair: tuple[Wallet, Wallet], amount: int) -> Leg:
    return world.orders.leg(pair[0].number, pair[1].number, amount)


def _code(answer: Answer) -> Code | None:
    return answer.refusal.code if answer.refusal else None
