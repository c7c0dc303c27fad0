"""rules.md §E.5: with the holder's consent, the excess over a cap is redeemed in the same order."""

import pytest

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.protocol import numbers
from jiaozi.protocol.blocks import read_body
from jiaozi.protocol.order_types import FreezeScope, HaltScope, OrderType
from jiaozi.protocol.orders import Order, parse
from jiaozi.protocol.refusals import SETTLED, Code, PayeeCause
from jiaozi.protocol.sweeps import sign_sweep, sweep_leg
from tests.registry.builders import Wallet
from tests.registry.effects import refused
from tests.registry.feeds import entry_of, follow
from tests.registry.limited import LIMITS, UNCAPPED
from tests.registry.network import START_MS, key
from tests.registry.world import RegistryWorld

ONE, OTHER = 1001, 1002
CAP_FEN = LIMITS.balance_cap_fen or 0
CASE = bytes(16)


async def consent(world: RegistryWorld, wallet: Wallet, *, on: bool = True) -> None:
    order = world.orders.by_holder(OrderType.WATERFALL, wallet, on=int(on))
    await world.settle(order, operator=wallet.operator)


async def consenting(
    world: RegistryWorld, operator: int = OTHER, *, balance_fen: int = 0, **body: int | bytes
) -> Wallet:
    wallet = await world.open_wallet(operator, balance_fen=balance_fen, **body)
    await consent(world, wallet)
    return wallet


async def orders_at(world: RegistryWorld, height: int) -> list[Order]:
    async with world.database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM block WHERE height = $1", height)
    assert row is not None
    return [parse(each.submission) for each in read_body(row["body"], row["order_count"])]


async def sweeps_after(world: RegistryWorld, answer: Answer) -> list[tuple[int, int, int]]:
    """Debit, credit and amount of the sweeps that stand directly after an order."""
    assert answer.outcome == SETTLED
    payment, *others = (await orders_at(world, answer.height))[answer.position :]
    found: list[tuple[int, int, int]] = []
    for each in others:
        if each.type is not OrderType.SWEEP:
            break
        assert each.link == payment.identity
        assert each.keys == (world.keys.block.public_key,)
        found += [(leg.debit, leg.credit, leg.amount) for leg in each.legs]
    return found


async def vault_fen(world: RegistryWorld, operator: int) -> int:
    return (await world.account(numbers.vault_of(operator))).balance_fen


def pays(world: RegistryWorld, payer: Wallet, *legs: tuple[Wallet, int]) -> bytes:
    head = world.orders.head(OrderType.PAYMENT)
    named = [world.orders.leg(payer.number, payee.number, amount) for payee, amount in legs]
    return world.orders.sign(head, [payer.signer], named)


@pytest.mark.parametrize(("amount_fen", "excess_fen"), [(700, 0), (701, 1), (1000, 300)])
async def test_exactly_the_excess_over_a_cap_is_redeemed(
    world: RegistryWorld, amount_fen: int, excess_fen: int
) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, balance_fen=CAP_FEN - 700)
    before_fen = await vault_fen(world, OTHER)
    answer = await world.pay(payer, payee, amount_fen)
    vault = numbers.vault_of(OTHER)
    swept = [(payee.number, vault, excess_fen)] if excess_fen else []
    assert await sweeps_after(world, answer) == swept
    assert await world.balance_fen(payee) == CAP_FEN - 700 + amount_fen - excess_fen
    assert await world.balance_fen(payer) == 1000 - amount_fen
    assert await vault_fen(world, OTHER) == before_fen + excess_fen


async def test_an_own_lower_cap_is_the_one_that_counts(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, balance_fen=100, balance_cap_fen=600)
    answer = await world.pay(payer, payee, 501)
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(OTHER), 1)]


async def test_a_lowered_cap_leaves_what_is_there(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, balance_fen=900)
    lower = world.orders.by_holder(OrderType.LOWER_LIMITS, payee, balance_cap_fen=500)
    await world.settle(lower, operator=OTHER)
    answer = await world.pay(payer, payee, 30)
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(OTHER), 30)]
    assert await world.balance_fen(payee) == 900


async def test_the_cap_of_a_group_is_kept_over_all_its_wallets(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    parent = await world.open_wallet(OTHER, balance_fen=CAP_FEN - 100)
    child = await consenting(world, group=parent.group, parent=parent.number, balance_cap_fen=90)
    vault = numbers.vault_of(OTHER)
    own = await world.pay(payer, child, 95)
    assert await sweeps_after(world, own) == [(child.number, vault, 5)]
    await world.settle(world.orders.redeem(child, 80), operator=OTHER)
    assert await sweeps_after(world, await world.pay(payer, parent, 60)) == []
    of_group = await world.pay(payer, child, 100)
    assert await sweeps_after(world, of_group) == [(child.number, vault, 70)]
    assert (await world.account(parent.number)).group_balance_fen == CAP_FEN
    gone = world.orders.redeem(child, 40), world.orders.redeem(parent, 60)
    await world.settle(*gone, operator=OTHER)
    above_both = await world.pay(payer, child, 110)
    assert await sweeps_after(world, above_both) == [(child.number, vault, 20)]


async def test_each_payee_of_a_group_gives_back_its_share_once(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    parent = await consenting(world, balance_fen=CAP_FEN - 100)
    child = await consenting(world, group=parent.group, parent=parent.number)
    answer = (await world.settle(pays(world, payer, (child, 150), (parent, 70))))[0]
    vault = numbers.vault_of(OTHER)
    assert await sweeps_after(world, answer) == [(child.number, vault, 120)]
    answer = (await world.settle(pays(world, payer, (child, 50), (parent, 70))))[0]
    assert await sweeps_after(world, answer) == [
        (child.number, vault, 50), (parent.number, vault, 70),
    ]  # fmt: skip
    assert (await world.account(parent.number)).group_balance_fen == CAP_FEN


async def test_several_legs_to_one_payee_are_swept_as_one(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, balance_cap_fen=700)
    answer = (await world.settle(pays(world, payer, (payee, 400), (payee, 301))))[0]
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(OTHER), 1)]
    assert await world.balance_fen(payee) == 700


async def test_one_payee_without_consent_stops_the_payment(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    willing = await consenting(world, balance_cap_fen=10)
    other = await world.open_wallet(OTHER, balance_cap_fen=10)
    await refused(world, pays(world, payer, (willing, 20), (other, 11)), Code.PAYEE_CANNOT_RECEIVE)


async def test_a_payment_by_mandate_is_swept(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee, platform = await consenting(world, balance_cap_fen=10), key("platform")
    mandate = world.orders.by_holder(
        OrderType.MANDATE, payer, countersigned_by=ONE, mandate=CASE, suite=platform.suite,
        key=platform.public_key, payee=payee.number, single_limit_fen=100, day_limit_fen=100,
        expires_at_ms=world.clock.now_ms + 10**6,
    )  # fmt: skip
    await world.settle(mandate)
    order = world.orders.pay_by_mandate(payer, payee, 40, CASE, platform)
    answer = (await world.settle(order))[0]
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(OTHER), 30)]


async def test_an_exchange_is_refused_above_the_cap_whatever_the_holder_consented_to(
    world: RegistryWorld,
) -> None:
    payee = await consenting(world, balance_cap_fen=10)
    order = world.orders.exchange(payee, 11)
    await refused(world, order, Code.PAYEE_CANNOT_RECEIVE, operator=OTHER)


async def test_consent_is_withdrawn_at_once(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, balance_cap_fen=10)
    first = await world.pay(payer, payee, 20)
    assert len(await sweeps_after(world, first)) == 1
    await consent(world, payee, on=False)
    await refused(world, world.orders.payment(payer, payee, 1), Code.PAYEE_CANNOT_RECEIVE)


async def test_consent_ends_with_the_key_that_gave_it(own_world: RegistryWorld) -> None:
    world, new = own_world, key("new")
    payer, payee = await world.open_wallet(balance_fen=10), await consenting(world)
    ask = world.orders.by_operator(
        OrderType.REBIND_REQUEST, payee, suite=new.suite, key=new.public_key
    )
    await world.settle(ask, operator=OTHER)
    world.clock.advance(world.control.rulebook_at(START_MS).delays.rebind_s * 1000)
    await world.settle(world.orders.by_operator(OrderType.REBIND_COMPLETE, payee), operator=OTHER)
    assert not (await world.account(payee.number)).waterfall
    assert (await world.pay(payer, payee, 1)).outcome == SETTLED


async def test_the_payer_learns_nothing_of_a_sweep(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    full, roomy = await consenting(world, balance_cap_fen=10), await consenting(world)
    swept, plain = (world.orders.payment(payer, each, 20) for each in (full, roomy))
    answers = await world.settle(swept, plain)
    assert [len(await sweeps_after(world, each)) for each in answers] == [1, 0]
    told = [await entry_of(world, ONE, each) for each in (swept, plain)]
    assert told[0] is not None
    assert told[1] is not None
    assert told[0]._replace(position=0, cose=b"", legs=[]) == told[1]._replace(
        position=0, cose=b"", legs=[]
    )
    seen = [
        entry
        for block in await follow(world, ONE)
        for entry in block.entries
        if block.header.header.height == answers[0].height
    ]
    assert [each.cose for each in seen] == [parse(each).cose for each in (swept, plain)]
    again = await world.submit(swept, plain)
    assert again == answers


async def test_the_operator_of_the_payee_learns_of_the_sweep(world: RegistryWorld) -> None:
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    answer = await world.pay(payer, payee, 20)
    sweep = (await orders_at(world, answer.height))[answer.position + 1]
    told = await entry_of(world, OTHER, sweep.encoded)
    assert told is not None
    assert told.legs == [sweep.legs[0].encoded()]


async def freeze(world: RegistryWorld, wallet: Wallet, scope: FreezeScope, **body: int) -> None:
    order = world.orders.by_operator(
        OrderType.OPERATOR_FREEZE, wallet, case=CASE, scope=int(scope), **body
    )
    await world.settle(order, operator=wallet.operator)


@pytest.mark.parametrize("scope", [FreezeScope.DEBITS, FreezeScope.ALL])
async def test_a_frozen_wallet_is_not_swept(world: RegistryWorld, scope: FreezeScope) -> None:
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    await freeze(world, payee, scope)
    await refused(world, world.orders.payment(payer, payee, 8), Code.PAYEE_CANNOT_RECEIVE)


@pytest.mark.parametrize(("frozen_fen", "settles"), [(7, True), (8, False)])
async def test_what_is_frozen_of_a_wallet_stays(
    world: RegistryWorld, frozen_fen: int, settles: bool
) -> None:
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    await freeze(world, payee, FreezeScope.AMOUNT, amount_fen=frozen_fen)
    order = world.orders.payment(payer, payee, 20)
    if settles:
        assert len(await sweeps_after(world, (await world.settle(order))[0])) == 1
    else:
        await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)


async def test_a_sweep_keeps_to_the_quota_of_the_vault(own_world: RegistryWorld) -> None:
    world = own_world
    payer = await world.open_wallet(balance_fen=100)
    one, two = [await consenting(world, balance_cap_fen=7) for _ in range(2)]
    await world.settle(world.orders.quota(OTHER, await vault_fen(world, OTHER) + 3))
    too_much = pays(world, payer, (one, 9), (two, 9))
    await refused(world, too_much, Code.PAYEE_CANNOT_RECEIVE)
    answer = (await world.settle(pays(world, payer, (one, 9), (two, 8))))[0]
    assert [each[2] for each in await sweeps_after(world, answer)] == [2, 1]
    await refused(world, world.orders.payment(payer, one, 1), Code.PAYEE_CANNOT_RECEIVE)


@pytest.mark.parametrize(
    ("scope", "subject"),
    [(HaltScope.OPERATOR, OTHER), (HaltScope.ORDER_TYPE, int(OrderType.SWEEP))],
)
async def test_nothing_is_swept_in_a_halt(
    own_world: RegistryWorld, scope: HaltScope, subject: int
) -> None:
    world = own_world
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    until_ms = world.clock.now_ms + 1000
    halt = world.orders.by_officers(
        OrderType.HALT, scope=int(scope), subject=subject, until_ms=until_ms
    )
    await world.settle(halt)
    assert (await world.pay(payer, payee, 7)).outcome == SETTLED
    order = world.orders.payment(payer, payee, 2)
    answer = await refused(world, order, Code.PAYEE_CANNOT_RECEIVE)
    told = await entry_of(world, OTHER, order)
    assert told is not None
    assert (told.outcome, told.cause) == (answer.outcome, PayeeCause.BALANCE_CAP)
    world.clock.advance(1000)
    assert len(await sweeps_after(world, await world.pay(payer, payee, 2))) == 1


async def test_the_excess_of_a_failed_operators_holder_goes_to_the_carrier(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    await world.settle(world.orders.by_officers(OrderType.REASSIGN, operator=OTHER, carrier=ONE))
    answer = await world.pay(payer, payee, 9)
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(ONE), 2)]


async def test_consent_and_payment_may_stand_in_one_block(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=20, balance_cap_fen=20)
    answers = await world.settle(
        world.orders.by_holder(OrderType.WATERFALL, payee, on=1),
        world.orders.payment(payer, payee, 5),
    )
    assert answers[0].height == answers[1].height
    assert await sweeps_after(world, answers[1]) == [(payee.number, numbers.vault_of(ONE), 5)]


async def test_a_payee_cannot_use_up_the_id_of_a_sweep(world: RegistryWorld) -> None:
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    payment = world.orders.payment(payer, payee, 20)
    known = parse(payment)
    leg = sweep_leg(known.identity, payee.number, numbers.vault_of(OTHER), 1)
    sweep_id = sign_sweep(known, leg, payee.signer, world.network.id).id
    head = world.orders.head(OrderType.WATERFALL, id=sweep_id)
    first = world.orders.sign(head, [payee.signer], (), number=payee.number, on=1)
    await world.settle(first, operator=OTHER)
    answer = (await world.settle(payment))[0]
    assert await sweeps_after(world, answer) == [(payee.number, numbers.vault_of(OTHER), 13)]


async def test_nobody_sends_a_sweep(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallet(balance_fen=20), await consenting(world, balance_fen=7)
    known = parse(world.orders.payment(payer, payee, 20))
    leg = sweep_leg(known.identity, payee.number, numbers.vault_of(OTHER), 1)
    for signer in (payee.signer, world.keys.block, world.keys.vault(OTHER)):
        forged = sign_sweep(known, leg, signer, world.network.id).encoded
        await refused(world, forged, Code.NOT_ALLOWED, operator=OTHER)


async def test_a_repeated_payment_is_swept_once(world: RegistryWorld) -> None:
    payer, payee = (
        await world.open_wallet(balance_fen=20),
        await consenting(world, balance_cap_fen=7),
    )
    order = world.orders.payment(payer, payee, 10)
    answers = await world.settle(order, order)
    assert answers[0] == answers[1]
    assert await world.settle(order) == answers[:1]
    assert await world.balance_fen(payee) == 7
    assert [each[2] for each in await sweeps_after(world, answers[0])] == [3]


async def test_no_cap_means_no_sweep(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    payee = await consenting(world, wallet_class=UNCAPPED)
    assert await sweeps_after(world, await world.pay(payer, payee, 1000)) == []
