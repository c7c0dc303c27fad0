"""rules.md §B.1: an order moves all of its money or none, signed by all whom it debits."""

import pytest

from jiaozi.protocol.order_types import LEGS_MAX, OrderType
from jiaozi.protocol.orders import Leg
from jiaozi.protocol.refusals import Code
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused
from tests.registry.world import RegistryWorld


def order(world: RegistryWorld, legs: list[Leg], *owners: Wallet) -> bytes:
    head = world.orders.head(OrderType.PAYMENT)
    return world.orders.sign(head, [each.signer for each in owners], legs)


async def balances(world: RegistryWorld, *wallets: Wallet) -> list[int]:
    return [await world.balance_fen(each) for each in wallets]


async def test_sixteen_legs_settle_together(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payees = await world.open_wallets(LEGS_MAX)
    legs = [world.orders.leg(payer.number, each.number, i) for i, each in enumerate(payees, 1)]
    await world.settle(order(world, legs, payer))
    assert await balances(world, payer, *payees) == [1000 - 136, *range(1, 17)]


async def test_seventeen_legs_are_refused(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payees = await world.open_wallets(LEGS_MAX + 1)
    legs = [world.orders.leg(payer.number, each.number, 1) for each in payees]
    await refused(world, order(world, legs, payer), Code.MALFORMED, "legs")


@pytest.mark.parametrize("place", range(4))
async def test_one_leg_that_fails_leaves_all_undone(world: RegistryWorld, place: int) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payees = await world.open_wallets(4)
    payees[place] = new_wallet(1001, 10**9 + world.orders.series)
    legs = [world.orders.leg(payer.number, each.number, 10) for each in payees]
    await refused(world, order(world, legs, payer), Code.PAYEE_CANNOT_RECEIVE)


async def test_sum_of_legs_must_be_covered(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    one, two = await world.open_wallets(2)
    for second, settles in ((401, False), (400, True)):
        legs = [
            world.orders.leg(payer.number, one.number, 600),
            world.orders.leg(payer.number, two.number, second),
        ]
        if settles:
            await world.settle(order(world, legs, payer))
        else:
            await refused(world, order(world, legs, payer), Code.INSUFFICIENT_FUNDS, 1000)


async def test_money_that_an_order_brings_does_not_cover_what_it_takes(
    world: RegistryWorld,
) -> None:
    one, two = await world.open_wallets(2, balance_fen=100)
    legs = [world.orders.leg(one.number, two.number, 100)]
    legs.append(world.orders.leg(two.number, one.number, 101))
    await refused(world, order(world, legs, one, two), Code.INSUFFICIENT_FUNDS, 100)


async def test_several_owners_each_sign(world: RegistryWorld) -> None:
    one, two, payee = await world.open_wallets(3, balance_fen=100)
    legs = [
        world.orders.leg(one.number, payee.number, 60),
        world.orders.leg(two.number, payee.number, 70),
    ]
    await refused(world, order(world, legs, one), Code.SIGNER_MISSING, 2, 1)
    await refused(world, order(world, legs, two), Code.SIGNER_MISSING, 2, 1)
    await refused(world, order(world, legs, payee), Code.SIGNER_FOREIGN)
    await refused(world, order(world, legs, one, payee), Code.SIGNER_MISSING, 2, 1)
    await refused(world, order(world, legs, one, two, payee), Code.CERTIFICATE_UNKNOWN)
    await world.settle(order(world, legs, one, two))
    assert await balances(world, one, two, payee) == [40, 30, 230]


async def test_one_wrong_signature_of_several_refuses_the_order(world: RegistryWorld) -> None:
    one, two, payee = await world.open_wallets(3, balance_fen=100)
    legs = [
        world.orders.leg(one.number, payee.number, 60),
        world.orders.leg(two.number, payee.number, 70),
    ]
    signed = bytearray(order(world, legs, one, two))
    signed[signed.index(two.signer.public_key) + 32 + 10] ^= 1
    await refused(world, bytes(signed), Code.SIGNATURE_INVALID)


async def test_e6_a_wallet_is_debited_through_its_own_operator_only(world: RegistryWorld) -> None:
    near = await world.open_wallet(1001, balance_fen=100)
    far = await world.open_wallet(1002, balance_fen=100)
    payee = await world.open_wallet()
    legs = [
        world.orders.leg(near.number, payee.number, 60),
        world.orders.leg(far.number, payee.number, 70),
    ]
    await refused(world, order(world, legs, near, far), Code.OTHER_OPERATOR)
    assert await balances(world, near, far, payee) == [100, 100, 0]


async def test_legs_beside_an_order_are_those_that_were_signed(world: RegistryWorld) -> None:
    payer, payee, thief = await world.open_wallets(3, balance_fen=100)
    signed = world.orders.payment(payer, payee, 1)
    swapped = signed.replace(payee.number.to_bytes(8, "big"), thief.number.to_bytes(8, "big"))
    assert swapped != signed
    await refused(world, swapped, Code.LEG_HASH_DIFFERS, 0)
