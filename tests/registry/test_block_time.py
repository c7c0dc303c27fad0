"""rules.md §C.1, §C.3: block time never goes back, and an id is forgotten only when it is dead."""

import asyncio

from jiaozi.central_bank.registry import store
from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import Header
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS, LIFETIME_MAX_MS, new_order_id
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.effects import is_used, state
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS
from tests.registry.world import RegistryWorld, registry_world

HOUR_MS = 3_600_000
WEEKS_S = 10.0**7
"""A registry with this pause between empty blocks writes none by itself."""


async def headers(world: RegistryWorld) -> list[Header]:
    async with world.database.connection() as connection:
        rows = await connection.fetch(store.SQL.headers, 0, 1000)
    key, network = world.keys.block.public_key, world.network.id
    return [
        blocks.read_header(row["header"], block_keys=BlockKeys.stated(key), network=network).header
        for row in rows
    ]


async def days_remembered(world: RegistryWorld) -> list[int]:
    async with world.database.connection() as connection:
        return sorted(row["day"] for row in await connection.fetch(store.SQL.days_remembered))


async def test_block_time_is_the_clocks(own_world: RegistryWorld) -> None:
    own_world.clock.advance(HOUR_MS)
    await own_world.open_wallet()
    assert (await headers(own_world))[-1].time_ms == own_world.clock.now_ms


async def test_clock_that_steps_back_does_not_turn_block_time_back(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    started_ms = world.clock.now_ms
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    for step_ms in (HOUR_MS, -2 * HOUR_MS, -DAY_MS, 10, 2 * DAY_MS, -1):
        world.clock.advance(step_ms)
        order_id = new_order_id(started_ms + HOUR_MS, world.clock.now_ms.to_bytes(10, "big"))
        expires_ms = started_ms + 5 * DAY_MS
        await world.settle(
            world.orders.payment(payer, payee, 1, id=order_id, expires_ms=expires_ms)
        )
    times = [each.time_ms for each in await headers(world)]
    assert times == sorted(times)
    assert times[-6] == times[-4] == started_ms + HOUR_MS
    assert times[-1] == times[-2] > times[-3]


async def test_order_that_expired_stays_dead_when_the_clock_steps_back(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    order = world.orders.payment(payer, payee, 1)
    world.clock.advance(HOUR_MS)
    for _ in range(2):
        [answer] = await world.submit(order)
        assert answer.refusal is not None
        assert answer.refusal.code is Code.EXPIRED
        world.clock.advance(-HOUR_MS)
        await world.restart()
    assert (await headers(world))[-1].time_ms >= world.clock.now_ms + HOUR_MS
    assert await world.balance_fen(payee) == 1000


async def test_idle_registry_commits_empty_blocks(database_dsn: str) -> None:
    async with registry_world(database_dsn, idle_block_s=0.01) as world:
        world.clock.advance(HOUR_MS)
        async with asyncio.timeout(30):
            while world.height < 3:
                await world.writer.next_block(1)
        last = (await headers(world))[-1]
        assert (last.count, last.time_ms) == (0, world.clock.now_ms)


async def test_orders_refused_without_effect_do_not_keep_time_from_passing(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn, idle_block_s=10.0) as world:
        payer, payee = await world.open_wallets(2)
        order = world.orders.payment(payer, payee, 1)
        height = world.height
        for advanced_ms, blocks_more in ((9_999, 0), (1, 1), (9_999, 1), (1, 2)):
            world.clock.advance(advanced_ms)
            await world.submit(order, operator=OPERATORS[1])
            assert world.height == height + blocks_more


async def test_ids_have_a_place_for_every_day_on_which_they_can_expire(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    for hour in range(24):
        world.clock.advance(HOUR_MS)
        now_ms = world.clock.now_ms
        for made_ms in (now_ms + AHEAD_MAX_MS, now_ms - LIFETIME_MAX_MS + 1):
            order_id = new_order_id(made_ms, hour.to_bytes(10, "big"))
            expires_ms = made_ms + LIFETIME_MAX_MS
            order = world.orders.payment(payer, payee, 1, id=order_id, expires_ms=expires_ms)
            first = await world.settle(order)
            assert await world.submit(order) == first


async def test_forgotten_id_is_an_expired_one(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    expires_ms = world.clock.now_ms + LIFETIME_MAX_MS
    order = world.orders.payment(payer, payee, 1, expires_ms=expires_ms)
    first = await world.settle(order)
    answers = []
    for _ in range(12):
        world.clock.advance(DAY_MS - HOUR_MS)
        answers += await world.submit(order)
        await world.exchange(payee, 1)
        if world.clock.now_ms < expires_ms:
            assert answers[-1:] == first
    assert answers[-1].refusal is not None
    assert answers[-1].refusal.code is Code.EXPIRED
    assert not await is_used(world, order)


async def test_days_are_made_ahead_and_dropped_behind(own_world: RegistryWorld) -> None:
    world = own_world
    payee = await world.open_wallet()
    for days in (1, 1, 3, 30, 400):
        world.clock.advance(days * DAY_MS)
        await world.exchange(payee, 1)
        await world.exchange(payee, 1)
        today = world.clock.now_ms // DAY_MS
        remembered = await days_remembered(world)
        assert set(remembered) - {today - 1} == set(range(today, today + 9))


async def test_clock_that_jumps_ahead_and_back_makes_no_order_settle_twice(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn, idle_block_s=WEEKS_S, rulebooks=[LIMITED]) as world:
        await world.provide(OPERATORS[0], 10_000)
        payer, payee = await world.open_wallets(2, balance_fen=1000)
        order = world.orders.payment(payer, payee, 1)
        [first] = await world.settle(order)
        before = await state(world)
        world.clock.advance(20 * DAY_MS)
        await world.submit(cbor.encode(0), world.orders.payment(payee, payer, 1), operator=1002)
        world.clock.advance(-20 * DAY_MS)
        assert await world.submit(order) == [first]
        await world.restart()
        assert await world.submit(order) == [first]
        assert first.outcome == SETTLED
        assert await state(world) == before
