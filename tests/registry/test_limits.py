"""rules.md §E.1 to §E.4: every limit holds to the fen, for wallets, groups, days and years."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import Holder, OrderType
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused
from tests.registry.limited import LIMITS, UNCAPPED
from tests.registry.world import RegistryWorld

SINGLE_FEN, DAY_FEN, YEAR_FEN = 50_000, 100_000, 300_000
CAP_FEN = LIMITS.balance_cap_fen or 0
UTC8 = timezone(timedelta(hours=8))


def utc8_ms(*date_and_time: int) -> int:
    return int(datetime(*date_and_time, tzinfo=UTC8).timestamp() * 1000)  # type: ignore[arg-type, misc]


async def spend(world: RegistryWorld, payer: Wallet, payee: Wallet, *amounts_fen: int) -> None:
    """Make payments that must all settle."""
    orders = [world.orders.payment(payer, payee, each) for each in amounts_fen]
    await world.settle(*orders, operator=payer.operator)


async def shop(world: RegistryWorld) -> Wallet:
    return await world.open_wallet(holder=Holder.CORPORATE, wallet_class=1)


async def sub_wallet(world: RegistryWorld, parent: Wallet, **limits: int) -> Wallet:
    """Open a further wallet in the group of another."""
    return await world.open_wallet(
        parent.operator,
        group=parent.group,
        parent=parent.number,
        **limits,
    )


async def test_single_limit_binds_to_the_fen(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    over = world.orders.payment(payer, payee, SINGLE_FEN + 1)
    await refused(world, over, Code.LIMIT_SINGLE, SINGLE_FEN)
    await spend(world, payer, payee, SINGLE_FEN)


async def test_single_limit_binds_on_the_sum_of_an_orders_legs(world: RegistryWorld) -> None:
    payer, payee, other = (
        await world.open_wallet(balance_fen=200_000), await shop(world), await shop(world),
    )  # fmt: skip
    for extra, code in ((1, Code.LIMIT_SINGLE), (0, None)):
        legs = [
            world.orders.leg(payer.number, payee.number, SINGLE_FEN - 100),
            world.orders.leg(payer.number, other.number, 100 + extra),
        ]
        order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
        if code is None:
            await world.settle(order)
        else:
            await refused(world, order, code, SINGLE_FEN)


async def test_day_limit_binds_to_the_fen(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN - 1000)
    over = world.orders.payment(payer, payee, 1001)
    await refused(world, over, Code.LIMIT_DAY, DAY_FEN, 1000)
    await spend(world, payer, payee, 1000)
    await refused(world, world.orders.payment(payer, payee, 1), Code.LIMIT_DAY, DAY_FEN, 0)


async def test_day_limit_binds_within_a_batch(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    amounts = (SINGLE_FEN, SINGLE_FEN, 1)
    answers = await world.submit(*(world.orders.payment(payer, payee, each) for each in amounts))
    assert [each.outcome for each in answers] == [SETTLED, SETTLED, (Code.LIMIT_DAY, DAY_FEN, 0)]


async def test_refused_orders_count_towards_nothing(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=60_000), await shop(world)
    await spend(world, payer, payee, SINGLE_FEN)
    over = world.orders.payment(payer, payee, 10_001)
    await refused(world, over, Code.INSUFFICIENT_FUNDS, 10_000)
    account = await world.account(payer.number)
    assert (account.day_spent_fen, account.group_day_spent_fen) == (SINGLE_FEN, SINGLE_FEN)
    await world.exchange(payer, 40_000)
    await spend(world, payer, payee, SINGLE_FEN)


async def test_only_payments_count(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=CAP_FEN), await shop(world)
    assert (await world.redeem(payer, CAP_FEN - 1000)).outcome == SETTLED
    await world.exchange(payer, DAY_FEN - 1000)
    await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN)


async def test_own_lower_limits_bind_to_the_fen(world: RegistryWorld) -> None:
    payee = await shop(world)
    single = await world.open_wallet(balance_fen=5000, single_limit_fen=700)
    await refused(world, world.orders.payment(single, payee, 701), Code.LIMIT_SINGLE, 700)
    await spend(world, single, payee, 700)
    day = await world.open_wallet(balance_fen=5000, day_limit_fen=900)
    await spend(world, day, payee, 500)
    await refused(world, world.orders.payment(day, payee, 401), Code.LIMIT_DAY, 900, 400)
    await spend(world, day, payee, 400)
    year = await world.open_wallet(balance_fen=5000, year_limit_fen=900)
    await spend(world, year, payee, 500)
    await refused(world, world.orders.payment(year, payee, 401), Code.LIMIT_YEAR, 900, 400)
    await spend(world, year, payee, 400)


async def test_own_limit_of_nothing_binds(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=10, single_limit_fen=0), await shop(world)
    await refused(world, world.orders.payment(payer, payee, 1), Code.LIMIT_SINGLE, 0)


async def test_own_limit_above_the_class_gives_nothing(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=200_000, single_limit_fen=10**9)
    payee = await shop(world)
    over = world.orders.payment(payer, payee, SINGLE_FEN + 1)
    await refused(world, over, Code.LIMIT_SINGLE, SINGLE_FEN)


async def test_class_without_caps_has_none(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=10**9, wallet_class=UNCAPPED)
    await spend(world, payer, await shop(world), 10**9)


async def test_corporate_wallets_have_rows_of_their_own(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=10**9, wallet_class=1, holder=Holder.CORPORATE)
    await spend(world, payer, await shop(world), 10**9)
    order = world.orders.open_account(payer, wallet_class=2, holder=Holder.CORPORATE)
    await refused(world, order, Code.ACCOUNT_EXISTS)


async def test_caps_bind_on_a_group_over_all_its_wallets(world: RegistryWorld) -> None:
    parent, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    child = await sub_wallet(world, parent)
    await world.exchange(child, 200_000)
    await spend(world, parent, payee, SINGLE_FEN)
    await spend(world, child, payee, SINGLE_FEN - 300)
    for payer in (parent, child):
        over = world.orders.payment(payer, payee, 301)
        await refused(world, over, Code.LIMIT_DAY, DAY_FEN, 300)
    await spend(world, child, payee, 300)


async def test_own_limits_of_a_sub_wallet_bind_on_itself(world: RegistryWorld) -> None:
    parent, payee = await world.open_wallet(balance_fen=20_000), await shop(world)
    child = await sub_wallet(world, parent, day_limit_fen=500)
    await world.exchange(child, 20_000)
    await spend(world, parent, payee, 10_000)
    await refused(world, world.orders.payment(child, payee, 501), Code.LIMIT_DAY, 500, 500)
    await spend(world, child, payee, 500)
    await spend(world, parent, payee, 10_000)


async def test_two_payers_of_a_group_in_one_order_count_together(world: RegistryWorld) -> None:
    parent, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    child = await sub_wallet(world, parent)
    await world.exchange(child, 200_000)
    await spend(world, parent, payee, 30_000)
    for extra, code in ((1, Code.LIMIT_DAY), (0, None)):
        legs = [
            world.orders.leg(parent.number, payee.number, 40_000),
            world.orders.leg(child.number, payee.number, 30_000 + extra),
        ]
        head = world.orders.head(OrderType.PAYMENT)
        order = world.orders.sign(head, [parent.signer, child.signer], legs)
        if code is None:
            await world.settle(order)
        else:
            await refused(world, order, code, DAY_FEN, 70_000)


async def test_moves_inside_a_group_count_towards_nothing(world: RegistryWorld) -> None:
    parent, payee = await world.open_wallet(balance_fen=CAP_FEN), await shop(world)
    child = await sub_wallet(world, parent)
    await spend(world, parent, child, CAP_FEN)
    await spend(world, child, parent, CAP_FEN - 100)
    head = await world.account(parent.number)
    assert (head.day_spent_fen, head.group_day_spent_fen) == (0, 0)
    assert head.group_balance_fen == CAP_FEN
    await spend(world, parent, payee, SINGLE_FEN, SINGLE_FEN)


async def test_group_of_another_operator_is_another_group(world: RegistryWorld) -> None:
    one, payee = await world.open_wallet(1001, balance_fen=200_000), await shop(world)
    other = await world.open_wallet(1002, group=one.group, balance_fen=200_000)
    await spend(world, one, payee, SINGLE_FEN, SINGLE_FEN)
    await spend(world, other, payee, SINGLE_FEN, SINGLE_FEN)


async def test_nothing_opens_under_a_closed_parent(world: RegistryWorld) -> None:
    parent = await world.open_wallet()
    await world.settle(world.orders.by_holder(OrderType.CLOSE, parent))
    child = replace(
        new_wallet(parent.operator, 7 * 10**9 + world.orders.series), group=parent.group
    )
    order = world.orders.open_account(child, parent=parent.number)
    await refused(world, order, Code.ACCOUNT_CLOSED)


async def test_parent_is_of_the_same_group(world: RegistryWorld) -> None:
    stranger = await world.open_wallet()
    child, unopened = (new_wallet(1001, 10**9 + 2 * world.orders.series + i) for i in (0, 1))
    for parent in (stranger, unopened):
        order = world.orders.open_account(child, parent=parent.number)
        await refused(world, order, Code.ACCOUNT_UNKNOWN)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ((2026, 6, 1, 23, 59, 59), (2026, 6, 2)),
        ((2026, 6, 30, 23, 59, 59), (2026, 7, 1)),
        ((2028, 2, 29, 23, 59, 59), (2028, 3, 1)),
    ],
)
async def test_day_ends_at_midnight_in_utc8(
    own_world: RegistryWorld, last: tuple[int, ...], first: tuple[int, ...]
) -> None:
    world = own_world
    world.clock.now_ms = utc8_ms(*last)
    payer, payee = await world.open_wallet(balance_fen=200_000), await shop(world)
    await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN)
    world.clock.now_ms = utc8_ms(*first) - 1
    await refused(world, world.orders.payment(payer, payee, 1), Code.LIMIT_DAY, DAY_FEN, 0)
    world.clock.now_ms = utc8_ms(*first)
    await spend(world, payer, payee, SINGLE_FEN)
    account = await world.account(payer.number)
    assert (account.day_spent_fen, account.year_spent_fen) == (SINGLE_FEN, 3 * SINGLE_FEN)


async def test_year_limit_binds_to_the_fen_and_ends_with_the_calendar_year(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    world.clock.now_ms = utc8_ms(2026, 12, 29, 12)
    payer, payee = await world.open_wallet(balance_fen=500_000), await shop(world)
    for _ in range(3):
        await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN - 100)
        world.clock.advance(DAY_MS)
    world.clock.now_ms = utc8_ms(2027, 1, 1) - 1
    over = world.orders.payment(payer, payee, 301)
    await refused(world, over, Code.LIMIT_DAY, DAY_FEN, 100)
    await spend(world, payer, payee, 100)
    world.clock.now_ms = utc8_ms(2027, 1, 1)
    await spend(world, payer, payee, SINGLE_FEN)
    account = await world.account(payer.number)
    assert account.year_spent_fen == account.group_year_spent_fen == SINGLE_FEN


async def test_year_limit_binds_over_days(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await world.open_wallet(balance_fen=500_000), await shop(world)
    for _ in range(2):
        await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN)
        world.clock.advance(DAY_MS)
    await spend(world, payer, payee, SINGLE_FEN, SINGLE_FEN - 200)
    world.clock.advance(DAY_MS)
    over = world.orders.payment(payer, payee, 201)
    await refused(world, over, Code.LIMIT_YEAR, YEAR_FEN, 200)
    await spend(world, payer, payee, 200)
