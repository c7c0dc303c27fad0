"""rules.md §G: loads, settled payments and unloads; the offline account holds what devices hold."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.central_bank.registry.model import Totals
from jiaozi.protocol import numbers
from jiaozi.protocol.refusals import Code
from tests.registry.builders import registry_world
from tests.registry.effects import refused
from tests.registry.offline_builders import GUARANTEE_FEN, OFFLINE, OfflineDesk


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[OfflineDesk]:
    """A registry for this test alone, with guarantees."""
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        yield desk


async def test_g1_load_settle_and_unload_move_shadow_balances(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=5_000)
    other = await world.open_wallet(1002)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=1_000)
    payee = await desk.enrolled("payee", wallet=other)
    await world.settle(desk.settle(desk.pay(payer, payee, 300)))
    assert (await desk.shadow_fen(payer), await desk.shadow_fen(payee)) == (700, 300)
    unload = desk.unload(desk.pay(payee, other, 200), other, 200)
    await world.settle(unload, operator=1002)
    assert await world.balance_fen(other) == 200
    assert await world.balance_fen(wallet) == 4_000
    assert await desk.shadow_fen(payee) == 100
    totals: Totals = world.writer.tip.totals
    assert totals.offline_fen == totals.shadow_fen == 800
    assert totals.guarantee_fen == 2 * GUARANTEE_FEN
    assert (await world.account(numbers.OFFLINE)).balance_fen == 800


async def test_g1_a_second_payment_under_a_counter_convicts(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=5_000)
    cheat = await desk.enrolled("cheat", wallet=wallet, load_fen=1_000)
    one = await desk.enrolled("one", 1002)
    two = await desk.enrolled("two", 1002)
    first, second = desk.pay(cheat, one, 1_000, counter=1), desk.pay(cheat, two, 1_000, counter=1)
    await world.settle(desk.settle(first), desk.settle(second, by=1001))
    row = await desk.row(cheat)
    assert (row.convicted, row.revoked, row.shadow_fen, row.covered_fen) == (True, 1, 0, 1_000)
    assert await desk.guarantee_fen() == GUARANTEE_FEN - 1_000
    assert world.writer.tip.totals.offline_fen == 2_000
    await refused(world, desk.settle(first), Code.PAYMENT_SETTLED)
