"""design.md §5: a broken invariant is no refusal: it stops the writer, and nothing is written."""

import asyncio
from functools import partial

import asyncpg
import pytest

from jiaozi.central_bank.registry import ledger as working
from jiaozi.central_bank.registry import model, post
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.writer import InvariantBroken
from jiaozi.protocol import numbers
from jiaozi.protocol.refusals import Code, Refusal
from tests.registry.builders import Wallet
from tests.registry.effects import state
from tests.registry.network import OPERATORS
from tests.registry.served import Served, problem, served_registry
from tests.registry.sessions import waiting_in
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld

ONE = OPERATORS[0]


async def stops(world: RegistryWorld, *orders: bytes, reason: str) -> None:
    """Send orders at which the writer must stop, and check that none has an effect."""
    before, height = await state(world), world.height
    totals, caller = str(world.writer.tip.totals), world.transport(ONE)
    answers = await world.submit(*orders)
    assert {each.refusal and each.refusal.code for each in answers} == {Code.UNAVAILABLE}
    with pytest.raises(InvariantBroken, match=reason):
        await world.running
    assert world.writer.broken is not None
    assert not world.writer.leads
    with pytest.raises(Refusal) as raised:
        await world.intake.take(orders[0], caller)
    assert raised.value.code is Code.UNAVAILABLE
    async with world.database.connection() as connection:
        assert await connection.fetchval("SELECT max(height) FROM block") == height
    await world.restart()
    assert str(world.writer.tip.totals) == totals
    assert await state(world) == before


async def pair(world: RegistryWorld) -> tuple[Wallet, Wallet]:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    return payer, payee


@pytest.mark.parametrize("change_fen", [-1, 1])
async def test_money_that_is_made_or_lost_stops_the_writer(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch, change_fen: int
) -> None:
    world = own_world
    payer, payee = await pair(world)
    moved = model.move

    def move_wrongly(legs: object, accounts: dict[int, Account]) -> None:
        moved(legs, accounts)  # type: ignore[arg-type]
        accounts[payee.number].balance_fen += change_fen

    monkeypatch.setattr(working, "move", move_wrongly)
    orders = [world.orders.payment(payer, payee, 10), world.orders.payment(payee, payer, 10)]
    await stops(world, *orders, reason="the currency ledger is off")


async def test_reserve_that_is_not_debited_stops_the_writer(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world

    def post_nothing(ledger: Ledger, operator: int, amount_fen: int) -> None:
        ledger.accounts[numbers.reserve_of(operator)].balance_fen += amount_fen
        ledger.changed.add(numbers.reserve_of(operator))

    monkeypatch.setattr(post, "_post_reserve", post_nothing)
    await stops(world, world.orders.fund_reserve(ONE, 10), reason="the reserves ledger is off")


async def test_database_stops_a_balance_below_zero(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await pair(world)
    monkeypatch.setattr(post, "check_funds", lambda account, amount_fen: None)
    order = world.orders.payment(payer, payee, 1001)
    await stops(world, order, reason="balance_not_below_zero")


async def test_database_stops_sums_that_do_not_meet(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await pair(world)
    monkeypatch.setattr(post, "replace", lambda totals, **_: totals)
    assert (await world.pay(payer, payee, 1)).refusal is None
    await stops(world, world.orders.destroy(ONE, 10), reason="outstanding_is_somewhere")


async def test_tampered_balance_that_cannot_be_stops_the_writer(own_world: RegistryWorld) -> None:
    world = own_world
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE account SET balance_fen = 0 WHERE number = $1", numbers.ISSUANCE
        )
    await stops(world, world.orders.destroy(ONE, 10), reason="contra_not_above_zero")


async def test_broken_invariant_shows_in_health_and_stops_orders(
    database_dsn: str, served_genesis: bytes
) -> None:
    async with served_registry(database_dsn, served_genesis) as served:
        await served.provide(ONE, 100)
        connection = await asyncpg.connect(database_dsn)
        await connection.execute("DELETE FROM account WHERE number = $1", numbers.ISSUANCE)
        await connection.close()
        orders = served.orders
        assert await served.officer.submit(orders.destroy(ONE, 1)) == [[0, Code.UNAVAILABLE, []]]
        await until(partial(is_unhealthy, served))
        response = await served.officer.send("POST", "/v1/orders", orders.fund_reserve(ONE, 1))
        assert (response.status_code, problem(response)["code"]) == (503, Code.UNAVAILABLE)
        assert (await served.http.get("/v1/headers")).status_code == 200


async def is_unhealthy(served: Served) -> bool:
    return (await served.http.get("/healthz")).status_code == 503


async def test_account_that_vanishes_under_the_writer_stops_it(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    async with world.database.transaction() as connection:
        await connection.execute("DELETE FROM account WHERE number = $1", payee.number)
        sent = asyncio.create_task(world.submit(order))
        await waiting_in(world, "transactionid")
    [answer] = await sent
    assert answer.refusal is not None
    with pytest.raises(InvariantBroken, match="UPDATE 1 of 2 accounts"):
        await world.running
