"""rules.md §D.3: one signed statement for each operator and day, and its difference is zero."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from structlog.testing import capture_logs

from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.statements import store
from jiaozi.central_bank.statements.check import Checked, check_statements
from jiaozi.central_bank.statements.make import MakeStatements
from jiaozi.protocol import numbers
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.daily_statement import (
    DailyStatement,
    day_of,
    read_statement,
    start_of,
)
from jiaozi.protocol.ids import DAY_MS
from tests.registry.network import OPERATORS
from tests.registry.offline_builders import GUARANTEE_FEN, OFFLINE, OfflineDesk
from tests.registry.world import RegistryWorld, registry_world

ONE, OTHER = OPERATORS
ISSUED_FEN = 1_000_00


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[RegistryWorld]:
    """A registry with money in one vault, an hour before midnight."""
    async with registry_world(database_dsn) as world:
        world.clock.now_ms = start_of(day_of(world.clock.now_ms) + 1) - 3_600_000
        await world.provide(ONE, ISSUED_FEN)
        yield world


def maker(world: RegistryWorld) -> MakeStatements:
    return MakeStatements(
        database=world.database, signers=BlockSigners([world.keys.block]), network=world.network.id
    )


async def next_day(world: RegistryWorld, days: int = 1) -> None:
    """Let days pass, and a block come in the new one."""
    world.clock.advance(days * DAY_MS)
    await world.open_wallet(OTHER)


async def stored(world: RegistryWorld) -> list[DailyStatement]:
    keys = BlockKeys.of_network(world.network)
    async with world.database.connection() as connection:
        return [
            read_statement(each, block_keys=keys, network=world.network.id)
            for each in await store.all_statements(connection)
        ]


async def check(world: RegistryWorld) -> Checked:
    return await check_statements(
        world.database, block_keys=BlockKeys.of_network(world.network), network=world.network.id
    )


async def test_d3_a_statement_tells_what_a_day_did_to_vault_and_reserve(
    world: RegistryWorld,
) -> None:
    wallet = await world.open_wallet(ONE, balance_fen=300_00)
    stranger = await world.open_wallet(OTHER)
    await world.pay(wallet, stranger, 50_00)
    await world.redeem(wallet, 100_00)
    await world.fund_reserve(ONE, 70_00)
    await world.destroy(ONE, 20_00)
    height = world.height
    await next_day(world)
    await world.exchange(wallet, 11_00)  # belongs to the next day
    one, other = await maker(world)()
    assert (one.operator, one.height, one.date) == (ONE, height, "2026-05-29")
    assert (one.opening_fen, one.issued_fen, one.destroyed_fen) == (0, ISSUED_FEN, 20_00)
    assert (one.exchanged_fen, one.redeemed_fen, one.vault_fen) == (300_00, 100_00, 780_00)
    assert (one.opening_reserve_fen, one.funded_fen) == (0, ISSUED_FEN + 70_00)
    assert (one.reserve_fen, one.difference_fen) == (90_00, 0)
    assert (other.operator, other.vault_fen, other.redeemed_fen, other.difference_fen) == (
        OTHER, 0, 0, 0,
    )  # fmt: skip
    assert await stored(world) == [one, other]
    await next_day(world)
    [following, _] = await maker(world)()
    assert (following.opening_fen, following.exchanged_fen, following.vault_fen) == (
        780_00, 11_00, 769_00,
    )  # fmt: skip
    assert (await check(world)) == Checked(statements=4)


async def test_d3_the_guarantee_is_stated_apart_and_a_covered_loss_leaves_no_difference(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        wallet = await world.open_wallet(ONE, balance_fen=700)
        device = await desk.enrolled("device", wallet=wallet, load_fen=700)
        payee = await desk.enrolled("payee", OTHER)
        first, second = (
            desk.pay(device, payee, 700),
            desk.pay(device, payee, 600, counter=1, salt=1),
        )
        await world.settle(desk.settle(first), desk.settle(second))
        await world.settle(desk.release_guarantee(ONE, 50), operator=ONE)
        assert await desk.guarantee_fen(ONE) == GUARANTEE_FEN - 600 - 50
        await next_day(world)
        one, other = await maker(world)()
        assert (one.set_aside_fen, one.released_fen) == (GUARANTEE_FEN, 50)
        assert (other.set_aside_fen, other.released_fen) == (GUARANTEE_FEN, 0)
        assert (one.exchanged_fen, one.redeemed_fen, other.exchanged_fen) == (700, 0, 0)
        vault = await world.account(numbers.vault_of(ONE))
        assert one.vault_fen == vault.balance_fen == one.issued_fen - 700 - GUARANTEE_FEN + 50
        assert (one.difference_fen, other.difference_fen) == (0, 0)
        assert await check(world) == Checked(statements=2)


async def test_d3_a_day_is_stated_when_a_block_of_the_next_one_is_there(
    world: RegistryWorld,
) -> None:
    assert await maker(world)() == []
    world.clock.now_ms = start_of(day_of(world.clock.now_ms) + 1) - 1
    await world.fund_reserve(ONE, 1)
    assert await maker(world)() == []
    assert not await maker(world).has_block_of(world.clock.now_ms + 1)
    world.clock.advance(1)
    await world.fund_reserve(ONE, 2)
    assert await maker(world).has_block_of(world.clock.now_ms)
    one, _ = await maker(world)()
    assert one.funded_fen == ISSUED_FEN + 1


async def test_d3_a_missed_midnight_is_caught_up_once(world: RegistryWorld) -> None:
    await next_day(world)
    await next_day(world, days=4)
    made = await maker(world)()
    assert [(each.operator, each.day - made[0].day) for each in made] == [
        (operator, day) for operator in OPERATORS for day in range(5)
    ]
    assert all(each.difference_fen == 0 for each in made)
    assert {each.vault_fen for each in made if each.operator == ONE} == {ISSUED_FEN}
    assert await maker(world)() == []
    assert len(await stored(world)) == len(made)
    assert (await check(world)) == Checked(statements=10)


async def test_d3_two_workers_make_one_statement(world: RegistryWorld) -> None:
    await next_day(world)
    made = await asyncio.gather(*(maker(world)() for _ in range(3)))
    assert sorted(map(len, made)) == [0, 0, 2]
    assert len(await stored(world)) == 2


async def test_d3_what_the_blocks_do_not_explain_is_an_alarm(world: RegistryWorld) -> None:
    """The accounts are changed behind the registry's back."""
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE account SET balance_fen = balance_fen + 7 WHERE number = $1",
            numbers.vault_of(ONE),
        )
    await next_day(world)
    with capture_logs() as logs:
        one, other = await maker(world)()
    assert (one.difference_fen, other.difference_fen) == (7, 0)
    [alarm] = [each for each in logs if each["event"] == "statement_differs"]
    assert (alarm["log_level"], alarm["operator"], alarm["difference_fen"]) == ("error", "1001", 7)
    assert [(each.operator, each.detail) for each in (await check(world)).findings] == [
        (ONE, f"vault_fen is {ISSUED_FEN + 7}, by the blocks {ISSUED_FEN}"),
        (ONE, "7 fen are not explained"),
    ]
    async with world.database.connection() as connection:
        assert await store.with_difference(connection) == 1


async def test_d3_what_was_stated_stays(world: RegistryWorld) -> None:
    await next_day(world)
    await maker(world)()
    for change in ("UPDATE daily_statement SET day = 1", "DELETE FROM daily_statement"):
        async with world.database.connection() as connection:
            with pytest.raises(asyncpg.RaiseError, match="append-only"):
                await connection.execute(change)


async def test_d3_a_statement_that_is_missing_or_forged_is_found(world: RegistryWorld) -> None:
    await next_day(world, days=2)
    await maker(world)()
    async with world.database.transaction() as connection:
        await connection.execute("ALTER TABLE daily_statement DISABLE TRIGGER USER")
        await connection.execute(
            "DELETE FROM daily_statement WHERE operator = $1 AND day = "
            "(SELECT min(day) FROM daily_statement)", ONE,
        )  # fmt: skip
        await connection.execute(
            "UPDATE daily_statement SET encoded = set_byte(encoded, length(encoded) - 1, "
            "get_byte(encoded, length(encoded) - 1) # 1) WHERE operator = $1", OTHER,
        )  # fmt: skip
    findings = (await check(world)).findings
    assert [each.detail for each in findings if each.operator == ONE] == ["there is no statement"]
    unreliable = [each for each in findings if not each.operator]
    assert len(unreliable) == 2
    assert "cannot be relied on" in unreliable[0].detail
