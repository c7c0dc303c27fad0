"""rules.md §G.2: what an operator sets aside, what binds it, and what its devices may lack."""

from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.network import OPERATORS
from tests.registry.offline_builders import CAP_FEN, GUARANTEE_FEN, OFFLINE, OfflineDesk
from tests.registry.test_offline_fraud import cheat
from tests.registry.world import registry_world

HERE, THERE = OPERATORS


async def test_g2_an_empty_guarantee_makes_claims_wait_and_stops_loads(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    device, payee = await cheat(desk, load_fen=100), await desk.enrolled("payee", THERE)
    honest = await desk.enrolled("honest", wallet=await world.open_wallet(balance_fen=1_000))
    leaves_fen = 2 * CAP_FEN // 10
    await world.settle(desk.release_guarantee(HERE, GUARANTEE_FEN - leaves_fen))
    await world.settle(desk.settle(desk.pay(device, payee, 100, counter=1)))
    second = desk.pay(device, payee, leaves_fen + 1, counter=1)
    await refused(world, desk.settle(second), Code.GUARANTEE_INSUFFICIENT, leaves_fen + 1)
    row = await desk.row(device)
    assert (row.convicted, row.payments) == (False, 1)
    all_of_it = desk.pay(device, payee, leaves_fen, counter=1)
    await world.settle(desk.settle(all_of_it))
    assert await desk.guarantee_fen() == 0
    await refused(world, desk.load(honest, 1, 1), Code.GUARANTEE_INSUFFICIENT)
    await refused(world, desk.settle(second), Code.GUARANTEE_INSUFFICIENT, leaves_fen + 1)
    await world.settle(desk.fund_guarantee(HERE, leaves_fen + 2))
    await world.settle(desk.settle(second))
    assert await desk.guarantee_fen() == 1
    await world.settle(desk.load(honest, 1, 1))


async def test_g2_a_guarantee_covers_its_share_of_live_caps_by_one_fen(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    one, two = await desk.enrolled("one"), await desk.enrolled("two")
    share_fen = 2 * CAP_FEN // 10
    much = desk.release_guarantee(HERE, GUARANTEE_FEN - share_fen + 1)
    await refused(world, much, Code.GUARANTEE_INSUFFICIENT, share_fen)
    await world.settle(desk.release_guarantee(HERE, GUARANTEE_FEN - share_fen))
    more = desk.enrol(desk.purse("three"))
    await refused(world, more, Code.GUARANTEE_INSUFFICIENT, share_fen + CAP_FEN // 10)
    await world.settle(desk.revoke(one), desk.enrol(desk.purse("three")))
    await world.settle(desk.revoke(two), desk.release_guarantee(HERE, CAP_FEN // 10))


async def test_a_guarantee_is_moved_by_its_own_operators_vault_key(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    order = desk.fund_guarantee(THERE, 1)
    await refused(world, order, Code.OTHER_OPERATOR, operator=HERE)
    await refused(world, desk.fund_guarantee(HERE, 10**10), Code.INSUFFICIENT_FUNDS)
    above = desk.release_guarantee(HERE, GUARANTEE_FEN + 1)
    await refused(world, above, Code.INSUFFICIENT_FUNDS, GUARANTEE_FEN)


async def test_g2_all_devices_of_an_operator_lack_no_more_together_than_its_guarantee_holds(
    own_desk: OfflineDesk,
) -> None:
    """Keys that a thief holds: what one may lack, another may not lack beside it."""
    desk, world = own_desk, own_desk.world
    thieves = [await desk.enrolled(f"thief {each}") for each in range(3)]
    payee, elsewhere = await desk.enrolled("payee"), await desk.enrolled("elsewhere", THERE)
    half_fen = GUARANTEE_FEN // 2
    spoken = [desk.settle(desk.pay(each, elsewhere, half_fen)) for each in thieves[:2]]
    await world.settle(*spoken)
    more = desk.pay(thieves[2], elsewhere, 1)
    await refused(world, desk.settle(more), Code.GUARANTEE_INSUFFICIENT, GUARANTEE_FEN + 1)
    proven = desk.pay(thieves[2], elsewhere, 1, counter=1, salt=1)
    together = await world.submit(desk.settle(proven), desk.settle(more))
    assert [each.outcome[0] for each in together] == [Code.GUARANTEE_INSUFFICIENT] * 2
    # What comes to one of them makes room for as much, in the same order too.
    await world.settle(desk.settle(desk.pay(thieves[2], thieves[0], 100)))
    assert await desk.shadow_fen(thieves[2]) == -100
    funded = await cheat(desk, "funded", load_fen=300)
    await world.settle(desk.settle(desk.pay(funded, thieves[1], 300)), desk.settle(more))
    await refused(world, desk.settle(desk.pay(thieves[0], payee, 300)), Code.GUARANTEE_INSUFFICIENT)
    lacks_fen = -sum([await desk.shadow_fen(each) for each in thieves])
    assert world.writer.lead.lacks_fen[HERE] == lacks_fen == GUARANTEE_FEN - 299
    await world.settle(desk.fund_guarantee(HERE, 1), desk.settle(desk.pay(thieves[0], payee, 300)))


async def test_a_registry_that_starts_again_knows_what_devices_lack(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        thief, payee = await desk.enrolled("thief"), await desk.enrolled("payee")
        await world.settle(desk.settle(desk.pay(thief, payee, 700)))
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        assert world.writer.lead.lacks_fen == {HERE: 700}


async def test_g2_money_that_was_never_loaded_buys_no_more_than_the_guarantee_covers(
    own_desk: OfflineDesk,
) -> None:
    """A key that a thief holds pays an accomplice what it likes; others lose nothing."""
    desk = own_desk
    world = desk.world
    thief, accomplice = await desk.enrolled("thief"), await desk.enrolled("accomplice", THERE)
    honest = await cheat(desk, "honest")
    spoken = desk.pay(thief, accomplice, GUARANTEE_FEN + 1)
    await refused(world, desk.settle(spoken), Code.GUARANTEE_INSUFFICIENT, GUARANTEE_FEN + 1)
    assert await desk.shadow_fen(accomplice) == 0
    await world.settle(desk.settle(desk.pay(honest, thief, 1)))
    await world.settle(desk.settle(spoken))
    row = await desk.row(thief)
    assert (row.shadow_fen, row.convicted) == (-GUARANTEE_FEN, False)


async def test_g2_what_a_device_lacks_is_not_released_before_it_is_known_why(
    own_desk: OfflineDesk,
) -> None:
    desk = own_desk
    world = desk.world
    device, payee = await cheat(desk), await desk.enrolled("payee", THERE)
    lacks = desk.settle(desk.pay(device, payee, 1_500))
    share_fen = CAP_FEN // 10
    left_fen = GUARANTEE_FEN - share_fen - 500
    together = await world.submit(lacks, desk.release_guarantee(HERE, left_fen + 1))
    assert together[1].outcome == (Code.GUARANTEE_INSUFFICIENT, share_fen)
    await refused(
        world, desk.release_guarantee(HERE, left_fen + 1), Code.GUARANTEE_INSUFFICIENT, share_fen
    )
    await world.settle(desk.release_guarantee(HERE, left_fen))
