"""Redeem: the deposit is credited once, and only when the order has settled."""

import asyncio
import secrets

import asyncpg
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.ids import DAY_MS, LIFETIME_MAX_MS, new_order_id
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from tests.operator.builders import OperatorWorld
from tests.operator.fake_registry import Fault
from tests.operator.holders import LIFETIME_MS, Holder, send_order

FUNDED_FEN = 100_00
ALL_DUE_MS = 2**62


@pytest.fixture
async def holder(world: OperatorWorld) -> Holder:
    """A wallet with 60 yuan in it and 40 left in the deposit."""
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    await holder.exchange(60_00)
    return holder


async def refusal_code(holder: Holder, submission: bytes) -> int:
    answer = await holder.ask("POST", f"{holder.path}/redemptions", holder.redemption(submission))
    assert answer.status_code >= 400, answer.text
    return int(answer.json()["code"])


async def test_an_order_redeems_once(world: OperatorWorld, holder: Holder) -> None:
    order = holder.redeem_order(50_00)
    answers = await asyncio.gather(*(holder.redeem(order) for _ in range(5)))
    answers.append(await holder.redeem(order))
    assert answers[-1]["state"] == "settled"
    assert world.balance_fen(holder) == 10_00
    assert await world.deposit_fen(holder) == (90_00, 0)
    assert await world.database_value("SELECT state FROM redemption") == "credited"


async def test_an_order_stands_for_one_redemption(world: OperatorWorld, holder: Holder) -> None:
    order_id = holder.new_id()
    await holder.redeem(holder.redeem_order(1_00, id=order_id))
    assert await refusal_code(holder, holder.redeem_order(2_00, id=order_id)) == Code.ALREADY_USED
    order = holder.redeem_order(3_00)
    await holder.redeem(order)
    holder.deposit_id = await world.fund(holder.phone, 1)
    assert await refusal_code(holder, order) == Code.ALREADY_USED


async def test_a_refused_order_credits_nothing(world: OperatorWorld, holder: Holder) -> None:
    done = await holder.redeem(holder.redeem_order(60_01))
    assert (done["state"], done["outcome"]) == ("refused", [Code.INSUFFICIENT_FUNDS, 60_00])
    assert done["refusal"]["fields"] == {"available_fen": 60_00}
    assert await world.deposit_fen(holder) == (40_00, 0)


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_answer_that_is_none_credits_nothing_until_there_is_one(
    world: OperatorWorld, holder: Holder, fault: Fault
) -> None:
    world.registry.faults.append(fault)
    order = holder.redeem_order(50_00)
    first = await holder.redeem(order)
    if fault is not Fault.DOUBLE:
        assert first["state"] == "open"
        assert await world.deposit_fen(holder) == (40_00, 0)
    await world.operator.resolver.step(ALL_DUE_MS)
    assert (await holder.redeem(order))["state"] == "settled"
    assert await world.deposit_fen(holder) == (90_00, 0)
    assert world.ledger.settled_fen(OrderType.REDEEM) == 50_00


async def test_a_dead_order_credits_nothing(world: OperatorWorld, holder: Holder) -> None:
    order = holder.redeem_order(50_00)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert (await holder.redeem(order))["state"] == "open"
    world.clock.advance(LIFETIME_MS + 1)
    world.registry.idle_block()
    assert (await holder.redeem(order))["state"] == "refused"
    assert await world.deposit_fen(holder) == (40_00, 0)
    assert world.balance_fen(holder) == 60_00


async def test_an_id_that_stands_for_another_order_redeems_nothing(
    world: OperatorWorld, holder: Holder
) -> None:
    payee = await world.open_wallet()
    order_id = holder.new_id()
    payment = holder.payment(payee.number, 1_00, id=order_id)
    assert world.ledger.submit([payment])[0][:2] == [1, [0]]
    done = await holder.redeem(holder.redeem_order(50_00, id=order_id))
    assert (done["state"], done["outcome"]) == ("refused", [Code.ID_REUSED])
    assert await world.deposit_fen(holder) == (40_00, 0)


async def test_a_dead_order_whose_id_stands_for_another_redeems_nothing(
    world: OperatorWorld, holder: Holder
) -> None:
    payee = await world.open_wallet()
    order_id = holder.new_id()
    order = holder.redeem_order(50_00, id=order_id)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert (await holder.redeem(order))["state"] == "open"
    world.ledger.submit([holder.payment(payee.number, 1_00, id=order_id)])
    world.clock.advance(LIFETIME_MS + 1)
    world.registry.idle_block()
    done = await holder.redeem(order)
    assert (done["state"], done["outcome"]) == ("refused", [Code.ID_REUSED])
    assert await world.deposit_fen(holder) == (40_00, 0)


async def test_an_order_that_could_never_settle_is_not_kept(
    world: OperatorWorld, holder: Holder
) -> None:
    other = await world.open_wallet()
    key, holder.signer = holder.signer, Ed25519Signer(b"f" * 32)
    by_another_key = holder.redeem_order(1_00)
    holder.signer = key
    network, holder.network = holder.network, type(holder.network)(b"n" * 32)
    of_another_network = holder.redeem_order(1_00)
    holder.network = network
    vault = numbers.vault_of(1002)
    now_ms = world.clock()
    for submission, code in (
        (b"\x00", Code.MALFORMED),
        (b"\xff", Code.NOT_CANONICAL),
        (holder.payment(other.number, 1_00), Code.LEGS_NOT_ALLOWED),
        (other.redeem_order(1_00), Code.LEGS_NOT_ALLOWED),
        (holder.order(OrderType.REDEEM, vault, 1_00), Code.LEGS_NOT_ALLOWED),
        (by_another_key, Code.SIGNER_FOREIGN),
        (of_another_network, Code.SIGNATURE_INVALID),
        (holder.redeem_order(1_00, expires_ms=now_ms - 1), Code.EXPIRED),
    ):
        assert await refusal_code(holder, submission) == code
    assert await world.database_value("SELECT count(*) FROM redemption") == 0


async def test_a_redeem_order_goes_no_way_but_this(world: OperatorWorld, holder: Holder) -> None:
    """Sent as a payment it would move the money and credit nobody."""
    order = holder.redeem_order(50_00)
    answer = await world.http.post(
        "/v1/orders", content=order, headers={"Accept": "application/json"}
    )
    assert answer.json()["code"] == Code.NOT_ALLOWED
    assert world.balance_fen(holder) == 60_00


async def test_the_table_knows_the_steps_too(world: OperatorWorld, holder: Holder) -> None:
    await holder.redeem(holder.redeem_order(1_00))
    for change in (
        "state = 'settled'",
        "state = 'stored', outcome = NULL",
        "state = 'dead', outcome = NULL",
        "outcome = NULL",
        "amount_fen = amount_fen + 1",
        "deposit_id = 'another'",
    ):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.RaiseError)):
            await world.database_value(f"UPDATE redemption SET {change}")


async def test_a_foreign_payment_of_the_same_id_redeems_nothing(
    world: OperatorWorld, holder: Holder
) -> None:
    """Ids are unique for the account debited alone; once forgotten, only the identity tells."""
    payer = await world.open_wallet(deposit_fen=10_00)
    await payer.exchange(10_00)
    last_day = world.clock() // DAY_MS + 1
    world.clock.advance(last_day * DAY_MS - 3_000 - world.clock())
    expires_ms = last_day * DAY_MS - 1
    head = {
        "id": new_order_id(expires_ms - LIFETIME_MAX_MS, secrets.token_bytes(10)),
        "expires_ms": expires_ms,
    }
    assert (await send_order(world.http, payer.payment(holder.number, 1, **head)))[1] == [0]
    await world.until_followed()
    world.registry.faults.append(Fault.LOSE_REQUEST)
    order = holder.redeem_order(1_000_000_00, **head)
    before = await world.deposit_fen(holder)
    assert (await holder.redeem(order))["state"] == "open"

    world.clock.advance(10_000)
    world.registry.idle_block()
    assert (await holder.redeem(order))["state"] == "open"
    await payer.pay(holder.number, 1)
    await world.until_followed()
    assert (await holder.redeem(order))["state"] == "refused"
    assert await world.deposit_fen(holder) == before
