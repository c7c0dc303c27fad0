"""rules.md §E.5: the audit makes each sweep again, and finds one that is forged, wrong or missing.

In the story the payee, at operator 1002, holds 11.00 yuan; here it holds 12.00 at most.
"""

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.model import Rule
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.protocol import numbers
from jiaozi.protocol.order_types import HaltScope, OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.suites import Signer
from jiaozi.protocol.sweeps import sign_sweep, sweep_leg
from tests.audit.story import LAST
from tests.audit.telling import Teller
from tests.registry.limited import LIMITED, LIMITS
from tests.registry.network import OPERATORS, key
from tests.registry.world import registry_world

CAP_FEN, HELD_FEN = 12_00, 11_00
PAID_FEN, EXCESS_FEN = 3_00, 2_00
VAULT, OTHER_VAULT = numbers.vault_of(1002), numbers.vault_of(1001)


@pytest.fixture
def capped(teller: Teller) -> Teller:
    """The payee has a cap of its own and has consented."""
    teller.block(cap(teller), consent(teller))
    return teller


def cap(teller: Teller) -> bytes:
    payee = teller.story.payee
    return teller.orders.by_holder(OrderType.LOWER_LIMITS, payee, balance_cap_fen=CAP_FEN)


def consent(teller: Teller, on: int = 1) -> bytes:
    return teller.orders.by_holder(OrderType.WATERFALL, teller.story.payee, on=on)


def sweep(
    teller: Teller, payment: bytes, *, amount_fen: int = EXCESS_FEN, vault: int = VAULT,
    signer: Signer | None = None, wallet: int | None = None,
) -> bytes:  # fmt: skip
    known = parse(payment)
    leg = sweep_leg(known.identity, wallet or teller.story.payee.number, vault, amount_fen)
    by = signer or teller.story.keys.block
    return sign_sweep(known, leg, by, teller.story.network.id).encoded


async def test_a_sweep_of_the_excess_is_in_order(capped: Teller) -> None:
    payment = capped.payment(PAID_FEN)
    other = capped.payment(1)
    capped.block(payment, sweep(capped, payment), other, sweep(capped, other, amount_fen=1))
    await capped.is_ok()


async def test_no_sweep_is_due_at_the_cap(capped: Teller) -> None:
    capped.block(capped.payment(CAP_FEN - HELD_FEN))
    await capped.is_ok()


@pytest.mark.parametrize("amount_fen", [EXCESS_FEN - 1, EXCESS_FEN + 1])
async def test_another_amount_is_found(capped: Teller, amount_fen: int) -> None:
    payment = capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, payment, amount_fen=amount_fen))
    assert "due was 200" in await capped.finds(Rule.EFFECT, at)


async def test_another_vault_is_found(capped: Teller) -> None:
    payment = capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, payment, vault=OTHER_VAULT))
    assert "due was 200" in await capped.finds(Rule.EFFECT, at)


async def test_a_sweep_that_is_missing_is_found(capped: Teller) -> None:
    at = capped.block(capped.payment(PAID_FEN))
    assert "not swept of 200" in await capped.finds(Rule.BALANCE_CAP, at)


async def test_a_sweep_stands_directly_after_its_payment(capped: Teller) -> None:
    payment = capped.payment(PAID_FEN)
    capped.block(payment, consent(capped), sweep(capped, payment))
    found = [(each.rule, each.position) for each in await capped.differences()]
    assert found == [(Rule.ORDER, 2), (Rule.BALANCE_CAP, 0), (Rule.EFFECT, 2)]


async def test_a_second_sweep_of_a_payment_is_found(capped: Teller) -> None:
    payment = capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, payment), sweep(capped, payment))
    assert "due was none" in await capped.finds(Rule.EFFECT, at)


async def test_nobody_is_swept_without_consent(teller: Teller) -> None:
    payment = teller.payment(PAID_FEN)
    at = teller.block(payment, sweep(teller, payment))
    assert "due was none" in await teller.finds(Rule.EFFECT, at)


async def test_consent_that_was_withdrawn_is_none(capped: Teller) -> None:
    capped.block(consent(capped, 0))
    payment = capped.payment(PAID_FEN)
    height, position = capped.block(payment, sweep(capped, payment))
    found = [(each.rule, each.height, each.position) for each in await capped.differences()]
    assert found == [(Rule.BALANCE_CAP, height, 0), (Rule.EFFECT, height, position)]


@pytest.mark.parametrize("who", ["a stranger", "vault 1002"])
async def test_the_registry_alone_signs_sweeps(capped: Teller, who: str) -> None:
    payment = capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, payment, signer=key(who)))
    await capped.finds(Rule.SIGNERS, at)


async def test_a_sweep_names_its_own_payment(capped: Teller) -> None:
    payment, other = capped.payment(PAID_FEN), capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, other))
    assert "follows from" in await capped.finds(Rule.ORDER, at)


async def test_a_vault_is_not_filled_above_its_quota(capped: Teller) -> None:
    capped.block(capped.orders.quota(1002, EXCESS_FEN - 1))
    payment = capped.payment(PAID_FEN)
    at = capped.block(payment, sweep(capped, payment))
    assert "quota" in await capped.finds(Rule.EFFECT, at)


async def test_nothing_is_swept_out_of_a_frozen_wallet(capped: Teller) -> None:
    freeze = capped.orders.by_operator(
        OrderType.OPERATOR_FREEZE, capped.story.payee, case=bytes(16), scope=1
    )
    payment = capped.payment(PAID_FEN)
    at = capped.block(freeze, payment, sweep(capped, payment))
    assert "frozen" in await capped.finds(Rule.EFFECT, at)


async def test_nothing_is_swept_in_a_halt(capped: Teller) -> None:
    until_ms = capped.forger.header(LAST).time_ms + 60_000
    halt = capped.orders.by_officers(
        OrderType.HALT, scope=int(HaltScope.OPERATOR), subject=1002, until_ms=until_ms
    )
    payment = capped.payment(PAID_FEN)
    at = capped.block(halt, payment, sweep(capped, payment))
    assert "halt" in await capped.finds(Rule.EFFECT, at)


async def test_a_foreign_key_gives_no_consent(teller: Teller) -> None:
    number = teller.story.payee.number
    head = teller.orders.head(OrderType.WATERFALL)
    forged = teller.orders.sign(head, [key("thief")], (), number=number, on=1)
    await teller.finds(Rule.SIGNERS, teller.block(forged))


async def test_what_a_registry_sweeps_is_what_the_audit_expects(database_dsn: str) -> None:
    class_cap_fen = LIMITS.balance_cap_fen or 0
    async with registry_world(database_dsn, rulebooks=[LIMITED]) as world:
        for operator in OPERATORS:
            await world.provide(operator, 2 * class_cap_fen)
        payer = await world.open_wallet(1001, balance_fen=500)
        parent = await world.open_wallet(1002, balance_fen=class_cap_fen - 20)
        group = {"group": parent.group, "parent": parent.number}
        child = await world.open_wallet(1002, balance_cap_fen=25, **group)
        for each in (parent, child):
            order = world.orders.by_holder(OrderType.WATERFALL, each, on=1)
            await world.settle(order, operator=1002)
        legs = [
            world.orders.leg(payer.number, payee.number, amount)
            for payee, amount in ((child, 4), (parent, 9), (child, 26))
        ]
        order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
        await world.settle(order, world.orders.payment(payer, parent, 100))
        await StateHasher(world.writer, world.dsn).hash_now()
        await world.settle(world.orders.payment(payer, child, 16))
        balances = [await world.balance_fen(each) for each in (parent, child)]
        assert balances == [class_cap_fen - 20 + 9, 30 - 19]
        options = AuditOptions(processes=0, library={LIMITED.hash: LIMITED})
        report = await audit_database(world.database, options)
        assert report.verdict == "ok"
