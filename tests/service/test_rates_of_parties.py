"""A flood by one wallet, one address or one operator is refused and starves nobody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from jiaozi.central_bank.rates import CentralBankRates
from jiaozi.operator.rates import OperatorRates
from jiaozi.protocol import cbor
from jiaozi.protocol.refusals import Code
from jiaozi.service.rates import Rate
from tests.operator.builders import OperatorWorld, operator_world
from tests.operator.holders import Holder
from tests.registry.network import Keys
from tests.registry.served import Served, genesis_for, served_registry

SLOW = Rate(per_s=1 / 600, burst=10)
ONE, OTHER = 1001, 1002


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OperatorWorld]:
    """An operator that takes ten orders and ten requests of each wallet."""
    rates = OperatorRates(wallet=SLOW, order=SLOW, code=SLOW)
    async with operator_world(database_dsn, rates=rates) as world:
        yield world


async def flood(http: httpx.AsyncClient, orders: list[bytes]) -> list[list[Any]]:
    """Send a sequence of orders and return their answers."""
    answer = await http.post(
        "/v1/orders",
        content=b"".join(orders),
        headers={"content-type": "application/cbor-seq"},
    )
    answers = cbor.decode(answer.content, size_max=len(answer.content))
    assert isinstance(answers, list)
    return answers


async def payer_and_payee(world: OperatorWorld) -> tuple[Holder, Holder]:
    payer = await world.open_wallet(deposit_fen=1_000_00)
    await payer.exchange(500_00)
    return payer, await world.open_wallet()


async def test_a_flood_of_one_wallets_orders_is_refused_and_others_pay(
    world: OperatorWorld,
) -> None:
    payer, payee = await payer_and_payee(world)
    other, _ = await payer_and_payee(world)
    answers = await flood(world.http, [payer.payment(payee.number, 1) for _ in range(100)])
    assert Counter(each[0] for each in answers) == {1: 10, 0: 90}
    assert {each[1] for each in answers if each[0] == 0} == {Code.BUSY}
    assert (await other.pay(payee.number, 1))[:2] == [1, [0]]
    assert world.balance_fen(payee) == 11, "what was refused as busy had no effect"


async def test_nobody_uses_up_anothers_orders_from_elsewhere(database_dsn: str) -> None:
    rates = OperatorRates(order=SLOW, proxies=frozenset({"127.0.0.1"}))
    async with operator_world(database_dsn, rates=rates) as world:
        payer, payee = await payer_and_payee(world)
        forged = Holder(
            payer.http, payer.network, payer.clock, payee.signer, payer.key_id, payer.number, ""
        )
        world.http.headers["x-forwarded-for"] = "203.0.113.66"
        await flood(world.http, [forged.payment(payee.number, 1) for _ in range(50)])
        world.http.headers["x-forwarded-for"] = "203.0.113.1"
        assert (await payer.pay(payee.number, 1))[:2] == [1, [0]]


async def test_orders_that_come_to_nothing_count_for_their_address(database_dsn: str) -> None:
    rates = OperatorRates(address=SLOW, proxies=frozenset({"127.0.0.1"}))
    async with operator_world(database_dsn, rates=rates) as world:
        world.http.headers["x-forwarded-for"] = "203.0.113.66"
        answers = [await world.http.post("/v1/orders", content=b"\x00") for _ in range(20)]
        assert Counter(each.status_code for each in answers) == {200: 10, 429: 10}
        world.http.headers["x-forwarded-for"] = "203.0.113.1"
        assert (await world.http.post("/v1/orders", content=b"\x00")).status_code == 200


async def test_a_flood_of_one_wallets_requests_is_refused_and_others_read(
    world: OperatorWorld,
) -> None:
    one, other = await world.open_wallet(), await world.open_wallet()
    answers = [await one.ask("GET", one.path) for _ in range(20)]
    assert Counter(each.status_code for each in answers) == {200: 10, 429: 10}
    assert int(answers[-1].headers["retry-after"]) > 500
    assert (await other.ask("GET", other.path)).status_code == 200


async def test_codes_are_limited_by_address_where_they_cost_something(database_dsn: str) -> None:
    rates = OperatorRates(code=SLOW)
    sms = _Silent()
    async with operator_world(database_dsn, rates=rates, demo=False, sms=sms) as world:
        phones = [f"+86139000000{number:02d}" for number in range(20)]
        answers = [
            await world.http.post("/v1/registrations", json={"phone": each}) for each in phones
        ]
    assert Counter(each.status_code for each in answers) == {202: 10, 429: 10}
    assert sms.sent == 10


class _Silent:
    """Sends nothing, and counts it."""

    sent = 0

    async def send_code(self, phone: str, code: str) -> None:
        self.sent += 1


@pytest.fixture
async def served(database_dsn: str) -> AsyncIterator[Served]:
    """A central bank that takes thirty requests of each operator."""
    rates = CentralBankRates(caller=Rate(per_s=1 / 600, burst=30), orders_bytes_max=50_000)
    async with served_registry(database_dsn, genesis_for(Keys()), rates=rates) as served:
        yield served


async def test_a_flood_by_one_operator_is_refused_and_others_work(served: Served) -> None:
    answers = [await served.operator(ONE).get("/v1/feed?after=0") for _ in range(60)]
    assert Counter(each.status_code for each in answers) == {200: 30, 429: 30}
    assert (await served.operator(OTHER).get("/v1/feed?after=0")).status_code == 200


async def test_one_operators_orders_under_way_leave_room_for_the_others(served: Served) -> None:
    wallets = {code: await served.open_wallet(code) for code in (ONE, OTHER)}
    orders = {
        code: b"".join(served.orders.payment(wallet, wallet, 1) for _ in range(110))
        for code, wallet in wallets.items()
    }
    flooding = [
        asyncio.create_task(served.operator(ONE).send("POST", "/v1/orders", orders[ONE]))
        for _ in range(8)
    ]
    other = await served.operator(OTHER).send("POST", "/v1/orders", orders[OTHER])
    statuses = Counter([(await each).status_code for each in flooding])
    assert other.status_code == 200
    assert statuses[429] >= 1, "two requests of that size are more than one operator's share"
    assert statuses[200] >= 1
    assert statuses.keys() <= {200, 429}
