"""rules.md §A: classes, own limits, freezes, lost keys, mandates, closing; halts and carriers."""

from dataclasses import replace

import pytest

from jiaozi.central_bank.audit import rebuild_wallets
from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.state_hash import hash_state
from jiaozi.central_bank.registry.store import load_safeguards
from jiaozi.central_bank.rulebook.model import Delays
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.safeguards import FreezeAuthority
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS, certified, key, person
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld

ONE, TWO = OPERATORS
DAY_MS = 86_400_000
CASE, OTHER_CASE = bytes(16), bytes(15) + b"\x01"
DELAYS = Delays()


@pytest.fixture
def _few_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry and an audit that take two wallets of which something is due in one block."""
    for module in (store, rebuild_wallets):
        monkeypatch.setattr(module, "DUE_MAX", 2)


@pytest.fixture(autouse=True)
async def _audited(_few_due: None, own_world: RegistryWorld):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Whatever a test did, the audit rebuilds it, to the last safeguard and state hash."""
    yield
    library = {LIMITED.hash: LIMITED}
    options = AuditOptions(processes=0, library=library)
    await own_world.submit(own_world.orders.quota(ONE, 10**15))
    report = await audit_database(own_world.database, options)
    assert report.verdict == "ok"
    _, state_hash = await hash_state(own_world.database)
    assert len(state_hash) == 32


async def freeze(world: RegistryWorld, wallet: Wallet, scope: int = 1, case: bytes = CASE) -> None:
    order = OrderType.HOLDER_FREEZE
    await world.settle(world.orders.by_holder(order, wallet, case=case, scope=scope))


async def test_a_frozen_wallet_pays_nothing_and_a_frozen_amount_stays(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer = await world.open_wallet(balance_fen=100)
    payee = await world.open_wallet(TWO)
    by_operator, by_officers = world.orders.by_operator, world.orders.by_officers
    amount = by_operator(OrderType.OPERATOR_FREEZE, payer, case=CASE, scope=3, amount_fen=60)
    await world.settle(amount)
    await refused(world, world.orders.payment(payer, payee, 41), Code.INSUFFICIENT_FUNDS, 40)
    assert (await world.pay(payer, payee, 40)).outcome == (0,)
    await freeze(world, payer, case=OTHER_CASE)
    await refused(world, world.orders.payment(payer, payee, 1), Code.ACCOUNT_FROZEN)
    lift = OrderType.OPERATOR_UNFREEZE
    await world.settle(
        by_operator(lift, payer, case=OTHER_CASE), by_operator(lift, payer, case=CASE)
    )
    assert (await world.pay(payer, payee, 60)).outcome == (0,)
    everything = {"number": payee.number, "case": CASE, "scope": 2}
    await world.settle(by_officers(OrderType.AUTHORITY_FREEZE, **everything))
    await refused(world, by_operator(lift, payee, case=CASE), Code.FREEZE_UNKNOWN, operator=TWO)
    payer = await world.open_wallet(balance_fen=5)
    await refused(world, world.orders.payment(payer, payee, 1), Code.PAYEE_CANNOT_RECEIVE)


async def test_two_authorities_under_one_case_number_are_two_freezes(
    own_world: RegistryWorld,
) -> None:
    world, lift = own_world, OrderType.OPERATOR_UNFREEZE
    wallet = await world.open_wallet(balance_fen=1)
    await freeze(world, wallet)
    both = world.orders.by_holder(
        OrderType.HOLDER_UNFREEZE, wallet, countersigned_by=ONE, case=CASE
    )
    await world.settle(both)
    by_operator, by_officers = world.orders.by_operator, world.orders.by_officers
    named = {"number": wallet.number, "case": CASE}
    await world.settle(
        by_operator(OrderType.OPERATOR_FREEZE, wallet, case=CASE, scope=1),
        by_officers(OrderType.AUTHORITY_FREEZE, scope=2, **named),
        by_operator(lift, wallet, case=CASE),
    )
    assert await frozen_by(world, wallet) == {FreezeAuthority.HOLDER, FreezeAuthority.CENTRAL_BANK}
    world.clock.advance(DELAYS.unfreeze_s * 1000)
    [answer] = await world.submit(by_operator(lift, wallet, case=CASE))
    assert answer.outcome == (Code.FREEZE_UNKNOWN,)
    assert await frozen_by(world, wallet) == {FreezeAuthority.CENTRAL_BANK}
    await world.settle(by_officers(OrderType.AUTHORITY_UNFREEZE, **named))
    assert await frozen_by(world, wallet) == set()


async def frozen_by(world: RegistryWorld, wallet: Wallet) -> set[int]:
    """The authorities whose freezes a wallet is under."""
    async with world.database.connection() as connection:
        found = await load_safeguards(connection, [wallet.number])
    return {by for each in found.values() for _, by in each.freezes}


async def test_a_holders_freeze_is_lifted_a_day_after_holder_and_operator_asked(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer = await world.open_wallet(balance_fen=100)
    payee = await world.open_wallet()
    await freeze(world, payer)
    alone = world.orders.by_holder(OrderType.HOLDER_UNFREEZE, payer, case=CASE)
    await refused(world, alone, Code.SIGNER_MISSING)
    order = OrderType.HOLDER_UNFREEZE
    both = world.orders.by_holder(order, payer, countersigned_by=ONE, case=CASE)
    await world.settle(both)
    world.clock.advance(DELAYS.unfreeze_s * 1000 - 1)
    await refused(world, world.orders.payment(payer, payee, 1), Code.ACCOUNT_FROZEN)
    world.clock.advance(1)
    assert (await world.pay(payer, payee, 1)).outcome == (0,)


async def test_one_block_takes_so_many_that_are_due_and_the_next_the_rest(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    wallets = await world.open_wallets(5)
    for each in wallets:
        await freeze(world, each)
        both = world.orders.by_holder(
            OrderType.HOLDER_UNFREEZE, each, countersigned_by=ONE, case=CASE
        )
        world.clock.advance(1)
        await world.settle(both)
    world.clock.advance(DELAYS.unfreeze_s * 1000)
    height = world.height
    # Whose turn has not come is still frozen, and nobody has to wait for the next block.
    await world.settle(world.orders.by_operator(OrderType.OPERATOR_UNFREEZE, wallets[2], case=CASE))
    await until(lambda: world.height == height + 2)
    assert [await frozen_by(world, each) for each in wallets] == [set()] * 5


async def test_limits_are_lowered_at_once_and_raised_after_a_day(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer = await world.open_wallet(balance_fen=1000, single_limit_fen=100)
    payee = await world.open_wallet()
    lower, up = OrderType.LOWER_LIMITS, OrderType.RAISE_LIMITS
    await refused(
        world,
        world.orders.by_holder(lower, payer, single_limit_fen=101),
        Code.LIMIT_NOT_LOWER,
        100,
    )
    await world.settle(world.orders.by_holder(lower, payer, single_limit_fen=10))
    await refused(world, world.orders.payment(payer, payee, 11), Code.LIMIT_SINGLE, 10)
    more = world.orders.by_holder(up, payer, countersigned_by=ONE, single_limit_fen=50)
    await world.settle(more)
    world.clock.advance(DELAYS.raise_s * 1000 - 1)
    await refused(world, world.orders.payment(payer, payee, 11), Code.LIMIT_SINGLE, 10)
    world.clock.advance(1)
    assert (await world.pay(payer, payee, 50)).outcome == (0,)
    await refused(world, world.orders.payment(payer, payee, 51), Code.LIMIT_SINGLE, 50)


async def test_rebind_waits_and_the_new_key_takes_over(own_world: RegistryWorld) -> None:
    world = own_world
    lost = await world.open_wallet(balance_fen=100)
    payee = await world.open_wallet()
    new = key("new")
    body = {"suite": new.suite, "key": new.public_key}
    by_operator = world.orders.by_operator
    await world.settle(by_operator(OrderType.REBIND_REQUEST, lost, **body))
    await refused(world, world.orders.payment(lost, payee, 1), Code.ACCOUNT_FROZEN)
    world.clock.advance(DELAYS.rebind_s * 1000 - 1)
    complete = OrderType.REBIND_COMPLETE
    await refused(world, by_operator(complete, lost), Code.REBIND_TOO_EARLY)
    world.clock.advance(1)
    await world.settle(by_operator(complete, lost))
    await refused(world, world.orders.payment(lost, payee, 1), Code.SIGNER_FOREIGN)
    assert (await world.pay(replace(lost, signer=new), payee, 1)).outcome == (0,)


async def test_objection_asks_for_two_officers_of_the_operator(own_world: RegistryWorld) -> None:
    world = own_world
    wallet = await world.open_wallet(balance_fen=100)
    new = key("new")
    by_operator = world.orders.by_operator
    request = by_operator(OrderType.REBIND_REQUEST, wallet, suite=new.suite, key=new.public_key)
    await world.settle(request, world.orders.by_holder(OrderType.REBIND_OBJECT, wallet))
    world.clock.advance(DELAYS.rebind_s * 1000)
    await refused(world, by_operator(OrderType.REBIND_COMPLETE, wallet), Code.REBIND_OBJECTED)
    officers = world.keys.operator_officers(ONE)
    await world.settle(
        *(
            world.orders.certify(certified(Use.OPERATOR_OFFICER, each, ONE, person=person(number)))
            for number, each in enumerate(officers, 1)
        )
    )
    overrule = OrderType.REBIND_OVERRULE
    await refused(world, by_operator(overrule, wallet, officers[0]), Code.SIGNER_MISSING)
    await world.settle(by_operator(overrule, wallet, *officers))
    assert (await world.account(wallet.number)).key == new.public_key


async def test_rebind_that_nobody_completes_lapses(own_world: RegistryWorld) -> None:
    world = own_world
    wallet = await world.open_wallet(balance_fen=100)
    payee, new = await world.open_wallet(), key("new")
    body = {"suite": new.suite, "key": new.public_key}
    await world.settle(world.orders.by_operator(OrderType.REBIND_REQUEST, wallet, **body))
    world.clock.advance(DELAYS.rebind_lapse_s * 1000)
    assert (await world.pay(wallet, payee, 1)).outcome == (0,)
    await refused(
        world, world.orders.by_operator(OrderType.REBIND_COMPLETE, wallet), Code.REBIND_UNKNOWN
    )


async def test_wallet_closes_at_zero_and_for_good(own_world: RegistryWorld) -> None:
    world = own_world
    wallet, other = await world.open_wallet(balance_fen=7), await world.open_wallet()
    await refused(world, world.orders.by_holder(OrderType.CLOSE, wallet), Code.BALANCE_NOT_ZERO, 7)
    await world.pay(wallet, other, 7)
    await world.settle(world.orders.by_holder(OrderType.CLOSE, wallet))
    await refused(world, world.orders.by_holder(OrderType.CLOSE, wallet), Code.ACCOUNT_CLOSED)
    await refused(world, world.orders.payment(other, wallet, 1), Code.PAYEE_CANNOT_RECEIVE)
    await refused(world, world.orders.open_account(wallet), Code.ACCOUNT_EXISTS)


async def test_mandate_pays_its_payee_within_its_limits(own_world: RegistryWorld) -> None:
    world = own_world
    payer = await world.open_wallet(balance_fen=1000, second_factor_above_fen=0)
    shop, other = await world.open_wallet(TWO), await world.open_wallet()
    platform = key("platform")
    terms = {"mandate": CASE, "suite": platform.suite, "key": platform.public_key}
    terms |= {"payee": shop.number, "single_limit_fen": 50, "day_limit_fen": 80}
    terms |= {"expires_at_ms": world.clock.now_ms + DAY_MS}
    give = world.orders.by_holder(OrderType.MANDATE, payer, countersigned_by=ONE, **terms)
    await world.settle(give)
    by_mandate = world.orders.pay_by_mandate
    await refused(world, by_mandate(payer, shop, 51, CASE, platform), Code.LIMIT_SINGLE, 50)
    await refused(world, by_mandate(payer, other, 1, CASE, platform), Code.LEGS_NOT_ALLOWED)
    await refused(world, by_mandate(payer, shop, 1, CASE, key("thief")), Code.SIGNER_FOREIGN)
    await world.settle(by_mandate(payer, shop, 50, CASE, platform))
    await refused(world, by_mandate(payer, shop, 31, CASE, platform), Code.LIMIT_DAY, 80, 30)
    cancel = world.orders.by_holder(OrderType.CANCEL_MANDATE, payer, mandate=CASE)
    await world.settle(by_mandate(payer, shop, 30, CASE, platform), cancel)
    await refused(world, by_mandate(payer, shop, 1, CASE, platform), Code.SIGNER_FOREIGN)


async def test_class_changes_by_the_operator_alone(own_world: RegistryWorld) -> None:
    world = own_world
    wallet = await world.open_wallet()
    order = OrderType.SET_CLASS
    await refused(
        world, world.orders.by_operator(order, wallet, wallet_class=9), Code.CLASS_UNKNOWN
    )
    await world.settle(world.orders.by_operator(order, wallet, wallet_class=1))
    assert (await world.account(wallet.number)).wallet_class == 1


async def test_halt_stops_until_its_end_and_spares_what_protects(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=100)
    until_ms = world.clock.now_ms + 60_000
    await world.settle(world.orders.by_officers(OrderType.HALT, scope=1, until_ms=until_ms))
    payment = world.orders.payment(payer, payee, 1)
    await refused(world, payment, Code.HALTED, until_ms)
    await freeze(world, payee)
    world.clock.advance(60_000)
    await world.settle(payment)


async def test_slow_down_lets_so_many_through_each_second(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=100)
    until_ms = world.clock.now_ms + 60_000
    halt = {"scope": 3, "subject": int(OrderType.PAYMENT), "until_ms": until_ms}
    await world.settle(world.orders.by_officers(OrderType.HALT, **halt, orders_per_s=2))
    orders = [world.orders.payment(payer, payee, 1) for _ in range(5)]
    answers = await world.submit(*orders)
    assert [each.refusal is None for each in answers] == [True, True, False, False, False]
    world.clock.advance(1_000)
    again = await world.submit(*orders)
    assert [each.refusal is None for each in again] == [True, True, True, True, False]
    assert await world.balance_fen(payee) == 104


async def test_carrier_brings_the_orders_of_a_failed_operators_wallets(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    wallet = await world.open_wallet(ONE, balance_fen=100)
    other = await world.open_wallet(TWO)
    await world.settle(world.orders.by_officers(OrderType.REASSIGN, operator=ONE, carrier=TWO))
    payment = world.orders.payment(wallet, other, 1)
    await refused(world, payment, Code.OTHER_OPERATOR, operator=ONE)
    await world.settle(payment, operator=TWO)
    await refused(
        world,
        world.orders.by_officers(OrderType.REASSIGN, operator=TWO, carrier=ONE),
        Code.CARRIER_INVALID,
    )
    await world.restart()
    await world.settle(
        world.orders.by_operator(
            OrderType.OPERATOR_FREEZE, wallet, operator=TWO, case=CASE, scope=1
        ),
        operator=TWO,
    )


async def test_a_carrier_opens_sub_wallets_for_those_whom_it_carries(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    parent = await world.open_wallet(ONE)
    late, sub = new_wallet(ONE, 901), new_wallet(TWO, 902)
    await world.settle(
        world.orders.open_account(late),
        world.orders.by_officers(OrderType.REASSIGN, operator=ONE, carrier=TWO),
    )
    opening = world.orders.open_account(sub, parent=parent.number, group=parent.group)
    await world.settle(opening, operator=TWO)
