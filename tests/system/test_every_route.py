"""rules.md §F.1: every route that a service describes, by whoever should get nothing from it.

The routes are those of /openapi.json, so that a new one cannot be forgotten: one that is not named
as public here must refuse the other operator's key, another wallet's key, no key at all.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.orders import parse
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, operator_world
from tests.operator.holders import Caller as HolderCaller
from tests.registry.network import Keys, key
from tests.registry.served import Caller, Served, genesis_for, served_registry

ONE, OTHER = 1001, 1002
CENTRAL_BANK_PUBLIC = {
    ("get", path)
    for path in (
        "/healthz", "/metrics", "/v1/genesis", "/v1/headers", "/v1/supply", "/v1/rulebook",
        "/v1/halts", "/v1/certificates", "/v1/revocations",
    )
}  # fmt: skip
OPERATOR_PUBLIC = {
    ("get", "/healthz"), ("get", "/metrics"), ("get", "/v1/network"),
    ("get", "/v1/headers"), ("get", "/v1/equivocations"),
    ("post", "/v1/registrations"), ("post", "/v1/demo/deposits"),
    ("post", "/v1/orders"),  # each order is signed itself
    ("post", "/v1/wallets"),  # by a key of its own, with a code
    ("post", "/v1/demands"),  # the request in it is signed; the token is its platform's alone
    ("post", "/v1/offline/devices"),  # the device signs the body
    ("post", "/v1/offline/logs"), ("post", "/v1/offline/payments"),  # devices signed what is in it
    ("post", "/v1/offline/synchronisations"),  # likewise; good for that device alone
    ("get", "/v1/offline/revocations"),
    ("post", "/v1/statements/check"),  # whoever has a code may ask what it says
}  # fmt: skip
OF_THE_CALLER = {
    ("get", "/v1/feed"), ("get", "/v1/statements"), ("get", "/v1/carried"), ("get", "/v1/deposits"),
}  # fmt: skip
"""Without anyone's name in it: it answers with what is the caller's own."""
REQUIRED = {"after": "0", "from": "2026-01-01"}


async def routes(http: httpx.AsyncClient) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation that a service describes."""
    paths = (await http.get("/openapi.json")).json()["paths"]
    return [
        (method, path, operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


def filled(path: str, operation: dict[str, Any], values: dict[str, str]) -> str:
    """Fill a path, with what the description shows where a test has no value of its own."""
    shown = {each["name"]: str(each["example"]) for each in operation.get("parameters", [])}
    values = shown | values
    url = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)
    required = [
        each["name"]
        for each in operation.get("parameters", [])
        if each["in"] == "query" and each.get("required")
    ]
    return f"{url}?{'&'.join(f'{name}={REQUIRED[name]}' for name in required)}".rstrip("?")


def example_body(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The body that a description shows, which is one that the route takes."""
    content = operation.get("requestBody", {}).get("content", {})
    body: dict[str, Any] | None = content.get("application/json", {}).get("example")
    return body


def assert_refused(answer: httpx.Response, where: str, secrets: list[str]) -> None:
    assert 400 <= answer.status_code < 500, f"{where}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json", where
    assert not any(each in answer.text for each in secrets), f"{where} leaks: {answer.text}"


@pytest.fixture
async def served(database_dsn: str) -> AsyncIterator[Served]:
    async with served_registry(database_dsn, genesis_for(Keys()), series=900) as served:
        await served.provide(ONE, 10_000)
        yield served


async def test_no_route_of_the_central_bank_tells_an_operator_of_anothers(served: Served) -> None:
    payer = await served.open_wallet(ONE, balance_fen=4_711)
    payee = await served.open_wallet(ONE)
    order = served.orders.payment(payer, payee, 1_234)
    await served.operator(ONE).settle(order)
    values = {
        "account": f"{payer.number:016d}",
        "number": f"{payer.number:016d}",
        "order_id": parse(order).id.hex(),
    }
    secrets = ["4711", "3477", "1234", payer.signer.public_key.hex()]
    callers: dict[str, Caller] = {
        "the other operator": served.operator(OTHER),
        "a wallet": served.caller(payer.signer),
        "a stranger": served.caller(key("a stranger")),
        "nobody": served.caller(None),
    }
    tried = 0
    for method, path, operation in await routes(served.http):
        if (method, path) in CENTRAL_BANK_PUBLIC:
            continue
        url = filled(path, operation, values)
        for who, caller in callers.items():
            where = f"{method} {url} by {who}"
            body = served.orders.payment(payer, payee, 1) if method == "post" else b""
            answer = await caller.send(method.upper(), url, body)
            tried += 1
            if who == "the other operator" and (method, path) in OF_THE_CALLER:
                assert answer.content in (b"", b'{"numbers":[]}'), where
            elif who == "the other operator" and method == "post":
                [told] = await caller.submit(body)
                assert told[0] == 0, f"{where} took another's order"
            else:
                assert_refused(answer, where, secrets)
    assert tried >= 6 * len(callers)
    assert await served.balance_fen(payer) == 4_711 - 1_234
    assert await served.balance_fen(payee) == 1_234


async def test_no_route_of_an_operator_tells_a_wallet_of_anothers(
    world: OperatorWorld,
) -> None:
    owner = await world.open_wallet(deposit_fen=98_765)
    stranger = await world.open_wallet(deposit_fen=1)
    await owner.exchange(43_210)
    exchange_id = owner.new_id().hex()
    order = owner.redeem_order(1)
    values = {"number": owner.key_id, "order_id": parse(order).id.hex()}
    bodies: dict[str, dict[str, Any]] = {
        "exchanges": {
            "exchange_id": exchange_id, "deposit_id": owner.deposit_id, "amount_fen": 1,
        },
        "redemptions": owner.redemption(order),
        "waterfall": {"deposit_id": owner.deposit_id},
        "pin": {"change_id": "00" * 16, "pin": "602817"},
        "countersignatures": owner.countersigning(order, "602817"),
        "sessions": {"login": ""},
        "challenges": {"wallet": owner.key_id},
    }  # fmt: skip
    secrets = ["98765", "43210", "55555", owner.deposit_id, owner.signer.public_key.hex()]
    unknown = world.new_caller()
    unknown.key_id = owner.key_id  # the owner's number under another key
    callers: dict[str, HolderCaller | None] = {
        "another wallet": stranger,
        "a false key": unknown,
        "nobody": None,
    }
    tried = 0
    for method, path, operation in await routes(world.http):
        if (method, path) in OPERATOR_PUBLIC:
            continue
        url = filled(path, operation, values)
        body = bodies.get(path.rpartition("/")[2], example_body(operation))
        for who, caller in callers.items():
            where = f"{method} {url} by {who}"
            if caller is None:
                answer = await world.http.request(method, url, json=body)
            else:
                answer = await caller.ask(method.upper(), url, body)
            tried += 1
            if who == "another wallet" and (method, path) in OF_THE_CALLER:
                assert answer.status_code == 200, where
                assert not any(each in answer.text for each in secrets), where
            else:
                assert_refused(answer, where, secrets)
    assert tried >= 6 * len(callers)
    assert await world.deposit_fen(owner) == (98_765 - 43_210, 0)
    assert world.balance_fen(owner) == 43_210


@pytest.fixture
async def world(postgres: EmbeddedPostgres) -> AsyncIterator[OperatorWorld]:
    dsn = await postgres.create_database("every_route")
    async with operator_world(dsn) as world:
        yield world
    await postgres.drop_database("every_route")


async def test_what_is_public_is_named_and_there(served: Served, world: OperatorWorld) -> None:
    for http, public in ((served.http, CENTRAL_BANK_PUBLIC), (world.http, OPERATOR_PUBLIC)):
        described = {(method, path) for method, path, _ in await routes(http)}
        assert public <= described
    vault = f"/v1/accounts/{numbers.vault_of(ONE):016d}"
    assert (await served.operator(ONE).get(vault)).status_code == 200
    assert (await served.operator(OTHER).get(vault)).status_code == 404
