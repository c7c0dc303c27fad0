"""rules.md §G.2, §G.3, §G.6: who spends twice is convicted; the guarantee pays honest payees."""

from collections.abc import Sequence
from random import Random

from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.network import OPERATORS
from tests.registry.offline_builders import (
    CLAIM_WAIT_S,
    GUARANTEE_FEN,
    OfflineDesk,
    Purse,
)

HERE, THERE = OPERATORS


async def cheat(desk: OfflineDesk, label: str = "cheat", load_fen: int = 1_000) -> Purse:
    """A device with money, whose holder will spend it twice."""
    wallet = await desk.world.open_wallet(balance_fen=load_fen)
    return await desk.enrolled(label, wallet=wallet, load_fen=load_fen)


async def test_g3_a_second_payment_under_a_counter_convicts_in_its_very_order(
    desk: OfflineDesk,
) -> None:
    world, guarantee_fen = desk.world, await desk.guarantee_fen()
    device = await cheat(desk)
    one, two = await desk.enrolled("one", THERE), await desk.enrolled("two", THERE)
    first, second = desk.pay(device, one, 1_000, counter=1), desk.pay(device, two, 900, counter=1)
    await world.settle(desk.settle(first), desk.settle(second, by=HERE))
    row = await desk.row(device)
    assert (row.convicted, row.revoked) == (True, await desk.list_number())
    assert (row.shadow_fen, row.covered_fen, row.payments) == (0, 900, 2)
    assert (await desk.shadow_fen(one), await desk.shadow_fen(two)) == (1_000, 900)
    assert await desk.guarantee_fen() == guarantee_fen - 900
    await refused(world, desk.settle(first), Code.PAYMENT_SETTLED)
    await refused(world, desk.revoke(device), Code.DEVICE_ENDED)


async def test_g3_a_second_payment_at_a_place_of_the_log_convicts(desk: OfflineDesk) -> None:
    world = desk.world
    device, payee = await cheat(desk), await desk.enrolled("payee")
    first = desk.pay(device, payee, 10, counter=1, position=7)
    second = desk.pay(device, payee, 10, counter=2, position=7)
    await world.settle(desk.settle(first))
    assert not (await desk.row(device)).convicted
    await world.settle(desk.settle(second))
    assert (await desk.row(device)).convicted


async def test_g3_what_was_signed_twice_with_one_content_is_no_fraud(desk: OfflineDesk) -> None:
    """Two devices may use the same numbers, and one payment may come twice."""
    world = desk.world
    device, other = await cheat(desk, "a"), await cheat(desk, "b")
    payee = await desk.enrolled("payee")
    await world.settle(
        desk.settle(desk.pay(device, payee, 5, counter=1, position=1)),
        desk.settle(desk.pay(other, payee, 5, counter=1, position=1)),
        desk.settle(desk.pay(device, payee, 5, counter=2, position=2)),
    )
    again = desk.settle(desk.pay(device, payee, 5, counter=1, position=1))
    await refused(world, again, Code.PAYMENT_SETTLED)
    assert not (await desk.row(device)).convicted


async def test_g3_an_unload_that_contradicts_is_not_paid_and_convicts_as_evidence(
    desk: OfflineDesk,
) -> None:
    world, guarantee_fen = desk.world, await desk.guarantee_fen()
    wallet = await world.open_wallet(balance_fen=1_000)
    device = await desk.enrolled("cheat", wallet=wallet, load_fen=1_000)
    payee = await desk.enrolled("payee")
    await world.settle(desk.settle(desk.pay(device, payee, 400, counter=1)))
    unload = desk.pay(device, wallet, 300, counter=1)
    await refused(world, desk.unload(unload, wallet, 300), Code.DEVICE_ENDED)
    await world.settle(desk.settle(unload))
    row = await desk.row(device)
    assert (row.convicted, row.shadow_fen, row.covered_fen, row.payments) == (True, 600, 0, 2)
    assert (await world.balance_fen(wallet), await desk.guarantee_fen()) == (0, guarantee_fen)
    another = desk.pay(device, wallet, 1, counter=1)
    await refused(world, desk.settle(another), Code.DEVICE_ENDED)


async def test_g3_a_payment_after_an_unload_under_its_counter_convicts(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    device = await desk.enrolled("cheat", wallet=wallet, load_fen=1_000)
    payee = await desk.enrolled("payee")
    await world.settle(desk.unload(desk.pay(device, wallet, 900, counter=1), wallet, 900))
    await world.settle(desk.settle(desk.pay(device, payee, 900, counter=1)))
    row = await desk.row(device)
    assert (row.convicted, row.shadow_fen, row.covered_fen) == (True, 0, 800)
    assert await desk.shadow_fen(payee) == 900


async def test_g2_money_that_comes_to_a_convicted_device_goes_back_to_the_guarantee(
    desk: OfflineDesk,
) -> None:
    world, guarantee_fen = desk.world, await desk.guarantee_fen()
    device, payer = await cheat(desk), await cheat(desk, "payer", 1_500)
    payee = await desk.enrolled("payee", THERE)
    await world.settle(
        desk.settle(desk.pay(device, payee, 1_000, counter=1)),
        desk.settle(desk.pay(device, payee, 1_000, counter=1, salt=1)),
        desk.settle(desk.pay(payer, device, 400)),
    )
    row = await desk.row(device)
    assert (row.shadow_fen, row.covered_fen) == (0, 600)
    assert await desk.guarantee_fen() == guarantee_fen - 600
    await world.settle(desk.settle(desk.pay(payer, device, 900)))
    row = await desk.row(device)
    assert (row.shadow_fen, row.covered_fen) == (300, 0)
    assert await desk.guarantee_fen() == guarantee_fen


async def test_officers_convict_by_a_proof_and_the_guarantee_covers_what_it_lacks(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    device, payee = await cheat(desk, load_fen=1_000), await desk.enrolled("payee")
    await world.settle(desk.settle(desk.pay(device, payee, 51_000)))
    await refused(world, desk.convict(desk.purse("nobody")), Code.DEVICE_UNKNOWN)
    await world.settle(desk.convict(device))
    row = await desk.row(device)
    assert (row.shadow_fen, row.covered_fen) == (0, 50_000)
    await refused(world, desk.convict(device), Code.DEVICE_ENDED)
    assert await desk.guarantee_fen() == GUARANTEE_FEN - 50_000


async def test_g6_a_lost_device_is_paid_back_to_its_wallet_after_the_wait(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet, other = await world.open_wallets(2, balance_fen=1_000)
    device = await desk.enrolled("lost", wallet=wallet, load_fen=700)
    payee = await desk.enrolled("payee")
    not_revoked_until_ms = world.clock.now_ms + CLAIM_WAIT_S * 1000
    claim = desk.claim(device, wallet, 700)
    await refused(world, claim, Code.CLAIM_TOO_EARLY, not_revoked_until_ms)
    await world.settle(desk.revoke(device))
    until_ms = world.clock.now_ms + CLAIM_WAIT_S * 1000
    await world.settle(desk.settle(desk.pay(device, payee, 200)))
    world.clock.advance(CLAIM_WAIT_S * 1000 - 1)
    await refused(world, desk.claim(device, wallet, 500), Code.CLAIM_TOO_EARLY, until_ms)
    world.clock.advance(1)
    for amount_fen in (499, 501):
        wrong = desk.claim(device, wallet, amount_fen)
        await refused(world, wrong, Code.SHADOW_INSUFFICIENT, 500)
    await refused(world, desk.claim(device, other, 500), Code.DEVICE_UNKNOWN)
    await world.settle(desk.claim(device, wallet, 500))
    assert (await world.balance_fen(wallet), await desk.shadow_fen(device)) == (800, 0)
    await refused(world, desk.claim(device, wallet, 500), Code.SHADOW_INSUFFICIENT, 0)


async def test_g6_anonymous_and_convicted_devices_have_no_claim(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    anonymous = await desk.enrolled("anonymous")
    convicted = await desk.enrolled("convicted", wallet=wallet, load_fen=100)
    await world.settle(desk.revoke(anonymous), desk.convict(convicted))
    world.clock.advance(CLAIM_WAIT_S * 1000)
    await refused(world, desk.claim(anonymous, wallet, 1), Code.DEVICE_UNKNOWN)
    await refused(world, desk.claim(convicted, wallet, 100), Code.DEVICE_ENDED)


async def test_g6_money_of_other_devices_pays_no_unload(own_desk: OfflineDesk) -> None:
    """A shadow balance that an unproven fraud filled waits for the proof, not for other money."""
    desk, world = own_desk, own_desk.world
    device, wallet = await cheat(desk, load_fen=100), await world.open_wallet()
    payee = await desk.enrolled("payee", wallet=wallet)
    await world.settle(desk.settle(desk.pay(device, payee, 500)))
    above = desk.unload(desk.pay(payee, wallet, 101), wallet, 101)
    await refused(world, above, Code.SHADOW_INSUFFICIENT, 100)
    await world.settle(desk.convict(device))
    await world.settle(desk.unload(desk.pay(payee, wallet, 500), wallet, 500))


ROUNDS, DEVICES, PAYMENTS = 6, 5, 24


async def test_g1_the_order_in_which_logs_come_in_changes_nothing(own_desk: OfflineDesk) -> None:
    """Payments of honest and of double-spending devices: shuffled, doubled, in any blocks."""
    desk = own_desk
    for seed in range(ROUNDS):
        ends = [await _played(desk, seed, shuffled) for shuffled in range(3)]
        assert ends[0] == ends[1] == ends[2]
    totals = desk.world.writer.tip.totals
    assert totals.offline_fen == totals.shadow_fen > 0


async def _played(desk: OfflineDesk, seed: int, shuffled: int) -> list[tuple[object, ...]]:
    """Let devices of their own pay as `seed` has it, and come in as `shuffled` has it."""
    plan, order = Random(seed), Random(1000 * seed + shuffled)
    before = [await desk.guarantee_fen(each) for each in OPERATORS]
    wallets = [await desk.world.open_wallet(each, balance_fen=9_000) for each in OPERATORS]
    devices = [
        await desk.enrolled(f"{seed}/{shuffled}/{n}", wallet=wallets[n % 2], load_fen=1_000)
        for n in range(DEVICES)
    ]
    handed_in = _speak(desk, devices, plan)
    handed_in += order.sample(handed_in, len(handed_in) // 2)
    order.shuffle(handed_in)
    while handed_in:
        count = order.randint(1, 9)
        batch, handed_in = handed_in[:count], handed_in[count:]
        for answer in await desk.world.submit(*(desk.settle(each) for each in batch)):
            assert answer.outcome in ((0,), (Code.PAYMENT_SETTLED,)), answer
    rows = [await desk.row(each) for each in devices]
    after = [await desk.guarantee_fen(each) for each in OPERATORS]
    return [(each.shadow_fen, each.covered_fen, each.convicted, each.payments) for each in rows] + [
        (now_fen - then_fen,) for now_fen, then_fen in zip(after, before, strict=True)
    ]


def _speak(desk: OfflineDesk, devices: Sequence[Purse], plan: Random) -> list[bytes]:
    """What devices pay each other; the first two spend twice now and then."""
    spoken = []
    for _ in range(PAYMENTS):
        payer, payee = plan.sample(range(DEVICES), 2)
        amount_fen = plan.randint(1, 900)
        twice = payer < 2 and devices[payer].counter > 0 and plan.random() < 0.4
        counter = plan.randint(1, devices[payer].counter) if twice else None
        salt = plan.getrandbits(64)
        spoken.append(
            desk.pay(devices[payer], devices[payee], amount_fen, counter=counter, salt=salt)
        )
    return spoken


async def test_g2_what_a_device_without_proof_lacks_is_written_off_after_the_wait(
    own_desk: OfflineDesk,
) -> None:
    """It paid more than was seen on it, by counters of its own: nobody is accused."""
    desk = own_desk
    world, guarantee_fen = desk.world, await desk.guarantee_fen()
    device, payee = await cheat(desk), await desk.enrolled("payee", THERE)
    await world.settle(desk.settle(desk.pay(device, payee, 1_500)))
    await refused(world, desk.write_off(device), Code.DEVICE_ENDED)
    await world.settle(desk.revoke(device))
    await refused(world, desk.write_off(device), Code.CLAIM_TOO_EARLY)
    world.clock.now_ms += CLAIM_WAIT_S * 1_000
    await world.settle(desk.write_off(device))
    row = await desk.row(device)
    assert (row.shadow_fen, row.covered_fen, row.convicted) == (0, 500, False)
    assert await desk.guarantee_fen() == guarantee_fen - 500
    await refused(world, desk.write_off(device), Code.DEVICE_ENDED)
    payer = await cheat(desk, "payer")
    await world.settle(desk.settle(desk.pay(payer, device, 700)))
    row = await desk.row(device)
    assert (row.shadow_fen, row.covered_fen) == (200, 0)
    assert await desk.guarantee_fen() == guarantee_fen
