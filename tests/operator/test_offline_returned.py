"""What can never settle where it is handed in: it comes back to its device, or is given up."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from jiaozi.operator.offline.cases import ReportCases
from jiaozi.operator.offline.payment_model import TRIES_MAX, is_given_up
from jiaozi.protocol import numbers
from jiaozi.protocol.offline.certificate import Chain, certify_device
from jiaozi.protocol.offline.purse import new_purse
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.holders import Holder
from tests.operator.offline import Card, Desks, balance_fen, open_desks, pay

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONE, TWO, NOBODY = 1001, 1002, 1999
OPEN, SETTLED, WAITS, ELSEWHERE, RETURNED = range(5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks(postgres: EmbeddedPostgres) -> AsyncIterator[Desks]:
    """Two operators with guarantees at a registry, for all tests."""
    async with open_desks(postgres, "returned") as desks:
        yield desks


async def loaded(desks: Desks) -> tuple[Holder, Card]:
    """A wallet, and an anonymous card that it loaded with 50 yuan."""
    holder, card = await desks.customer(), await desks.enrol_anonymous()
    await desks.load(holder, card, 50_00)
    return holder, card


async def closed_wallet(desks: Desks, operator: int = ONE) -> int:
    """The number of a wallet that was closed."""
    holder = await desks.world(operator).open_wallet()
    head = desks.orders.head(OrderType.CLOSE)
    closing = desks.orders.sign(head, [holder.signer], number=holder.number)
    answer = await desks.post_order(holder, closing)
    assert answer[:2] == [1, [0]], answer
    return holder.number


def nobodys_wallet(operator: int) -> int:
    """A number that no wallet has."""
    serial = secrets.randbelow(10**9) + numbers.WALLET_SERIAL_MIN
    return numbers.account_number(operator, serial)


async def handed_in(desks: Desks, payment: bytes, operator: int = ONE) -> tuple[int, object]:
    """What became of a payment, and what it was refused with."""
    [[_, _, _, state, outcome]] = await desks.hand_in_payments(payment, operator=operator)
    return state, outcome


@pytest.mark.parametrize(
    "wrong", [(True, ONE), (True, TWO), (False, ONE), (False, TWO), (False, NOBODY)]
)
async def test_g1_an_unload_that_no_wallet_can_get_comes_back_with_the_next_checkpoint(
    desks: Desks, wrong: tuple[bool, int]
) -> None:
    holder, card = await loaded(desks)
    offline_fen = (await desks.supply())["offline_fen"]
    is_closed, operator = wrong
    wallet = await closed_wallet(desks, operator) if is_closed else nobodys_wallet(operator)
    payment = card.unload(wallet, 20_00)
    told = [await handed_in(desks, payment) for _ in range(2)]
    assert told == [(RETURNED, None)] * 2
    assert card.purse.balance_fen == 30_00, "it knows nothing of it yet"
    await desks.synchronise(card)
    assert card.purse.balance_fen == await desks.shadow_fen(card.key) == 50_00
    assert (await desks.supply())["offline_fen"] == offline_fen
    assert (await handed_in(desks, card.unload(holder.number, 50_00)))[0] == SETTLED
    assert await balance_fen(holder) == 1_000_00
    await desks.synchronise(card)


async def test_g1_a_wallets_own_card_takes_back_what_it_unloaded_into_anothers(
    desks: Desks,
) -> None:
    holder, other = await desks.customer(), await desks.customer()
    card = await desks.enrol(holder)
    await desks.load(holder, card, 20_00)
    assert await handed_in(desks, card.unload(other.number, 5_00)) == (RETURNED, None)
    await desks.synchronise(card)
    assert (card.purse.balance_fen, await balance_fen(other)) == (20_00, 1_000_00)


async def test_what_another_operators_wallet_can_get_is_left_to_it(desks: Desks) -> None:
    _, card = await loaded(desks)
    there = await desks.customer(TWO)
    payment = card.unload(there.number, 20_00)
    assert [await handed_in(desks, payment) for _ in range(2)] == [(ELSEWHERE, None)] * 2
    for _ in range(TRIES_MAX):
        await try_again(desks)
    assert await is_recorded(desks, card) is False
    assert await handed_in(desks, payment) == (ELSEWHERE, None)
    assert (await handed_in(desks, payment, TWO))[0] == SETTLED
    assert await balance_fen(there) == 1_020_00
    await desks.synchronise(card)
    assert card.purse.balance_fen == 30_00


async def test_a_payment_to_a_device_nobody_enrolled_is_given_up_and_taken_again(
    desks: Desks,
) -> None:
    _, card = await loaded(desks)
    stranger = nobodys_card(desks, card)
    payment = pay(card, stranger, 5_00)
    before = await given_up(desks)
    for number in range(TRIES_MAX - 1):
        assert await handed_in(desks, payment) == (WAITS, [Code.DEVICE_UNKNOWN]), number
        assert await is_recorded(desks, card), number
        await try_again(desks)
    assert not await is_recorded(desks, card)
    assert await given_up(desks) == before + 1
    shown = await desks.figure("offline_payments_given_up", code="device_unknown")
    assert shown == before + 1
    assert await handed_in(desks, payment) == (WAITS, [Code.DEVICE_UNKNOWN])
    assert await is_recorded(desks, card)


async def test_what_a_convicted_device_unloads_is_given_up_and_what_a_suspended_one_does_waits(
    desks: Desks,
) -> None:
    payees = [await desks.enrol(await desks.customer()) for _ in range(2)]
    holder, convicted = await loaded(desks)
    _, suspended = await loaded(desks)
    before = convicted.clone()
    said = [pay(convicted, payees[0], 5_00), pay(before, payees[1], 5_00)]
    hops = suspended.purse.balances_fen[1:]
    suspended.purse = replace(suspended.purse, balances_fen=(90_00, *hops))
    said.append(pay(suspended, payees[0], 60_00))
    await desks.hand_in_payments(*said)
    unloads = [each.unload(holder.number, 1_00) for each in (convicted, suspended)]
    told = [await handed_in(desks, each) for each in unloads]
    assert told == [(WAITS, [Code.DEVICE_ENDED]), (WAITS, [Code.LEGS_NOT_ALLOWED])]
    assert await waits(desks, convicted)
    for _ in range(TRIES_MAX):
        await try_again(desks)
    assert not await waits(desks, convicted)
    assert await waits(desks, suspended)


@pytest.mark.parametrize(
    "code", [Code.GUARANTEE_INSUFFICIENT, Code.SHADOW_INSUFFICIENT, Code.PAYEE_CANNOT_RECEIVE]
)
async def test_what_may_settle_later_is_never_given_up(code: Code) -> None:
    assert not any(is_given_up(10**6, (code, 1), is_elsewhere=each) for each in (False, True))
    assert not is_given_up(10**6, None, is_elsewhere=True)


async def try_again(desks: Desks) -> None:
    """Let whatever waits be due now."""
    await desks.here.operator.desk.resume(now_ms=2**60, next_try_ms=0)


async def waits(desks: Desks, card: Card) -> bool:
    query = f"""SELECT count(*) FROM offline_payment
        WHERE device = '\\x{card.key.hex()}'::bytea AND state <> 'settled'"""
    return bool(await desks.here.database_value(query))


async def is_recorded(desks: Desks, card: Card) -> bool:
    query = f"SELECT count(*) FROM offline_payment WHERE device = '\\x{card.key.hex()}'::bytea"
    return bool(await desks.here.database_value(query))


async def given_up(desks: Desks) -> int:
    """How many payments of devices that nobody enrolled were, as a clerk is told."""
    operator = desks.here.operator
    report = await ReportCases(authority=operator.desk.authority, database=operator.database)()
    return report.given_up.get(Code.DEVICE_UNKNOWN, 0)


def nobodys_card(desks: Desks, like: Card) -> Card:
    """A device whose certificate an operator signed, and that the registry never heard of."""
    signer = Ed25519Signer(secrets.token_bytes(32))
    device = replace(like.purse.device, key=signer.public_key)
    certify = desks.here.settings.keys.certify
    chain = Chain(
        operator=like.purse.chain.operator,
        device=certify_device(device, certify, desks.network.id),
    )
    return Card(signer, new_purse(chain, desks.anchor))
