"""The gateway over HTTP: what is taken, what is refused on the spot, what nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from jiaozi.operator.gateway.admit import ORDERS_MAX
from jiaozi.operator.gateway.batch import BatchLimits
from jiaozi.protocol import cbor
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, operator_world, until
from tests.operator.fake_registry import Fault, fake_registry
from tests.operator.holders import Holder, send_order
from tests.registry.builders import new_wallet

SEQUENCE = {"Content-Type": "application/cbor-seq"}
JSON = {"Accept": "application/json"}


@pytest.fixture
async def payer(world: OperatorWorld) -> Holder:
    """A wallet with 100 yuan in it."""
    payer = await world.open_wallet(deposit_fen=100_00)
    await payer.exchange(100_00)
    return payer


@pytest.fixture
async def payee(world: OperatorWorld) -> Holder:
    """An empty wallet."""
    return await world.open_wallet()


async def send_sequence(world: OperatorWorld, *orders: bytes) -> list[object]:
    answer = await world.http.post("/v1/orders", content=b"".join(orders), headers=SEQUENCE)
    assert answer.status_code == 200, answer.text
    answers = cbor.decode(answer.content, size_max=1 << 20)
    assert type(answers) is list
    return answers


async def test_a_repeated_order_gets_the_first_outcome(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    order = payer.payment(payee.number, 60_00)
    first = await send_order(world.http, order)
    assert first[:2] == [1, [0]]
    assert await send_order(world.http, order) == first
    assert await send_sequence(world, order, order) == [first, first]
    assert world.balance_fen(payer) == 40_00


async def test_a_final_refusal_is_an_answer_too(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    order = payer.payment(payee.number, 100_01)
    first = await send_order(world.http, order)
    assert first[:2] == [1, [int(Code.INSUFFICIENT_FUNDS), 100_00]]
    assert await send_order(world.http, order) == first


@pytest.mark.parametrize(
    "answer", [None, [], [0], [0, []], [0, [], []], [1, [0, 0], 1, 0], [1, [199], 1, 0]]
)
async def test_an_answer_of_another_shape_proves_nothing(
    world: OperatorWorld, payer: Holder, payee: Holder, answer: object
) -> None:
    world.ledger.submit = lambda _: [answer]  # type: ignore[list-item]
    order = payer.payment(payee.number, 1)
    told = await world.http.post("/v1/orders", content=order, headers=JSON)
    assert (told.status_code, told.json()["code"]) == (504, Code.UNKNOWN)


async def test_an_outcome_of_another_shape_is_unknown_too(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    order = payer.payment(payee.number, 1)
    await send_order(world.http, order)
    path = f"/v1/wallets/{payer.key_id}/outcomes/{parse(order).id.hex()}"
    used = world.ledger.used
    place = payer.number, parse(order).id
    used[place] = replace(used[place], outcome=(0, 0))
    told = await payer.ask("GET", path)
    assert (told.status_code, told.json()["code"]) == (504, Code.UNKNOWN)


async def test_a_single_order_is_answered_in_json_if_asked(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    url = "/v1/orders"
    settled = await world.http.post(url, content=payer.payment(payee.number, 1), headers=JSON)
    assert settled.status_code == 200
    assert settled.json() == {
        "state": "settled",
        "height": world.ledger.tip.header.height,
        "position": 0,
    }
    refused = await world.http.post(url, content=payer.payment(payee.number, 10**9), headers=JSON)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == Code.INSUFFICIENT_FUNDS
    malformed = await world.http.post(url, content=b"\x00", headers=JSON)
    assert (malformed.status_code, malformed.json()["code"]) == (400, Code.MALFORMED)


async def test_one_bad_order_of_a_sequence_holds_up_no_other(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    good = [payer.payment(payee.number, amount_fen) for amount_fen in (1, 2, 3)]
    forged = payer.payment(payee.number, 4)
    forged = forged[:150] + bytes([forged[150] ^ 1]) + forged[151:]
    answers = await send_sequence(
        world, good[0], cbor.encode([]), good[1], payer.redeem_order(5), forged, good[2]
    )
    codes = [each[:2] for each in answers if isinstance(each, list)]
    assert codes[:4] == [[1, [0]], [0, Code.MALFORMED], [1, [0]], [0, Code.NOT_ALLOWED]]
    assert codes[4][0] == 0
    assert codes[5] == [1, [0]]
    assert world.balance_fen(payee) == 6


async def test_no_order_but_a_payment_of_an_own_wallet_is_taken(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    batches = len(world.registry.batches)
    foreign = new_wallet(1002, 0)
    key, number = payer.signer, payer.number
    payer.signer, payer.number = foreign.signer, foreign.number
    of_another_operator = payer.payment(payee.number, 1)
    payer.signer, payer.number = key, number
    for order, code in (
        (b"", Code.NOT_CANONICAL),
        (b"\xff" * 10, Code.NOT_CANONICAL),
        (b"x" * 6000, Code.TOO_LARGE),
        (payer.redeem_order(1), Code.NOT_ALLOWED),
        (payer.order(OrderType.PAYMENT, payer.number, 1), Code.TO_SELF),
        (of_another_operator, Code.OTHER_OPERATOR),
        (payer.payment(payee.number, 1)[:-1], Code.NOT_CANONICAL),
    ):
        answer = await send_order(world.http, order)
        assert answer[:2] == [0, code]
    assert len(world.registry.batches) == batches


async def test_what_is_no_sequence_is_not_taken_at_all(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    order = payer.payment(payee.number, 1)
    too_many = cbor.encode([]) * (ORDERS_MAX + 1)
    for body in (order + b"\xff", order + order[:-1], order + too_many):
        answer = await world.http.post("/v1/orders", content=body, headers=SEQUENCE)
        assert answer.json()["code"] == Code.NOT_CANONICAL
    assert await send_sequence(world) == []
    assert world.balance_fen(payee) == 0


async def test_a_body_is_bounded(world: OperatorWorld) -> None:
    answer = await world.http.post("/v1/orders", content=b"\x80" * (4 << 20), headers=SEQUENCE)
    assert answer.json()["code"] in (Code.NOT_CANONICAL, Code.TOO_LARGE)
    answer = await world.http.post("/v1/orders", content=b"\x80" * ((4 << 20) + 1))
    assert answer.json()["code"] == Code.TOO_LARGE


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.LOSE_REQUEST, 504, Code.UNKNOWN),
        (Fault.LOSE_ANSWER, 504, Code.UNKNOWN),
        (Fault.GARBLE, 504, Code.UNKNOWN),
        (Fault.BUSY, 429, Code.BUSY),
        (Fault.UNAVAILABLE, 503, Code.UNAVAILABLE),
    ],
)
async def test_no_answer_is_never_told_as_a_refusal(
    world: OperatorWorld, payer: Holder, payee: Holder, fault: Fault, status: int, code: Code
) -> None:
    order = payer.payment(payee.number, 25_00)
    world.registry.faults.append(fault)
    answer = await world.http.post("/v1/orders", content=order)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["retry"] == "same_order"
    assert int(answer.headers["retry-after"]) >= 1
    assert (await send_order(world.http, order))[:2] == [1, [0]]
    assert world.balance_fen(payee) == 25_00


async def test_an_order_that_comes_twice_moves_money_once(
    world: OperatorWorld, payer: Holder, payee: Holder
) -> None:
    world.registry.faults.append(Fault.DOUBLE)
    assert (await payer.pay(payee.number, 25_00))[:2] == [1, [0]]
    assert world.balance_fen(payee) == 25_00


async def test_a_full_queue_says_when_to_come_again(database_dsn: str) -> None:
    limits = BatchLimits(batch_max=1, in_flight_max=1, queue_max=4)
    async with operator_world(database_dsn, batch_limits=limits) as world:
        payer = await world.open_wallet(deposit_fen=100)
        await payer.exchange(100)
        payee = await world.open_wallet()
        world.registry.delay_s = 0.2
        orders = [payer.payment(payee.number, 1) for _ in range(12)]
        answers = await asyncio.gather(
            *(world.http.post("/v1/orders", content=each) for each in orders)
        )
        busy = [each for each in answers if each.status_code == 429]
        assert busy
        assert all(int(each.headers["retry-after"]) >= 1 for each in busy)
        settled = [each for each in answers if each.status_code == 200]
        assert len(settled) + len(busy) == 12
        assert world.balance_fen(payee) == len(settled)
        world.registry.delay_s = 0
        again = [await send_order(world.http, each) for each in orders]
        assert all(each[:2] == [1, [0]] for each in again)
        assert world.balance_fen(payee) == 12


@pytest.fixture
async def down(database_dsn: str) -> AsyncIterator[tuple[OperatorWorld, bytes]]:
    """An operator whose registry has gone, and an order."""
    async with fake_registry() as registry, operator_world(database_dsn, registry) as world:
        payer = await world.open_wallet(deposit_fen=100)
        payee = await world.open_wallet()
        registry.is_down = True
        yield world, payer.payment(payee.number, 1)


async def test_a_registry_out_of_reach_is_told_by_orders_and_by_health(
    down: tuple[OperatorWorld, bytes],
) -> None:
    world, order = down
    answers = [await world.http.post("/v1/orders", content=order) for _ in range(2)]
    assert {each.status_code for each in answers} <= {503, 504}
    assert (await world.http.get("/healthz")).status_code == 503
    world.registry.is_down = False

    async def is_well() -> bool:
        return (await world.http.get("/healthz")).status_code == httpx.codes.OK

    await until(is_well)
    assert (await send_order(world.http, order))[0] == 1
