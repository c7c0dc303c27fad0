"""rules.md §E.5: what is redeemed above a cap reaches the chosen deposit, once and to the fen."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from jiaozi.operator.history.store import FeedPosition, move_position, read_position
from jiaozi.operator.reconcile.reconcile import reconcile
from jiaozi.protocol.feed import START
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, until
from tests.operator.holders import Holder, send_order
from tests.operator.life import Worlds, by_holder, life_worlds

PAID_FEN, EXCESS_FEN = 30_00, 20_00
ALL_DUE_MS = 2**62


async def choose(holder: Holder, deposit_id: str) -> int:
    answer = await holder.ask("PUT", f"{holder.path}/waterfall", {"deposit_id": deposit_id})
    return answer.status_code


async def paid(world: OperatorWorld) -> tuple[Holder, bytes]:
    """A holder who was just paid, and the payment."""
    payer, payee = [await world.open_wallet(deposit_fen=100_00) for _ in range(2)]
    await payer.exchange(100_00)
    payment = payer.payment(payee.number, PAID_FEN)
    assert world.ledger.submit([payment])[0][:2] == [1, [0]]
    return payee, payment


async def until_credited(world: OperatorWorld) -> None:
    """Let the background work have its turns."""

    async def is_credited() -> bool:
        await world.operator.resolver.step(ALL_DUE_MS)
        return await world.database_value("SELECT state FROM sweep") == "credited"

    await until(is_credited)


async def test_the_excess_is_paid_into_the_chosen_deposit(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    assert await choose(payee, payee.deposit_id) == 200
    world.ledger.sweep(payment, EXCESS_FEN)
    await until_credited(world)
    assert await world.deposit_fen(payee) == (100_00 + EXCESS_FEN, 0)
    report = await reconcile(world.database)
    assert (report.differences, report.open) == ([], [])
    assert report.totals.redeemed_fen == report.totals.paid_fen == EXCESS_FEN


async def test_a_sweep_waits_for_its_holder_to_choose_a_deposit(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    world.ledger.sweep(payment, EXCESS_FEN)
    await world.until_followed()
    await world.operator.resolver.step(ALL_DUE_MS)
    assert await world.deposit_fen(payee) == (100_00, 0)
    report = await reconcile(world.database)
    assert [each.under_way_fen for each in report.open] == [EXCESS_FEN]
    assert report.differences == []
    close = by_holder(payee, OrderType.CLOSE)
    assert (await send_order(world.http, close))[:2] == [0, Code.EXCHANGE_UNDER_WAY]
    assert await choose(payee, payee.deposit_id) == 200
    await until_credited(world)
    assert await world.deposit_fen(payee) == (100_00 + EXCESS_FEN, 0)


async def test_a_feed_that_is_read_again_credits_nothing_twice(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    await choose(payee, payee.deposit_id)
    world.ledger.sweep(payment, EXCESS_FEN)
    await until_credited(world)
    async with world.database.transaction() as connection:
        await connection.execute("TRUNCATE history_entry")
        before = await read_position(connection)
        assert await move_position(connection, before, FeedPosition(0, 0, START))
    assert (await payee.pay(payee.number + 10, 1))[0] == 1, "a block that wakes the follower"
    await world.until_followed()
    await world.operator.resolver.step(ALL_DUE_MS)
    assert await world.deposit_fen(payee) == (100_00 + EXCESS_FEN, 0)
    assert await world.database_value("SELECT count(*) FROM sweep") == 1


async def test_two_resolvers_credit_once(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    await choose(payee, payee.deposit_id)
    world.ledger.sweep(payment, EXCESS_FEN)
    await world.until_followed()
    await asyncio.gather(*(world.operator.resolver.step(ALL_DUE_MS) for _ in range(4)))
    await until_credited(world)
    assert await world.deposit_fen(payee) == (100_00 + EXCESS_FEN, 0)


async def test_a_sweep_keeps_the_deposit_that_it_was_given(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    other = await world.fund(payee.phone, 1_00)
    await choose(payee, payee.deposit_id)
    world.ledger.sweep(payment, EXCESS_FEN)
    await until_credited(world)
    await choose(payee, other)
    async with world.database.connection() as connection:
        with pytest.raises(asyncpg.RaiseError, match="does not change"):
            await connection.execute("UPDATE sweep SET deposit_id = $1", other)


async def test_nobody_is_credited_but_the_holder(world: OperatorWorld) -> None:
    payee, stranger = await world.open_wallet(), await world.open_wallet(deposit_fen=1_00)
    answer = await payee.ask("PUT", f"{payee.path}/waterfall", {"deposit_id": stranger.deposit_id})
    assert (answer.status_code, answer.json()["code"]) == (404, Code.DEPOSIT_UNKNOWN)


async def test_a_sweep_is_a_line_of_history_and_statement(world: OperatorWorld) -> None:
    payee, payment = await paid(world)
    world.ledger.sweep(payment, EXCESS_FEN)
    await world.until_followed()
    lines = (await payee.ask("GET", f"{payee.path}/history")).json()["entries"]
    assert [(each["type"], each["amount_fen"]) for each in lines] == [
        ("sweep", EXCESS_FEN), ("payment", PAID_FEN),
    ]  # fmt: skip
    assert lines[0]["link"] == lines[1]["identity"]
    only = (await payee.ask("GET", f"{payee.path}/history?type=sweep")).json()["entries"]
    assert only == lines[:1]
    statement = await payee.ask("GET", f"{payee.path}/statements?from=2020-01-01&format=csv")
    assert ",sweep," in statement.text


@pytest.fixture
async def worlds(postgres: EmbeddedPostgres) -> AsyncIterator[Worlds]:
    async with life_worlds(postgres) as worlds:
        yield worlds


async def test_a_payment_above_the_cap_arrives_in_wallet_and_deposit(worlds: Worlds) -> None:
    here, there = worlds.here, worlds.there
    payer = await here.open_wallet(deposit_fen=1_000_00)
    payee = await there.open_wallet(deposit_fen=5_00)
    await payer.exchange(500_00)
    lower = by_holder(payee, OrderType.LOWER_LIMITS, balance_cap_fen=PAID_FEN - EXCESS_FEN)
    assert (await send_order(there.http, lower))[:2] == [1, [0]]
    assert (await payer.pay(payee.number, PAID_FEN))[:2] == [1, [Code.PAYEE_CANNOT_RECEIVE]]
    assert await choose(payee, payee.deposit_id) == 200
    consent = by_holder(payee, OrderType.WATERFALL, on=1)
    assert (await send_order(there.http, consent))[:2] == [1, [0]]
    assert (await payer.pay(payee.number, PAID_FEN))[:2] == [1, [0]]
    await until_credited(there)
    assert await there.deposit_fen(payee) == (5_00 + EXCESS_FEN, 0)
    account = await there.operator.registry.account(payee.number)
    assert (account["balance_fen"], account["waterfall"]) == (PAID_FEN - EXCESS_FEN, True)
    assert await here.database_value("SELECT count(*) FROM sweep") == 0
    assert (await reconcile(there.database)).differences == []
