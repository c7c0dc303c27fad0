"""rules.md §A: whose signatures an order about a wallet takes, and each rule that refuses one.

The first half goes over the table: whatever the type, a foreign key, one signer too few, a
certificate for another use, an unknown or closed wallet and an id used before are refused.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Role
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.safeguards import FREEZES_MAX, MANDATES_MAX
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused, state
from tests.registry.network import OPERATORS, START_MS, certified, key, person
from tests.registry.world import RegistryWorld

ONE, TWO = OPERATORS
CASE, OTHER_CASE = bytes(16), bytes(15) + b"\x01"
STRANGER, NEW = key("a stranger"), key("a new key")
FAR_MS = START_MS + 365 * 86_400_000
VALUES: Mapping[str, int | bytes] = {
    "wallet_class": 1, "case": CASE, "scope": 1, "suite": NEW.suite, "key": NEW.public_key,
    "mandate": CASE, "payee": new_wallet(TWO, 1).number, "single_limit_fen": 1,
    "day_limit_fen": 1, "expires_at_ms": FAR_MS, "on": 1,
    "device": NEW.public_key,
}  # fmt: skip
ABOUT_WALLETS = [
    each
    for each, rule in ORDER_TYPES.items()
    if any(field.name == "number" for field in rule.body) and each is not OrderType.OPEN_ACCOUNT
]
OF_SEVERAL = [
    each
    for each in ABOUT_WALLETS
    if len(ORDER_TYPES[each].signers) > 1 or Role.OFFICERS in ORDER_TYPES[each].signers
]
every_type = pytest.mark.parametrize("order_type", ABOUT_WALLETS, ids=lambda it: it.name)


def signers(world: RegistryWorld, wallet: Wallet, order_type: OrderType) -> list[Ed25519Signer]:
    """Those of the table."""
    by_role = {
        Role.WALLET: [wallet.signer],
        Role.CERTIFY: [world.keys.certify(wallet.operator)],
        Role.OFFICERS: list(world.keys.officers[:2]),
        Role.OPERATOR_OFFICERS: list(world.keys.operator_officers(wallet.operator)),
    }
    return [each for role in ORDER_TYPES[order_type].signers for each in by_role[role]]


def order(
    world: RegistryWorld,
    wallet: Wallet,
    order_type: OrderType,
    by: list[Ed25519Signer] | None = None,
    *,
    order_id: bytes | None = None,
    **body: int | bytes,
) -> bytes:
    """An order about a wallet, with a value in every field that must be there."""
    names = [each.name for each in ORDER_TYPES[order_type].body if not each.optional]
    fields = {name: VALUES[name] for name in names if name != "number"}
    head = world.orders.head(order_type)
    if order_id is not None:
        head = replace(head, id=order_id)  # type: ignore[arg-type]
    by = by or signers(world, wallet, order_type)
    is_claim = order_type is OrderType.CLAIM
    legs = [world.orders.leg(numbers.OFFLINE, wallet.number, 1)] if is_claim else []
    return world.orders.sign(head, by, legs, number=wallet.number, **{**fields, **body})


async def certify_officers(world: RegistryWorld) -> None:
    """Certify the officers of the first operator who overrule objections."""
    officers = world.keys.operator_officers(ONE)
    for number, each in enumerate(officers, 1):
        who = certified(Use.OPERATOR_OFFICER, each, ONE, person=person(20 + number))
        if each.public_key not in world.control.keys:
            await world.settle(world.orders.certify(who))


async def request_rebind(world: RegistryWorld, wallet: Wallet) -> None:
    await world.settle(order(world, wallet, OrderType.REBIND_REQUEST))


@every_type
async def test_a_foreign_key_does_nothing_to_a_wallet(
    world: RegistryWorld, order_type: OrderType
) -> None:
    await certify_officers(world)
    wallet = await world.open_wallet()
    right = signers(world, wallet, order_type)
    by_several = len({*ORDER_TYPES[order_type].signers} - {Role.OFFICERS}) > 1
    is_holders = Role.WALLET in ORDER_TYPES[order_type].signers
    foreign = Code.SIGNER_FOREIGN if by_several or is_holders else Code.CERTIFICATE_UNKNOWN
    await refused(world, order(world, wallet, order_type, [STRANGER, *right[1:]]), foreign)


@pytest.mark.parametrize("order_type", OF_SEVERAL, ids=lambda it: it.name)
async def test_one_signer_too_few_does_nothing_to_a_wallet(
    world: RegistryWorld, order_type: OrderType
) -> None:
    await certify_officers(world)
    wallet = await world.open_wallet()
    right = signers(world, wallet, order_type)
    fewer = order(world, wallet, order_type, right[:-1])
    await refused(world, fewer, Code.SIGNER_MISSING, len(right), len(right) - 1)


@every_type
async def test_a_certificate_for_another_use_does_nothing_to_a_wallet(
    world: RegistryWorld, order_type: OrderType
) -> None:
    await certify_officers(world)
    wallet = await world.open_wallet()
    right = signers(world, wallet, order_type)
    is_alone = right == [wallet.signer]
    is_overruling = order_type is OrderType.REBIND_OVERRULE
    code = Code.SIGNER_FOREIGN if is_alone or is_overruling else Code.CERTIFICATE_OTHER_USE
    wrong = order(world, wallet, order_type, [*right[:-1], world.keys.vault(ONE)])
    await refused(world, wrong, code)


@every_type
async def test_a_wallet_that_was_never_opened_has_no_life(
    world: RegistryWorld, order_type: OrderType
) -> None:
    await certify_officers(world)
    nobody = new_wallet(ONE, 90_000_000)
    await refused(world, order(world, nobody, order_type), Code.ACCOUNT_UNKNOWN)


@every_type
async def test_a_closed_wallet_stays_as_it_is(world: RegistryWorld, order_type: OrderType) -> None:
    await certify_officers(world)
    wallet = await world.open_wallet()
    await world.settle(order(world, wallet, OrderType.CLOSE))
    await refused(world, order(world, wallet, order_type), Code.ACCOUNT_CLOSED)


@pytest.mark.parametrize(
    "order_type",
    [each for each in ABOUT_WALLETS if ORDER_TYPES[each].legs is None],
    ids=lambda it: it.name,
)
async def test_an_id_stands_for_one_order_about_a_wallet(
    world: RegistryWorld, order_type: OrderType
) -> None:
    await certify_officers(world)
    wallet = await world.open_wallet()
    first, order_id = OrderType.SET_CLASS, world.orders.new_id()
    await world.settle(order(world, wallet, first, order_id=order_id, wallet_class=2))
    before = await state(world)
    [answer] = await world.submit(order(world, wallet, order_type, order_id=order_id))
    assert answer.refusal is not None
    assert answer.refusal.code is Code.ID_REUSED
    assert await state(world) == before


async def test_a_case_number_stands_for_one_freeze_of_each_authority(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    for each in (OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE):
        await world.settle(order(world, wallet, each))
        await refused(world, order(world, wallet, each, scope=2), Code.FREEZE_EXISTS)


async def test_each_authority_freezes_so_many_times(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    kind, other = OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE
    cases = [bytes(15) + bytes([number]) for number in range(FREEZES_MAX + 1)]
    await world.settle(*(order(world, wallet, kind, case=each) for each in cases[:-1]))
    last = order(world, wallet, kind, case=cases[-1])
    await refused(world, last, Code.TOO_MANY, FREEZES_MAX)
    await world.settle(order(world, wallet, other, case=cases[-1]))


@pytest.mark.parametrize(
    "body", [{"scope": 3}, {"scope": 1, "amount_fen": 1}, {"scope": 3, "amount_fen": 0}]
)
async def test_an_amount_goes_with_the_freeze_of_an_amount(
    world: RegistryWorld, body: dict[str, int]
) -> None:
    wallet = await world.open_wallet()
    wrong = order(world, wallet, OrderType.OPERATOR_FREEZE, **body)
    await refused(world, wrong, Code.SCOPE_INVALID)


async def test_only_the_same_or_a_higher_authority_lifts_a_freeze(world: RegistryWorld) -> None:
    freezes = (OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE)
    lifts = (OrderType.HOLDER_UNFREEZE, OrderType.OPERATOR_UNFREEZE, OrderType.AUTHORITY_UNFREEZE)
    for high, freeze in enumerate(freezes):
        for low, lift in enumerate(lifts):
            wallet = await world.open_wallet()
            await world.settle(order(world, wallet, freeze))
            if low < high:
                await refused(world, order(world, wallet, lift), Code.FREEZE_UNKNOWN)
            else:
                await world.settle(order(world, wallet, lift))


@pytest.mark.parametrize("freeze", [OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE])
async def test_a_freeze_but_the_holders_own_blocks_close_and_rebind(
    world: RegistryWorld, freeze: OrderType
) -> None:
    frozen, own = await world.open_wallets(2)
    await world.settle(order(world, frozen, freeze), order(world, own, OrderType.HOLDER_FREEZE))
    for each in (OrderType.CLOSE, OrderType.REBIND_REQUEST):
        await refused(world, order(world, frozen, each), Code.ACCOUNT_FROZEN)
    await request_rebind(world, own)
    await world.settle(order(world, own, OrderType.REBIND_WITHDRAW))
    await world.settle(order(world, own, OrderType.CLOSE))


async def test_one_rebind_at_a_time_and_no_close_meanwhile(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    await request_rebind(world, wallet)
    for each in (OrderType.REBIND_REQUEST, OrderType.CLOSE):
        await refused(world, order(world, wallet, each), Code.REBIND_UNDER_WAY)


async def test_a_wallet_is_not_bound_to_its_own_key(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    same = order(world, wallet, OrderType.REBIND_REQUEST, key=wallet.signer.public_key)
    await refused(world, same, Code.KEY_UNCHANGED)


async def test_an_objection_is_made_once(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    await request_rebind(world, wallet)
    await world.settle(order(world, wallet, OrderType.REBIND_OBJECT))
    await refused(world, order(world, wallet, OrderType.REBIND_OBJECT), Code.REBIND_OBJECTED)
    await refused(world, order(world, wallet, OrderType.REBIND_COMPLETE), Code.REBIND_OBJECTED)


async def test_only_an_objection_is_overruled_and_only_after_the_wait(
    own_world: RegistryWorld,
) -> None:
    world, overrule = own_world, OrderType.REBIND_OVERRULE
    await certify_officers(world)
    wallet = await world.open_wallet()
    await request_rebind(world, wallet)
    await refused(world, order(world, wallet, overrule), Code.REBIND_UNKNOWN)
    await world.settle(order(world, wallet, OrderType.REBIND_OBJECT))
    wait_ms = 3 * 86_400_000
    completes_ms = world.clock.now_ms + wait_ms
    world.clock.advance(wait_ms - 1)
    await refused(world, order(world, wallet, overrule), Code.REBIND_TOO_EARLY, completes_ms)
    world.clock.advance(1)
    await world.settle(order(world, wallet, overrule))


async def test_two_certificates_of_one_person_overrule_nothing(own_world: RegistryWorld) -> None:
    world = own_world
    officers = world.keys.operator_officers(ONE)
    for each in officers:
        who = certified(Use.OPERATOR_OFFICER, each, ONE, person=person(20))
        await world.settle(world.orders.certify(who))
    wallet = await world.open_wallet()
    twice = order(world, wallet, OrderType.REBIND_OVERRULE)
    await refused(world, twice, Code.SIGNER_MISSING, 3, 2)


async def test_a_mandate_names_one_payment_rule_and_ends(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    mandate, cancel = OrderType.MANDATE, OrderType.CANCEL_MANDATE
    now_ms = world.clock.now_ms
    await world.settle(order(world, wallet, mandate))
    await refused(world, order(world, wallet, mandate), Code.MANDATE_EXISTS)
    ended = order(world, wallet, mandate, mandate=OTHER_CASE, expires_at_ms=now_ms)
    await refused(world, ended, Code.MANDATE_ENDED, now_ms)
    to_self = order(world, wallet, mandate, mandate=OTHER_CASE, payee=wallet.number)
    await refused(world, to_self, Code.SCOPE_INVALID)
    await world.settle(order(world, wallet, cancel))
    await refused(world, order(world, wallet, cancel), Code.MANDATE_UNKNOWN)


async def test_a_mandate_pays_to_its_last_millisecond(own_world: RegistryWorld) -> None:
    world, platform = own_world, NEW
    payer, shop = await world.open_wallets(2, balance_fen=10)
    ends_ms = world.clock.now_ms + 60_000
    give = order(world, payer, OrderType.MANDATE, payee=shop.number, expires_at_ms=ends_ms)
    await world.settle(give)
    world.clock.advance(59_999)
    await world.settle(world.orders.pay_by_mandate(payer, shop, 1, CASE, platform))
    world.clock.advance(1)
    late = world.orders.pay_by_mandate(payer, shop, 1, CASE, platform)
    await refused(world, late, Code.MANDATE_ENDED, ends_ms)


async def test_a_wallet_gives_so_many_mandates(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    ids = [bytes(15) + bytes([number]) for number in range(MANDATES_MAX + 1)]
    orders = [order(world, wallet, OrderType.MANDATE, mandate=each) for each in ids]
    await world.settle(*orders[:-1])
    await refused(world, orders[-1], Code.TOO_MANY, MANDATES_MAX)


async def test_a_halt_names_something_and_ends_in_time(own_world: RegistryWorld) -> None:
    world, by_officers = own_world, own_world.orders.by_officers
    max_ms = world.clock.now_ms + 3 * 86_400_000
    for body in (
        {"scope": 1, "subject": 1},
        {"scope": 3, "subject": 99},
        {"scope": 3, "subject": int(OrderType.HALT)},
        {"scope": 3, "subject": int(OrderType.PAYMENT), "orders_per_s": 0},
    ):
        nothing = by_officers(OrderType.HALT, until_ms=max_ms, **body)
        await refused(world, nothing, Code.SCOPE_INVALID)
    nobody = by_officers(OrderType.HALT, scope=2, subject=7, until_ms=max_ms)
    await refused(world, nobody, Code.OPERATOR_UNKNOWN)
    longer = by_officers(OrderType.HALT, scope=1, until_ms=max_ms + 1)
    await refused(world, longer, Code.HALT_TOO_LONG, max_ms)
    await world.settle(by_officers(OrderType.HALT, scope=1, until_ms=max_ms))


async def test_a_stopped_order_takes_no_share_of_a_slow_down(own_world: RegistryWorld) -> None:
    world, halt = own_world, OrderType.HALT
    payer, payee = await world.open_wallets(2, balance_fen=10)
    slow = {"scope": 3, "subject": int(OrderType.PAYMENT), "orders_per_s": 1}
    now_ms = world.clock.now_ms
    payment = world.orders.payment(payer, payee, 1)
    by_officers = world.orders.by_officers
    await world.settle(by_officers(halt, until_ms=now_ms + 60_000, **slow))
    for scope, until_ms in (({"scope": 2, "subject": ONE}, 9_000), ({"scope": 1}, 5_000)):
        await world.settle(by_officers(halt, until_ms=now_ms + until_ms, **scope))
    await refused(world, payment, Code.HALTED, now_ms + 9_000)
    for scope in ({"scope": 2, "subject": ONE}, {"scope": 1}):
        await world.settle(by_officers(halt, until_ms=now_ms, **scope))
    await world.settle(payment)
    await refused(world, world.orders.payment(payer, payee, 1), Code.BUSY)


@pytest.mark.parametrize(("failed", "carrier"), [(ONE, ONE), (TWO, ONE), (ONE, TWO)])
async def test_a_failed_operator_is_carried_once_and_carries_nobody(
    own_world: RegistryWorld, failed: int, carrier: int
) -> None:
    world, by_officers = own_world, own_world.orders.by_officers
    await world.settle(by_officers(OrderType.REASSIGN, operator=ONE, carrier=TWO))
    again = by_officers(OrderType.REASSIGN, operator=failed, carrier=carrier)
    await refused(world, again, Code.CARRIER_INVALID)


async def test_nobody_redeems_at_an_operator_without_a_vault(own_world: RegistryWorld) -> None:
    """Its other keys may be certified first; the registry goes on."""
    world, third = own_world, 1003
    for use, signer in (
        (Use.OPERATOR_CERTIFY, world.keys.certify(third)),
        (Use.OPERATOR_TRANSPORT, world.keys.transport(third)),
    ):
        await world.settle(world.orders.certify(certified(use, signer, third)))
    payer, poor = await world.open_wallet(balance_fen=10), await world.open_wallet(third)
    assert (await world.pay(payer, poor, 10)).outcome == (0,)
    redeem = world.orders.redeem(poor, 10)
    await refused(world, redeem, Code.LEGS_NOT_ALLOWED, 0, operator=third)
