"""Devices and the revocation list over HTTP and in feeds, to whom they concern (rules.md §F)."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.revocations import (
    ENTRIES_MAX,
    FRAME_BYTES_MAX,
    Revocations,
    revocations_of,
)
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.registry.feeds import entry_of
from tests.registry.network import OPERATORS, Keys, certified, key
from tests.registry.offline_builders import OFFLINE, OfflineDesk
from tests.registry.served import Served, clock_ms, genesis_for, problem, served_registry

HERE, THERE = OPERATORS
DAY_MS = 86_400_000
LIST = key("list")


@pytest.fixture
async def bank(database_dsn: str) -> AsyncIterator[Served]:
    """A central bank with guarantees, and with a key for the list that nobody certified yet."""
    genesis = genesis_for(Keys(), OFFLINE)
    async with served_registry(
        database_dsn, genesis, rulebook=OFFLINE, list_signers=[LIST]
    ) as served:
        await served.provide(HERE, 10**7)
        desk = OfflineDesk(served)
        await served.operator().settle(desk.fund_guarantee(HERE, 10**6))
        yield served


async def test_f1_a_device_is_shown_to_its_operator_and_to_its_holder(bank: Served) -> None:
    desk, wallet = OfflineDesk(bank), await bank.open_wallet(balance_fen=1_000)
    purse = desk.purse("device", wallet=wallet)
    until_ms = clock_ms() + DAY_MS
    await bank.operator().settle(
        desk.enrol(purse, not_before_ms=clock_ms() - DAY_MS, not_after_ms=until_ms),
        desk.load(purse, 300, 1),
        desk.unload(desk.pay(purse, wallet, 100, counter=7), wallet, 100),
    )
    url = f"/v1/devices/{purse.key.hex()}"
    shown = (await bank.operator().get(url)).json()
    assert shown == {
        "key": purse.key.hex(), "suite": -8, "operator": "1001", "wallet": f"{wallet.number:016d}",
        "profile": 1, "generation": 1, "not_after_ms": until_ms, "balance_cap_fen": 100_000,
        "shadow_fen": 200, "loads": 1, "payments": 1, "revoked": None, "revoked_ms": None,
        "convicted": False, "covered_fen": 0, "counter": 7,
    }  # fmt: skip
    assert problem(await bank.operator(THERE).get(url))["code"] == Code.NOT_FOUND
    assert problem(await bank.operator().get(f"/v1/devices/{bytes(32).hex()}"))["status"] == 404
    assert problem(await bank.caller(None).get(url))["code"] == Code.REQUEST_UNSIGNED
    assert problem(await bank.auditor.get(url))["code"] == Code.NOT_ALLOWED
    # What the holder reads without an operator is the same view.
    account = (await bank.operator().get(f"/v1/accounts/{wallet.number:016d}")).json()
    del shown["counter"]
    assert account["devices"] == [shown]


async def test_g4_anyone_gets_the_revocation_list_in_signed_frames(bank: Served) -> None:
    generations = [
        bank.orders.by_officers(OrderType.OLDEST_GENERATION, generation=number + 1)
        for number in range(ENTRIES_MAX + 2)
    ]
    await bank.officer.settle(*generations)
    anyone = bank.caller(None)
    assert problem(await anyone.get("/v1/revocations"))["code"] == Code.UNAVAILABLE
    await bank.officer.settle(bank.orders.certify(certified(Use.LIST_SIGNING, LIST)))
    anchor = Anchor(network=bank.network.id, root_key=bank.network.root_key)
    revocations = Revocations()
    frames = await _frames(bank, 0)
    assert [len(each) <= FRAME_BYTES_MAX for each in frames] == [True, True]
    for frame in frames:
        revocations = revocations.extended(frame, anchor, 0)
    assert (revocations.number, revocations.oldest_generation) == (ENTRIES_MAX + 2,) * 2
    assert revocations_of(revocations.fields()) == revocations
    # Who is anywhere inside gets the rest; the same frame for the same entries.
    assert (await _frames(bank, ENTRIES_MAX))[-1] == frames[-1]
    assert await _frames(bank, ENTRIES_MAX + 2) == []
    assert problem(await anyone.get("/v1/revocations?after=-1"))["code"] == Code.MALFORMED


async def _frames(bank: Served, after: int) -> list[bytes]:
    response = await bank.caller(None).get(f"/v1/revocations?after={after}")
    assert response.headers["content-type"] == "application/cbor-seq"
    items = cbor.decode_sequence(response.content, items_max=100, item_size_max=FRAME_BYTES_MAX + 3)
    return [bytes(value) for value, _ in items]


async def test_f1_a_settled_payment_is_read_by_the_operators_of_both_devices(
    desk: OfflineDesk,
) -> None:
    world = desk.world
    wallet = await world.open_wallet(balance_fen=1_000)
    other = await world.open_wallet(THERE)
    payer = await desk.enrolled("payer", wallet=wallet)
    load = desk.load(payer, 100, 1)
    payee = await desk.enrolled("payee", wallet=other)
    settled = desk.settle(desk.pay(payer, payee, 60))
    unload = desk.unload(desk.pay(payee, other, 60), other, 60)
    await world.settle(load, settled)
    await world.settle(unload, operator=THERE)
    for order, readers in ((load, {HERE}), (settled, {HERE, THERE}), (unload, {THERE})):
        for operator in OPERATORS:
            assert (await entry_of(world, operator, order) is not None) == (operator in readers)
    anonymous = await desk.enrolled("anonymous")
    await world.settle(desk.settle(desk.pay(payer, anonymous, 10)))
    away = desk.unload(desk.pay(anonymous, other, 10), other, 10)
    await world.settle(away, operator=THERE)
    entry = await entry_of(world, HERE, away)
    assert entry is not None
    assert entry.legs == [None]
