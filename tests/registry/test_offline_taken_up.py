"""rules.md §G.2: a device that a certify key made and nobody enrolled; its payees lose nothing."""

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.offline.revocations import certifier_entry, extend_hash
from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.feeds import entry_of
from tests.registry.network import OPERATORS, START_MS, certified, key
from tests.registry.offline_builders import CLAIM_WAIT_S, OfflineDesk

HERE, THERE = OPERATORS
DAY_MS = 86_400_000
WAIT_MS = CLAIM_WAIT_S * 1_000


async def steal(desk: OfflineDesk) -> None:
    """The certify key of an operator is revoked, and the operator has another."""
    orders = desk.world.orders
    spare = certified(Use.OPERATOR_CERTIFY, key("spare"), HERE)
    await desk.world.settle(orders.certify(spare))
    await desk.world.settle(orders.revoke(desk.world.keys.certify(HERE).public_key))


async def test_g2_who_was_paid_by_a_device_of_a_stolen_key_is_paid_from_the_guarantee(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    rogue, payee = desk.purse("rogue"), await desk.enrolled("payee", THERE)
    payment, guarantee_fen = desk.pay(rogue, payee, 700), await desk.guarantee_fen()
    await refused(world, desk.settle(payment, by=THERE), Code.DEVICE_UNKNOWN, operator=THERE)
    number = await desk.list_number()
    await world.settle(
        desk.take_up(rogue, by=THERE), desk.settle(payment, by=THERE), operator=THERE
    )
    row = await desk.row(rogue)
    assert (row.convicted, row.wallet, row.shadow_fen, row.covered_fen) == (True, None, 0, 700)
    assert (row.revoked, row.revoked_ms) == (number + 1, world.clock.now_ms)
    assert await desk.shadow_fen(payee) == 700
    assert await desk.guarantee_fen() == guarantee_fen - 700
    twice = desk.take_up(rogue, by=THERE)
    await refused(world, twice, Code.DEVICE_KNOWN, operator=THERE)


async def test_g2_what_an_honest_device_paid_to_it_comes_to_the_guarantee(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    rogue, wallet = desk.purse("rogue"), await world.open_wallet(balance_fen=1_000)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=1_000)
    payee, guarantee_fen = await desk.enrolled("payee", THERE), await desk.guarantee_fen()
    await world.settle(
        desk.take_up(rogue),
        desk.settle(desk.pay(rogue, payee, 700)),
        desk.settle(desk.pay(payer, rogue, 900)),
    )
    row = await desk.row(rogue)
    assert (row.shadow_fen, row.covered_fen) == (200, 0)
    assert await desk.guarantee_fen() == guarantee_fen
    unload = desk.unload(desk.pay(rogue, wallet, 200), wallet, 200)
    await refused(world, unload, Code.DEVICE_ENDED)


async def test_g2_no_device_that_was_ever_enrolled_is_taken_up(desk: OfflineDesk) -> None:
    """Under no certificate of its key, a later one and one that was refused among them."""
    world = desk.world
    device, lost = await desk.enrolled("honest"), await desk.enrolled("lost")
    await world.settle(desk.revoke(lost))
    later = START_MS + 301 * DAY_MS
    for purse in (device, lost):
        for terms in ({}, {"not_after_ms": later}, {"generation": 0}):
            await refused(world, desk.take_up(purse, by=THERE, **terms), Code.DEVICE_KNOWN,
                          operator=THERE)  # fmt: skip
    assert not (await desk.row(device)).convicted


async def test_only_what_a_certify_key_of_its_operator_signed_is_taken_up(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    rogue, now_ms = desk.purse("rogue"), world.clock.now_ms
    later = key("later")
    begins = certified(Use.OPERATOR_CERTIFY, later, HERE, not_before_ms=now_ms - DAY_MS)
    await world.settle(world.orders.certify(begins))
    for terms, code in (
        ({"signer": key("nobody")}, Code.CERTIFICATE_UNKNOWN),
        ({"signer": world.keys.vault(HERE)}, Code.CERTIFICATE_OTHER_USE),
        ({"certifier": THERE}, Code.SIGNER_FOREIGN),
        ({"signer": later, "not_before_ms": now_ms - DAY_MS - 1}, Code.CERTIFICATE_NOT_VALID_NOW),
    ):
        await refused(world, desk.take_up(rogue, **terms), code)
    late = desk.enrol(rogue, signer=later, not_before_ms=now_ms - DAY_MS - 1)
    await refused(world, late, Code.CERTIFICATE_NOT_VALID_NOW)
    await refused(world, desk.take_up(rogue, by=THERE), Code.SIGNER_FOREIGN)
    await world.settle(desk.take_up(rogue, signer=later, not_before_ms=now_ms - DAY_MS))


async def test_g4_a_revoked_certify_key_is_on_the_list_and_stands_for_its_devices(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    rogue, before = desk.purse("rogue"), world.writer
    await steal(desk)
    stolen = world.keys.certify(HERE).public_key
    ends_ms = before.control.keys[stolen].certified.not_after_ms
    async with world.database.connection() as connection:
        [row] = await connection.fetch("SELECT entry, hash FROM revocation")
    assert row["entry"] == certifier_entry(stolen, ends_ms)
    assert row["hash"] == extend_hash(bytes(32), [row["entry"]])
    await world.settle(desk.take_up(rogue, by=THERE), operator=THERE)
    assert await desk.list_number() == 1
    assert (await desk.row(rogue)).revoked_ms == before.control.keys[stolen].revoked_ms


async def test_g2_a_stolen_key_drains_nothing_once_honest_payees_must_have_surfaced(
    own_desk: OfflineDesk,
) -> None:
    desk, world = own_desk, own_desk.world
    payee, rogues = await desk.enrolled("payee", THERE), [desk.purse(f"{n}") for n in range(3)]
    await world.settle(desk.take_up(rogues[0]))
    world.clock.now_ms += 10
    await steal(desk)
    until_ms = world.clock.now_ms + WAIT_MS
    world.clock.now_ms = until_ms - 1
    early = desk.settle(desk.pay(rogues[0], payee, 5), by=THERE)
    await refused(world, early, Code.SURFACED_TOO_LATE, operator=THERE)  # since it was taken up
    await world.settle(
        desk.take_up(rogues[1], by=THERE),
        desk.settle(desk.pay(rogues[1], payee, 10), by=THERE),
        operator=THERE,
    )
    world.clock.now_ms = until_ms
    late = desk.take_up(rogues[2], by=THERE)
    await refused(world, late, Code.SURFACED_TOO_LATE, until_ms, operator=THERE)
    payment = desk.settle(desk.pay(rogues[1], payee, 1), by=THERE)
    await refused(world, payment, Code.SURFACED_TOO_LATE, until_ms, operator=THERE)
    # What it has is not the guarantee's: that moves on.
    wallet = await world.open_wallet(THERE, balance_fen=50)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=50)
    await world.settle(
        desk.settle(desk.pay(payer, rogues[1], 50), by=THERE),
        desk.settle(desk.pay(rogues[1], payee, 40), by=THERE),
        operator=THERE,
    )
    assert await desk.shadow_fen(payee) == 50


async def test_a_taken_up_device_is_neither_loaded_nor_enrolled_nor_claimed(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=100)
    rogue = desk.purse("rogue", wallet=wallet)
    await world.settle(desk.take_up(rogue))
    await refused(world, desk.enrol(rogue), Code.DEVICE_KNOWN)
    await refused(world, desk.load(rogue, 10, 1), Code.DEVICE_ENDED)
    await refused(world, desk.claim(rogue, wallet, 1), Code.DEVICE_UNKNOWN)
    await refused(world, desk.revoke(rogue), Code.DEVICE_ENDED)


async def test_the_operator_whose_key_it_was_learns_of_a_device_that_another_took_up(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    order = desk.take_up(desk.purse("rogue"), by=THERE)
    await world.settle(order, operator=THERE)
    for operator in OPERATORS:
        assert await entry_of(world, operator, order) is not None
