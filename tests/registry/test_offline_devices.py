"""rules.md §G.4: a device is certified, enrolled, renewed, revoked; and closes with its wallet."""

from dataclasses import replace

import pytest

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Profile
from jiaozi.protocol.offline.revocations import (
    NO_ENTRIES,
    extend_hash,
    generation_entry,
    revocation_entry,
)
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.feeds import entry_of
from tests.registry.network import OPERATORS, START_MS, UNLIMITED, certified, key
from tests.registry.offline_builders import GUARANTEE_FEN, LIMITS, OfflineDesk

HERE, THERE = OPERATORS
DAY_MS = 86_400_000


async def test_enrolment_needs_the_certify_key_of_the_caller(desk: OfflineDesk) -> None:
    world, purse = desk.world, desk.purse("device")
    by_another = desk.enrol(purse, certifier=THERE)
    await refused(world, by_another, Code.SIGNER_FOREIGN)
    named_another = desk.enrol(purse, operator=THERE, certifier=HERE)
    await refused(world, named_another, Code.SIGNER_FOREIGN)
    brought_elsewhere = desk.enrol(purse, by=THERE)
    await refused(world, brought_elsewhere, Code.SIGNER_FOREIGN, operator=THERE)
    by_its_vault = desk.enrol(purse, signer=world.keys.vault(HERE))
    await refused(world, by_its_vault, Code.CERTIFICATE_OTHER_USE)
    await world.settle(desk.enrol(purse))


async def test_enrolment_with_a_broken_certificate_uses_up_no_id(desk: OfflineDesk) -> None:
    world, purse = desk.world, desk.purse("device")
    certificate = bytearray(desk.certificate(purse))
    certificate[-1] ^= 1
    order = world.orders.sign(
        world.orders.head(OrderType.ENROL), [world.keys.certify(HERE)],
        device_certificate=bytes(certificate),
    )  # fmt: skip
    await refused(world, order, Code.SIGNATURE_INVALID)


async def test_a_stolen_certify_key_enrols_nothing_more(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    spare = key("spare")
    order = desk.enrol(desk.purse("device"))
    await world.settle(world.orders.certify(certified(Use.OPERATOR_CERTIFY, spare, HERE)))
    await world.settle(world.orders.revoke(world.keys.certify(HERE).public_key))
    await refused(world, order, Code.CERTIFICATE_REVOKED)


@pytest.mark.parametrize("name", LIMIT_NAMES)
async def test_limits_of_a_certificate_stay_within_the_rulebook_by_one(
    desk: OfflineDesk, name: str
) -> None:
    world, purse = desk.world, desk.purse(name)
    above = replace(LIMITS, **{name: getattr(LIMITS, name) + 1})
    await refused(world, desk.enrol(purse, limits=above), Code.DEVICE_LIMITS_TOO_HIGH)
    below = replace(LIMITS, **{name: getattr(LIMITS, name) - 1})
    await world.settle(desk.enrol(purse, limits=below))


async def test_a_profile_that_the_rulebook_lacks_is_not_enrolled(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    tap = desk.enrol(desk.purse("tap"), profile=Profile.TAP)
    await refused(world, tap, Code.DEVICE_LIMITS_TOO_HIGH)


async def test_a_rulebook_without_offline_stops_enrolments_and_loads(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    device = await desk.enrolled("device", wallet=wallet, load_fen=100)
    payee = await desk.enrolled("payee")
    control = world.writer.lead.control
    world.writer.lead.control = replace(
        control,
        library={**control.library, UNLIMITED.hash: UNLIMITED},
        schedule=((0, UNLIMITED.hash),),
    )
    await refused(world, desk.enrol(desk.purse("new")), Code.DEVICE_LIMITS_TOO_HIGH)
    await refused(world, desk.load(device, 100, 2), Code.DEVICE_LIMITS_TOO_HIGH)
    await world.settle(desk.settle(desk.pay(device, payee, 50)))
    await world.settle(desk.unload(desk.pay(device, wallet, 50), wallet, 50))


async def test_a_device_is_enrolled_within_its_certificates_time(desk: OfflineDesk) -> None:
    world, purse = desk.world, desk.purse("device")
    now_ms = world.clock.now_ms
    for terms in ({"not_before_ms": now_ms + 1}, {"not_after_ms": now_ms}):
        await refused(world, desk.enrol(purse, **terms), Code.DEVICE_ENDED)
    await world.settle(desk.enrol(purse, not_before_ms=now_ms, not_after_ms=now_ms + 1))


async def test_a_device_is_enrolled_from_an_open_wallet_of_its_operator(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    mine, foreign = await world.open_wallet(), await world.open_wallet(THERE)
    purse = desk.purse("device", wallet=foreign)
    purse.operator = HERE
    await refused(world, desk.enrol(purse), Code.OTHER_OPERATOR)
    await world.settle(world.orders.by_holder(OrderType.CLOSE, mine))
    await refused(world, desk.enrol(desk.purse("late", wallet=mine)), Code.ACCOUNT_CLOSED)


async def test_only_a_later_certificate_for_the_same_wallet_renews(desk: OfflineDesk) -> None:
    world = desk.world
    wallet, other = await world.open_wallets(2, balance_fen=1_000)
    end_ms = START_MS + 100 * DAY_MS
    device = await desk.enrolled(
        "device", wallet=wallet, load_fen=500, not_after_ms=end_ms, generation=3
    )
    for terms in (
        {"not_after_ms": end_ms, "generation": 3},
        {"not_after_ms": end_ms - 1, "generation": 4},
        {"not_after_ms": end_ms + 1, "generation": 2},
    ):
        await refused(world, desk.enrol(device, **terms), Code.DEVICE_KNOWN)
    moved = replace(device, wallet=other)
    await refused(world, desk.enrol(moved, not_after_ms=end_ms + 1), Code.DEVICE_KNOWN)
    lower = replace(LIMITS, balance_fen=600)
    renewal = desk.enrol(device, not_after_ms=end_ms + 1, generation=3, limits=lower)
    await world.settle(renewal)
    row = await desk.row(device)
    assert (row.not_after_ms, row.balance_cap_fen) == (end_ms + 1, 600)
    assert (row.shadow_fen, row.loads) == (500, 1)
    await world.settle(desk.revoke(device))
    later = desk.enrol(device, not_after_ms=end_ms + 2, generation=3)
    await refused(world, later, Code.DEVICE_KNOWN)


async def test_another_operator_takes_over_no_device(desk: OfflineDesk) -> None:
    world = desk.world
    device = await desk.enrolled("device")
    thief = replace(device, operator=THERE)
    stolen = desk.enrol(thief, not_after_ms=START_MS + 301 * DAY_MS)
    await refused(world, stolen, Code.DEVICE_KNOWN, operator=THERE)


async def test_a_revoked_device_stands_on_the_list_at_the_next_number(desk: OfflineDesk) -> None:
    world, number = desk.world, await desk.list_number()
    device, other = await desk.enrolled("device"), await desk.enrolled("other")
    by_another = desk.revoke(device, by=THERE)
    await refused(world, by_another, Code.OTHER_OPERATOR, operator=THERE)
    await refused(world, desk.revoke(desk.purse("nobody")), Code.DEVICE_UNKNOWN)
    await world.settle(desk.revoke(device), desk.revoke(other))
    row = await desk.row(other)
    assert (row.revoked, row.revoked_ms) == (number + 2, world.clock.now_ms)
    assert not row.convicted
    await refused(world, desk.revoke(device), Code.DEVICE_ENDED)


async def test_the_oldest_generation_only_rises_and_stops_loads(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    old = await desk.enrolled("old", wallet=wallet, load_fen=100, generation=1)
    new = await desk.enrolled("new", wallet=wallet, generation=2)
    await refused(world, desk.oldest_generation(0), Code.GENERATION_NOT_NEWER, 0)
    await world.settle(desk.oldest_generation(2))
    await refused(world, desk.oldest_generation(2), Code.GENERATION_NOT_NEWER, 2)
    await refused(world, desk.load(old, 1, 2), Code.DEVICE_ENDED)
    await refused(world, desk.enrol(desk.purse("late"), generation=1), Code.DEVICE_ENDED)
    await world.settle(desk.load(new, 1, 1))
    await world.settle(desk.unload(desk.pay(old, wallet, 100), wallet, 100))
    await world.settle(desk.enrol(old, generation=2))
    await world.settle(desk.load(old, 1, 2))


async def test_g4_the_list_is_a_chain_of_its_entries(own_desk: OfflineDesk) -> None:
    desk, world = own_desk, own_desk.world
    device = await desk.enrolled("device", not_after_ms=START_MS + 5 * DAY_MS)
    await world.settle(desk.oldest_generation(1), desk.revoke(device))
    entries = [generation_entry(1), revocation_entry(device.key, START_MS + 5 * DAY_MS)]
    async with world.database.connection() as connection:
        rows = await connection.fetch("SELECT number, entry, hash FROM revocation ORDER BY number")
        with pytest.raises(Exception, match="append-only"):
            await connection.execute("UPDATE revocation SET number = 3 WHERE number = 2")
    assert [(row["number"], row["entry"]) for row in rows] == list(enumerate(entries, 1))
    assert rows[-1]["hash"] == extend_hash(NO_ENTRIES, entries)
    await world.restart()
    await world.settle(desk.oldest_generation(2))
    assert await desk.list_number() == 3


async def test_a_wallet_closes_without_devices_only(desk: OfflineDesk) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=100)
    device = await desk.enrolled("device", wallet=wallet, load_fen=100)
    close = world.orders.by_holder(OrderType.CLOSE, wallet)
    await refused(world, close, Code.DEVICE_KNOWN)
    await world.settle(desk.revoke(device))
    holds_money = world.orders.by_holder(OrderType.CLOSE, wallet)
    await refused(world, holds_money, Code.DEVICE_KNOWN)
    payee = await desk.enrolled("payee")
    await world.settle(desk.settle(desk.pay(device, payee, 100)))
    await world.settle(world.orders.by_holder(OrderType.CLOSE, wallet))


async def test_the_carrier_of_a_failed_operator_acts_for_its_devices(
    own_desk: OfflineDesk,
) -> None:
    """The guarantee stays the one of who certified."""
    desk, world = own_desk, own_desk.world
    wallet = await world.open_wallet(THERE, balance_fen=1_000)
    named = await desk.enrolled("named", wallet=wallet, load_fen=300)
    anonymous, payee = await desk.enrolled("anonymous", THERE), await desk.enrolled("payee")
    failed = world.orders.by_officers(OrderType.REASSIGN, operator=THERE, carrier=HERE)
    await world.settle(failed)
    await world.settle(desk.load(anonymous, 100, 1, wallet=wallet))
    await world.settle(desk.unload(desk.pay(named, wallet, 50), wallet, 50, by=HERE))
    double = [desk.pay(anonymous, payee, 100, counter=1, salt=salt) for salt in (1, 2)]
    settled = [desk.settle(each) for each in double]
    await world.settle(*settled)
    assert await desk.guarantee_fen(THERE) == GUARANTEE_FEN - 100
    assert await entry_of(world, HERE, settled[0]) is not None
    assert await entry_of(world, THERE, settled[0]) is None
    await world.settle(desk.revoke(named, by=HERE))
