"""rules.md §E.2, §E.5: caps bind every credit, and a refusal tells the payer nothing of a payee."""

import pytest

from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import SETTLED, Code, PayeeCause
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused
from tests.registry.feeds import entry_of
from tests.registry.limited import LIMITS, UNCAPPED
from tests.registry.world import RegistryWorld

ONE, OTHER = 1001, 1002
CAP_FEN = LIMITS.balance_cap_fen or 0


async def set_column(world: RegistryWorld, wallet: Wallet, assignment: str) -> None:
    """Close or freeze an account, for which there is no order yet."""
    async with world.database.connection() as connection:
        await connection.execute(
            f"UPDATE account SET {assignment} WHERE number = $1", wallet.number
        )


async def payee_that(world: RegistryWorld, cause: PayeeCause, operator: int) -> Wallet:
    """A payee that cannot receive one fen, for this cause."""
    if cause is PayeeCause.UNKNOWN:
        return new_wallet(operator, 10**9 + world.orders.series)
    wallet = await world.open_wallet(operator)
    match cause:
        case PayeeCause.CLOSED:
            await set_column(world, wallet, "closed = true")
        case PayeeCause.FROZEN:
            await set_column(world, wallet, "freezes = 2")
        case _:
            await world.exchange(wallet, CAP_FEN)
    return wallet


CAUSES = [PayeeCause.UNKNOWN, PayeeCause.CLOSED, PayeeCause.FROZEN, PayeeCause.BALANCE_CAP]


@pytest.mark.parametrize("cause", CAUSES)
async def test_payer_learns_nothing_of_why_a_payee_cannot_receive(
    world: RegistryWorld, cause: PayeeCause
) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await payee_that(world, cause, OTHER)
    order = world.orders.payment(payer, payee, 1)
    answer = await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)
    assert answer.outcome == (Code.PAYEE_CANNOT_RECEIVE,)
    told = await entry_of(world, ONE, order)
    assert told is not None
    assert (told.outcome, told.cause) == (answer.outcome, None)


@pytest.mark.parametrize("cause", CAUSES[1:])
async def test_operator_of_the_payee_learns_the_cause(
    world: RegistryWorld, cause: PayeeCause
) -> None:
    payer, well = await world.open_wallet(balance_fen=1000), await world.open_wallet()
    payee = await payee_that(world, cause, OTHER)
    legs = [
        world.orders.leg(payer.number, well.number, 10),
        world.orders.leg(payer.number, payee.number, 1),
    ]
    order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
    await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)
    told = await entry_of(world, OTHER, order)
    assert told is not None
    assert told.cause is cause
    assert told.legs == [None, legs[1].encoded()]


async def test_operator_of_both_learns_the_cause_once(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await payee_that(world, PayeeCause.CLOSED, ONE)
    order = world.orders.payment(payer, payee, 1)
    await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)
    told = await entry_of(world, ONE, order)
    assert told is not None
    assert told.cause is PayeeCause.CLOSED


@pytest.mark.parametrize("cause", CAUSES)
async def test_rules_of_the_payer_come_before_any_of_a_payee(
    world: RegistryWorld, cause: PayeeCause
) -> None:
    payer = await world.open_wallet(balance_fen=1000, single_limit_fen=2000, day_limit_fen=1999)
    payee = await payee_that(world, cause, OTHER)
    for amount, code in (
        (1001, Code.INSUFFICIENT_FUNDS),
        (2000, Code.LIMIT_DAY),
        (2001, Code.LIMIT_SINGLE),
    ):
        await refused(world, world.orders.payment(payer, payee, amount), code)
    frozen = await world.open_wallet(balance_fen=1000)
    await set_column(world, frozen, "freezes = 1")
    await refused(world, world.orders.payment(frozen, payee, 1), Code.ACCOUNT_FROZEN)


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("freezes = 1", Code.ACCOUNT_FROZEN),
        ("freezes = 2", Code.ACCOUNT_FROZEN),
        ("closed = true", Code.ACCOUNT_CLOSED),
    ],
)
async def test_closed_or_frozen_wallet_spends_nothing(
    world: RegistryWorld, assignment: str, code: Code
) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    await set_column(world, payer, assignment)
    await refused(world, world.orders.payment(payer, payee, 1), code)
    await refused(world, world.orders.redeem(payer, 1), code)


async def test_wallet_frozen_for_debits_receives(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    await set_column(world, payee, "freezes = 1")
    assert (await world.pay(payer, payee, 1)).outcome == SETTLED


async def test_balance_cap_binds_to_the_fen(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    await world.exchange(payee, CAP_FEN - 1500)
    await refused(world, world.orders.payment(payer, payee, 501), Code.PAYEE_CANNOT_RECEIVE)
    await refused(world, world.orders.exchange(payee, 501), Code.PAYEE_CANNOT_RECEIVE)
    assert (await world.pay(payer, payee, 500)).outcome == SETTLED
    assert await world.balance_fen(payee) == CAP_FEN


async def test_own_lower_cap_binds_to_the_fen(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await world.open_wallet(balance_fen=100, balance_cap_fen=700)
    await refused(world, world.orders.payment(payer, payee, 601), Code.PAYEE_CANNOT_RECEIVE)
    assert (await world.pay(payer, payee, 600)).outcome == SETTLED


async def test_cap_binds_on_the_sum_of_an_orders_legs(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await world.open_wallet(balance_cap_fen=700)
    for amounts, settles in (((400, 301), False), ((400, 300), True)):
        legs = [world.orders.leg(payer.number, payee.number, each) for each in amounts]
        order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
        if settles:
            await world.settle(order)
        else:
            await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)


async def test_cap_binds_on_a_group_over_all_its_wallets(world: RegistryWorld) -> None:
    parent = await world.open_wallet(balance_fen=CAP_FEN - 700)
    child = await world.open_wallet(group=parent.group, parent=parent.number)
    payer = await world.open_wallet(balance_fen=1000)
    await refused(world, world.orders.payment(payer, child, 701), Code.PAYEE_CANNOT_RECEIVE)
    assert (await world.pay(payer, child, 700)).outcome == SETTLED
    await refused(world, world.orders.payment(payer, parent, 1), Code.PAYEE_CANNOT_RECEIVE)
    assert (await world.pay(parent, child, 1000)).outcome == SETTLED


async def test_what_a_payer_gives_makes_room_for_what_it_gets(world: RegistryWorld) -> None:
    full = await world.open_wallet(balance_fen=CAP_FEN)
    other = await world.open_wallet(balance_fen=1000)
    legs = [
        world.orders.leg(full.number, other.number, 600),
        world.orders.leg(other.number, full.number, 600),
    ]
    signers = [full.signer, other.signer]
    await world.settle(world.orders.sign(world.orders.head(OrderType.PAYMENT), signers, legs))
    assert await world.balance_fen(full) == CAP_FEN


async def test_balances_stop_at_the_largest_amount(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=10, wallet_class=UNCAPPED)
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE account SET balance_fen = $2, group_balance_fen = $2 WHERE number = $1",
            payee.number,
            2**63 - 5,
        )
    await refused(world, world.orders.payment(payer, payee, 5), Code.PAYEE_CANNOT_RECEIVE)
    assert (await world.pay(payer, payee, 4)).outcome == SETTLED
