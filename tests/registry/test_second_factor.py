"""rules.md §E.6: above an account's own amount the operator signs too, for that very order."""

from jiaozi.protocol.numbers import vault_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import Wallet
from tests.registry.effects import refused
from tests.registry.world import RegistryWorld

ONE, OTHER = 1001, 1002
ABOVE_FEN = 500


def pay(
    world: RegistryWorld, payers: list[Wallet], payee: Wallet, amount: int, *more: Ed25519Signer
) -> bytes:
    """A payment by these wallets, each of this amount, signed by further keys as well."""
    legs = [world.orders.leg(each.number, payee.number, amount) for each in payers]
    signers = [*(each.signer for each in payers), *more]
    return world.orders.sign(world.orders.head(OrderType.PAYMENT), signers, legs)


async def test_second_factor_is_asked_from_one_fen_above(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    payee = await world.open_wallet()
    order = pay(world, [payer], payee, ABOVE_FEN + 1)
    await refused(world, order, Code.SECOND_FACTOR_REQUIRED, ABOVE_FEN)
    await world.settle(pay(world, [payer], payee, ABOVE_FEN))


async def test_certify_key_of_the_operator_is_the_second_factor(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    payee = await world.open_wallet()
    await world.settle(pay(world, [payer], payee, ABOVE_FEN + 1, world.keys.certify(ONE)))


async def test_keys_of_others_are_no_second_factor(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    payee = await world.open_wallet()
    for signer, code in (
        (world.keys.certify(OTHER), Code.SIGNER_FOREIGN),
        (world.keys.vault(ONE), Code.CERTIFICATE_OTHER_USE),
        (world.keys.transport(ONE), Code.CERTIFICATE_OTHER_USE),
        (payee.signer, Code.CERTIFICATE_UNKNOWN),
    ):
        await refused(world, pay(world, [payer], payee, ABOVE_FEN + 1, signer), code)


async def test_second_factor_alone_spends_nothing(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    payee = await world.open_wallet()
    legs = [world.orders.leg(payer.number, payee.number, 1)]
    head = world.orders.head(OrderType.PAYMENT)
    order = world.orders.sign(head, [world.keys.certify(ONE), world.keys.vault(ONE)], legs)
    await refused(world, order, Code.SIGNER_FOREIGN)


async def test_second_factor_is_on_the_sum_of_an_orders_legs(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    one, two = await world.open_wallets(2)
    legs = [
        world.orders.leg(payer.number, one.number, 300),
        world.orders.leg(payer.number, two.number, 201),
    ]
    order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
    await refused(world, order, Code.SECOND_FACTOR_REQUIRED, ABOVE_FEN)


async def test_one_second_factor_serves_all_payers_of_its_operator(world: RegistryWorld) -> None:
    payers = [
        await world.open_wallet(ONE, balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
        for _ in range(2)
    ]
    payee = await world.open_wallet()
    order = pay(world, payers, payee, 501)
    await refused(world, order, Code.SECOND_FACTOR_REQUIRED, ABOVE_FEN)
    foreign = pay(world, payers, payee, 501, world.keys.certify(OTHER))
    await refused(world, foreign, Code.SIGNER_FOREIGN)
    await world.settle(pay(world, payers, payee, 501, world.keys.certify(ONE)))


async def test_a_redemption_above_the_amount_takes_the_second_factor(world: RegistryWorld) -> None:
    wallet = await world.open_wallet(balance_fen=2000, second_factor_above_fen=ABOVE_FEN)
    alone = world.orders.redeem(wallet, ABOVE_FEN + 1)
    await refused(world, alone, Code.SECOND_FACTOR_REQUIRED, ABOVE_FEN)
    await world.settle(world.orders.redeem(wallet, ABOVE_FEN))
    legs = [world.orders.leg(wallet.number, vault_of(ONE), ABOVE_FEN + 1)]
    signers = [wallet.signer, world.keys.certify(ONE)]
    await world.settle(world.orders.sign(world.orders.head(OrderType.REDEEM), signers, legs))
    assert await world.balance_fen(wallet) == 2000 - 2 * ABOVE_FEN - 1


async def test_second_factor_of_nothing_binds_every_payment(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=2000, second_factor_above_fen=0)
    payee = await world.open_wallet()
    await refused(world, pay(world, [payer], payee, 1), Code.SECOND_FACTOR_REQUIRED, 0)
