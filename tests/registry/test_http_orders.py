"""Orders over HTTP: who may bring them, in which requests, and what comes back."""

import time

import pytest

from jiaozi.central_bank.http.serve import ORDERS_BYTES_MAX
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.http_signatures import AGE_MAX_S, AHEAD_MAX_S
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX
from jiaozi.protocol.refusals import Code
from tests.registry.network import certified, key, person
from tests.registry.served import Served, problem

ONE, OTHER = 1001, 1002


async def test_answers_stand_in_the_order_of_the_request(served: Served) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    payee = await served.open_wallet(OTHER)
    settled = served.orders.payment(payer, payee, 600)
    answers = await served.operator().submit(
        settled,
        served.orders.payment(payer, payee, 600),
        cbor.encode(7),
        served.orders.payment(payee, payer, 1),
        settled,
    )
    first, short, shapeless, foreign, again = answers
    assert first[:2] == [1, [0]]
    assert short == [1, [Code.INSUFFICIENT_FUNDS, 400], first[2], 1]
    assert shapeless == [0, Code.MALFORMED, ["submission"]]
    assert foreign == [0, Code.OTHER_OPERATOR, []]
    assert again == first


@pytest.mark.parametrize("who", ["transport 1002", "officer 1"])
async def test_wallet_orders_by_others_have_no_effect(served: Served, who: str) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    payee = await served.open_wallet()
    order = served.orders.payment(payer, payee, 1)
    assert await served.caller(key(who)).submit(order) == [[0, Code.OTHER_OPERATOR, []]]
    assert await served.balance_fen(payer) == 1000


async def test_officers_bring_their_orders(served: Served) -> None:
    await served.officer.settle(served.orders.fund_reserve(ONE, 1))


@pytest.mark.parametrize("who", ["auditor", "certify 1001", "vault 1001", "block"])
async def test_keys_for_another_use_bring_no_orders(served: Served, who: str) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    payee = await served.open_wallet()
    order = served.orders.payment(payer, payee, 1)
    response = await served.caller(key(who)).send("POST", "/v1/orders", order)
    assert (response.status_code, problem(response)["code"]) == (403, Code.NOT_ALLOWED)
    assert await served.balance_fen(payer) == 1000


@pytest.mark.parametrize("who", ["a foreign key", "root", "transport 1003"])
async def test_foreign_keys_bring_no_orders(served: Served, who: str) -> None:
    order = served.orders.fund_reserve(ONE, 1)
    response = await served.caller(key(who)).send("POST", "/v1/orders", order)
    assert problem(response)["code"] == Code.REQUEST_SIGNATURE_INVALID
    assert response.status_code == 401


async def test_unsigned_requests_bring_no_orders(served: Served) -> None:
    order = served.orders.fund_reserve(ONE, 1)
    response = await served.caller(None).send("POST", "/v1/orders", order)
    assert (response.status_code, problem(response)["code"]) == (401, Code.REQUEST_UNSIGNED)
    assert response.headers["www-authenticate"] == "Signature"


async def test_revoked_and_expired_keys_bring_no_orders(served: Served) -> None:
    revoked, expired = key("transport, revoked"), key("transport, expired")
    in_force = certified(Use.OPERATOR_TRANSPORT, revoked, ONE)
    past = certified(Use.OPERATOR_TRANSPORT, expired, ONE, not_after_ms=2)
    orders = served.orders
    await served.officer.settle(
        orders.certify(in_force), orders.certify(past), orders.revoke(revoked.public_key)
    )
    for signer, code in (
        (revoked, Code.CERTIFICATE_REVOKED),
        (expired, Code.CERTIFICATE_NOT_VALID_NOW),
    ):
        response = await served.caller(signer).send("POST", "/v1/orders", b"\x00")
        assert (response.status_code, problem(response)["code"]) == (403, code)


async def test_officer_certified_later_may_bring_orders(served: Served) -> None:
    dora = key("dora")
    await served.officer.settle(
        served.orders.certify(certified(Use.OFFICER, dora, person=person(7)))
    )
    await served.caller(dora).settle(served.orders.fund_reserve(ONE, 1))


async def test_swapped_body_has_no_effect(served: Served) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    payee = await served.open_wallet()
    signed, swapped = (served.orders.payment(payer, payee, each) for each in (1, 2))
    operator = served.operator()
    response = await operator.send("POST", "/v1/orders", swapped, signed_body=signed)
    assert (response.status_code, problem(response)["code"]) == (400, Code.DIGEST_DIFFERS)
    assert await served.balance_fen(payer) == 1000


async def test_request_for_another_network_has_no_effect(served: Served) -> None:
    order = served.orders.fund_reserve(ONE, 1)
    response = await served.officer.send("POST", "/v1/orders", order, network=bytes(32))
    assert (response.status_code, problem(response)["code"]) == (400, Code.OTHER_NETWORK)


@pytest.mark.parametrize("age_s", [AGE_MAX_S + 30, -AHEAD_MAX_S - 30])
async def test_request_signed_long_ago_or_ahead_has_no_effect(served: Served, age_s: int) -> None:
    order = served.orders.fund_reserve(ONE, 1)
    signed_at_s = int(time.time()) - age_s
    response = await served.officer.send("POST", "/v1/orders", order, signed_at_s=signed_at_s)
    assert problem(response)["code"] == Code.REQUEST_SIGNATURE_INVALID


async def test_signature_for_another_address_has_no_effect(served: Served) -> None:
    order = served.orders.fund_reserve(ONE, 1)
    response = await served.officer.send("POST", "/v1/orders", order, signed_url="/v1/orders?a=1")
    assert problem(response)["code"] == Code.REQUEST_SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, Code.MALFORMED),
        (b"\xff", 400, Code.NOT_CANONICAL),
        (b"\x82\x40", 400, Code.NOT_CANONICAL),
        (b"{}", 400, Code.NOT_CANONICAL),
        (bytes(2001), 413, Code.TOO_LARGE),
        (b"\x59" + (SUBMISSION_BYTES_MAX + 1).to_bytes(2, "big"), 400, Code.NOT_CANONICAL),
        (bytes(ORDERS_BYTES_MAX + 1), 413, Code.TOO_LARGE),
    ],
)
async def test_body_that_cannot_be_read_gets_a_problem_document(
    served: Served, body: bytes, status: int, code: Code
) -> None:
    response = await served.operator().send("POST", "/v1/orders", body)
    assert (response.status_code, problem(response)["code"]) == (status, code)


async def test_two_thousand_orders_are_one_request(served: Served) -> None:
    answers = await served.operator().submit(*[cbor.encode(0)] * 2000)
    assert answers == [[0, Code.MALFORMED, ["submission"]]] * 2000


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_orders_are_posted(served: Served, method: str) -> None:
    response = await served.operator().send(method, "/v1/orders")
    assert (response.status_code, problem(response)["code"]) == (405, Code.METHOD_NOT_ALLOWED)
    assert response.headers["allow"] == "POST"
