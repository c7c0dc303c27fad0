"""rules.md §G.1: loads, settled payments and unloads; devices hold what the offline account holds.

The database refuses what the code would get wrong: the last tests try it.
"""

from dataclasses import replace

import asyncpg
import pytest

from jiaozi.central_bank.registry.writer import InvariantBroken
from jiaozi.protocol import numbers
from jiaozi.protocol.order_types import HaltScope, OrderType
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.builders import new_wallet
from tests.registry.effects import refused
from tests.registry.limited import LIMITED
from tests.registry.limited import LIMITS as CLASS_II
from tests.registry.network import OPERATORS, key
from tests.registry.offline_builders import CAP_FEN, OFFLINE, OfflineDesk
from tests.registry.world import RegistryWorld, registry_world

HERE, THERE = OPERATORS


async def offline_fen(world: RegistryWorld) -> int:
    """What the offline account holds, which is what all devices hold."""
    totals = world.writer.tip.totals
    assert totals.offline_fen == totals.shadow_fen
    async with world.database.connection() as connection:
        shadows = await connection.fetchval("SELECT coalesce(sum(shadow_fen), 0) FROM device")
    assert shadows == (await world.account(numbers.OFFLINE)).balance_fen == totals.offline_fen
    return totals.offline_fen


async def test_g1_load_settle_and_unload_move_shadow_balances(desk: OfflineDesk) -> None:
    world, before_fen = desk.world, await offline_fen(desk.world)
    wallet, other = await world.open_wallet(balance_fen=5_000), await world.open_wallet(THERE)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=1_000)
    payee = await desk.enrolled("payee", wallet=other)
    await world.settle(desk.settle(desk.pay(payer, payee, 300)))
    assert (await desk.shadow_fen(payer), await desk.shadow_fen(payee)) == (700, 300)
    await world.settle(desk.unload(desk.pay(payee, other, 200), other, 200), operator=THERE)
    assert (await world.balance_fen(wallet), await world.balance_fen(other)) == (4_000, 200)
    assert (await desk.shadow_fen(payee), (await desk.row(payee)).payments) == (100, 1)
    assert await offline_fen(world) == before_fen + 800


async def test_g1_a_settled_payment_is_settled_once_whoever_brings_it(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=1_000)
    payee = await desk.enrolled("payee", THERE)
    payment = desk.pay(payer, payee, 300)
    await world.settle(desk.settle(payment, by=THERE), operator=THERE)
    await refused(world, desk.settle(payment), Code.PAYMENT_SETTLED)
    in_one_block = desk.pay(payer, payee, 100)
    answers = await world.submit(desk.settle(in_one_block), desk.settle(in_one_block))
    assert [each.outcome for each in answers] == [(0,), (Code.PAYMENT_SETTLED,)]
    assert await desk.shadow_fen(payee) == 400


async def test_g1_a_payment_spoken_before_its_money_surfaced_settles(desk: OfflineDesk) -> None:
    """A shadow balance below zero suspends and accuses nobody."""
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    first = await desk.enrolled("first", wallet=wallet, load_fen=500)
    middle = await desk.enrolled("middle", wallet=wallet)
    last = await desk.enrolled("last", THERE)
    earlier, later = desk.pay(first, middle, 500), desk.pay(middle, last, 400)
    await world.settle(desk.settle(later))
    row = await desk.row(middle)
    assert (row.shadow_fen, row.convicted, row.revoked) == (-400, False, None)
    await refused(world, desk.load(middle, 1, 1), Code.DEVICE_ENDED)
    await refused(world, desk.unload(desk.pay(middle, wallet, 1), wallet, 1), Code.DEVICE_ENDED)
    await world.settle(desk.settle(earlier))
    assert await desk.shadow_fen(middle) == 100
    await world.settle(desk.load(middle, 1, 1))


async def test_g1_payments_of_devices_that_have_ended_settle_all_the_same(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=500)
    payee = await desk.enrolled("payee", THERE, not_after_ms=world.clock.now_ms + 1)
    world.clock.advance(2)
    await world.settle(desk.revoke(payer))
    await world.settle(desk.settle(desk.pay(payer, payee, 500)))
    assert await desk.shadow_fen(payee) == 500


async def test_settle_refuses_what_no_enrolled_device_signed(desk: OfflineDesk) -> None:
    world = desk.world
    payer, payee = await desk.enrolled("payer"), await desk.enrolled("payee")
    stranger = desk.purse("stranger")
    forged = desk.pay(payer, payee, 1, signer=key("thief"))
    await refused(world, desk.settle(forged), Code.DEVICE_UNKNOWN)
    broken = bytearray(desk.pay(payer, payee, 1))
    broken[-1] ^= 1
    await refused(world, desk.settle(bytes(broken)), Code.SIGNATURE_INVALID)
    await refused(world, desk.settle(desk.pay(stranger, payee, 1)), Code.DEVICE_UNKNOWN)
    await refused(world, desk.settle(desk.pay(payer, stranger, 1)), Code.DEVICE_UNKNOWN)
    to_self = desk.pay(payer, payer, 1)
    await refused(world, desk.settle(to_self), Code.MALFORMED, "payment.payee")
    wallet = await world.open_wallet()
    to_wallet = desk.pay(payer, wallet, 1)
    await refused(world, desk.settle(to_wallet), Code.LEGS_NOT_ALLOWED, 0)
    payment = desk.pay(payer, payee, 1)
    await refused(world, desk.settle(payment, by=THERE), Code.SIGNER_FOREIGN)
    officer = world.control.keys[world.keys.officers[0].public_key].certified
    await refused(world, desk.settle(payment), Code.OTHER_OPERATOR, caller=officer)


async def test_load_takes_the_next_number_of_a_live_device_only(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=10_000)
    device = await desk.enrolled("device", wallet=wallet)
    for number in (0, 2):
        await refused(world, desk.load(device, 100, number), Code.LOAD_NUMBER_DIFFERS, 1)
    await world.settle(desk.load(device, 100, 1))
    await refused(world, desk.load(device, 100, 1), Code.LOAD_NUMBER_DIFFERS, 2)
    await refused(world, desk.load(desk.purse("new", wallet=wallet), 1, 1), Code.DEVICE_UNKNOWN)
    short = await desk.enrolled("short", wallet=wallet, not_after_ms=world.clock.now_ms + 1)
    world.clock.advance(1)
    await refused(world, desk.load(short, 1, 1), Code.DEVICE_ENDED)
    await world.settle(desk.revoke(device))
    await refused(world, desk.load(device, 100, 2), Code.DEVICE_ENDED)


async def test_load_comes_from_the_devices_wallet_or_anonymously_from_its_operators(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet, other = await world.open_wallets(2, balance_fen=1_000)
    foreign = await world.open_wallet(THERE, balance_fen=0)
    named = await desk.enrolled("named", wallet=wallet)
    anonymous = await desk.enrolled("anonymous")
    await refused(world, desk.load(named, 1, 1, wallet=other), Code.DEVICE_UNKNOWN)
    from_afar = desk.load(anonymous, 1, 1, wallet=foreign)
    await refused(world, from_afar, Code.DEVICE_UNKNOWN, operator=THERE)
    await world.settle(desk.load(anonymous, 1, 1, wallet=other))
    await refused(world, desk.load(anonymous, 1_000, 2, wallet=other), Code.INSUFFICIENT_FUNDS, 999)


async def test_load_stays_below_the_devices_cap_by_one_fen(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=2 * CAP_FEN)
    device = await desk.enrolled("device", wallet=wallet, load_fen=1)
    await refused(world, desk.load(device, CAP_FEN, 2), Code.DEVICE_LIMITS_TOO_HIGH)
    await world.settle(desk.load(device, CAP_FEN - 1, 2))
    assert await desk.shadow_fen(device) == CAP_FEN


async def test_load_asks_for_a_second_factor_as_a_payment_does(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000, second_factor_above_fen=99)
    device = await desk.enrolled("device", wallet=wallet)
    await refused(world, desk.load(device, 100, 1), Code.SECOND_FACTOR_REQUIRED, 99)
    await world.settle(desk.load(device, 99, 1))
    await world.settle(desk.load(device, 100, 2, signers=[world.keys.certify(HERE)]))


LIMITED_OFFLINE = replace(LIMITED, hash=b"limited offline".ljust(32), offline=OFFLINE.offline)


async def test_e1_e2_limits_and_cap_of_the_wallet_bind_a_load_by_one_fen(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn, rulebooks=[LIMITED_OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        wallet = await world.open_wallet(balance_fen=500_000, balance_cap_fen=550_000)
        device = await desk.enrolled("device", wallet=wallet)
        assert CLASS_II.single_fen is not None
        above = desk.load(device, CLASS_II.single_fen + 1, 1)
        await refused(world, above, Code.LIMIT_SINGLE, CLASS_II.single_fen)
        # With what the device may hold the wallet stays within its cap: 550,000 less 100,000.
        await refused(world, desk.load(device, 49_999, 1), Code.DEVICE_LIMITS_TOO_HIGH)
        await world.settle(desk.load(device, 50_000, 1))
        await world.settle(desk.load(device, 40_000, 2))
        # A load counts as a payment.
        payment = world.orders.payment(wallet, await world.open_wallet(), 10_001)
        await refused(world, payment, Code.LIMIT_DAY, 100_000, 10_000)
        await refused(world, desk.load(device, 10_001, 3), Code.LIMIT_DAY, 100_000, 10_000)


async def test_a_halt_of_offline_loads_stops_loads_alone(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=100)
    payee = await desk.enrolled("payee")
    until_ms = world.clock.now_ms + 1_000
    halt = {"scope": HaltScope.OFFLINE_LOADS, "until_ms": until_ms}
    await world.settle(world.orders.by_officers(OrderType.HALT, **halt))
    await refused(world, desk.load(payer, 1, 2), Code.HALTED, until_ms)
    await world.settle(desk.settle(desk.pay(payer, payee, 50)), desk.revoke(payer))


async def test_unload_pays_what_the_registry_has_seen_by_one_fen(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    device = await desk.enrolled("device", wallet=wallet, load_fen=100)
    more = desk.unload(desk.pay(device, wallet, 101), wallet, 101)
    await refused(world, more, Code.SHADOW_INSUFFICIENT, 100)
    payment = desk.pay(device, wallet, 100)
    differs = desk.unload(payment, wallet, 99)
    await refused(world, differs, Code.LEGS_NOT_ALLOWED, 0)
    await world.settle(desk.unload(payment, wallet, 100))
    await refused(world, desk.unload(payment, wallet, 100), Code.PAYMENT_SETTLED)
    assert await world.balance_fen(wallet) == 1_000


async def test_unload_goes_into_the_devices_wallet_or_any_of_the_caller(desk: OfflineDesk) -> None:
    world = desk.world
    wallet, other = await world.open_wallets(2, balance_fen=1_000)
    foreign = await world.open_wallet(THERE)
    named = await desk.enrolled("named", wallet=wallet, load_fen=100)
    anonymous = await desk.enrolled("anonymous")
    await world.settle(desk.load(anonymous, 100, 1, wallet=wallet))
    await refused(world, desk.unload(desk.pay(named, other, 1), other, 1), Code.DEVICE_UNKNOWN)
    payment = desk.pay(anonymous, foreign, 50)
    await refused(world, desk.unload(payment, foreign, 50, by=HERE), Code.OTHER_OPERATOR)
    await world.settle(desk.unload(payment, foreign, 50), operator=THERE)
    await world.settle(desk.unload(desk.pay(anonymous, other, 50), other, 50))


async def test_g1_what_no_wallet_can_ever_get_stays_on_its_device(desk: OfflineDesk) -> None:
    world = desk.world
    wallet, other, closed = [await world.open_wallet(balance_fen=fen) for fen in (200, 0, 0)]
    nowhere = replace(other, number=new_wallet(THERE, 999_999).number)
    named = await desk.enrolled("named", wallet=wallet, load_fen=100)
    anonymous = await desk.enrolled("anonymous")
    await world.settle(desk.load(anonymous, 100, 1, wallet=wallet))
    payments = [(anonymous, desk.pay(anonymous, each, 10), each) for each in (closed, nowhere)]
    payments.append((named, desk.pay(named, other, 10), other))
    early, before_fen = desk.settle(payments[0][1]), await offline_fen(world)
    await refused(world, early, Code.LEGS_NOT_ALLOWED)
    await world.settle(world.orders.by_holder(OrderType.CLOSE, closed))
    for device, payment, payee in payments:
        counted = (await desk.row(device)).payments
        await world.settle(desk.settle(payment, by=THERE), operator=THERE)
        row = await desk.row(device)
        assert (row.shadow_fen, row.payments, row.revoked) == (100, counted + 1, None)
        await refused(world, desk.settle(payment), Code.PAYMENT_SETTLED)
        [again] = await world.submit(desk.unload(payment, payee, 10), operator=payee.operator)
        assert again.outcome != SETTLED
    assert await offline_fen(world) == before_fen
    deliverable = desk.pay(anonymous, other, 10)
    await refused(world, desk.settle(deliverable), Code.LEGS_NOT_ALLOWED)
    await world.settle(desk.unload(deliverable, other, 10))
    assert (await desk.row(anonymous)).shadow_fen == 90


async def test_g3_a_payment_under_the_number_of_one_that_came_back_convicts(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet, closed = await world.open_wallet(balance_fen=100), await world.open_wallet()
    payee, device = await desk.enrolled("payee"), await desk.enrolled("cheat", wallet=wallet)
    await world.settle(desk.load(device, 100, 1))
    await world.settle(world.orders.by_holder(OrderType.CLOSE, closed))
    await world.settle(desk.settle(desk.pay(device, closed, 100, counter=1)))
    await world.settle(desk.settle(desk.pay(device, payee, 100, counter=1)))
    row = await desk.row(device)
    assert (row.convicted, row.shadow_fen, row.covered_fen) == (True, 0, 0)
    assert await desk.shadow_fen(payee) == 100


async def test_e2_a_cap_binds_an_unload_by_one_fen(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=100)
    capped = await world.open_wallet(balance_cap_fen=50)
    device = await desk.enrolled("device")
    await world.settle(desk.load(device, 100, 1, wallet=wallet))
    above = desk.unload(desk.pay(device, capped, 51), capped, 51)
    await refused(world, above, Code.PAYEE_CANNOT_RECEIVE)
    await world.settle(desk.unload(desk.pay(device, capped, 50), capped, 50))


async def test_g1_the_database_refuses_money_that_is_on_no_device(desk: OfflineDesk) -> None:
    world = desk.world
    device = await desk.enrolled("device")
    wrong = (
        "UPDATE device SET covered_fen = 1 WHERE key = $1",
        "UPDATE device SET convicted = true WHERE key = $1",
        "UPDATE device SET revoked = 1 WHERE key = $1",
        "INSERT INTO offline_payment VALUES ($1, 1, sha256(''), 1, NULL, NULL, 1, 1)",
        "INSERT INTO offline_payment VALUES ($1, 1, sha256(''), 1, $1, NULL, 0, 1)",
    )
    for statement in wrong:
        with pytest.raises(asyncpg.CheckViolationError):
            async with world.database.connection() as connection:
                await connection.execute(statement, device.key)
    with pytest.raises(asyncpg.RaiseError):
        async with world.database.connection() as connection:
            await connection.execute("DELETE FROM offline_payment")


async def test_no_index_looks_at_what_every_payment_changes(desk: OfflineDesk) -> None:
    """Else each payment would write into all indexes of both devices."""
    async with desk.world.database.connection() as connection:
        indexes = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE tablename='device'")
    assert len(indexes) > 1
    for changing in ("shadow_fen", "payments", "covered_fen"):
        assert not [each for each in indexes if changing in each["indexdef"]]


async def test_g1_a_shadow_without_money_behind_it_stops_the_writer(
    own_desk: OfflineDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch whose devices gain more than the offline account does is not written."""
    desk, world = own_desk, own_desk.world
    payer, payee = await desk.enrolled("payer"), await desk.enrolled("payee")
    height = world.height
    monkeypatch.setattr(
        "jiaozi.central_bank.registry.offline.give_back",
        lambda device, ledger: setattr(device, "shadow_fen", device.shadow_fen + 1),
    )
    [answer] = await world.submit(desk.settle(desk.pay(payer, payee, 5)))
    assert answer.refusal is not None
    with pytest.raises(InvariantBroken, match="shadow balances are off by 1 fen"):
        await world.running
    async with world.database.connection() as connection:
        assert await connection.fetchval("SELECT max(height) FROM block") == height
