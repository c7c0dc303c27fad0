"""What counts for an address, and how much of the memory for bodies one may hold."""

import asyncio
from collections import Counter

import httpx
import pytest

from jiaozi.service.rates import Rate, RateLimit
from jiaozi.service.server import listening
from tests.registry.waiting import until
from tests.service.conftest import BODIES_BYTES_MAX, HOT_BYTES_MAX, Served

BURST = 5
SIGNED = {"signature": "jiaozi=:x:"}


@pytest.fixture
def served() -> Served:
    """An application that takes five requests from each address, and one in 20 minutes."""
    return Served(
        addresses=RateLimit(Rate(per_s=1 / 1200, burst=BURST)), proxies=frozenset({"127.0.0.1"})
    )


def sender(address: str) -> dict[str, str]:
    """The field by which our own proxy says where a request comes from."""
    return {"x-forwarded-for": f"198.51.100.99, {address}"}


async def statuses(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], tries: int = 2 * BURST
) -> Counter[int]:
    return Counter([(await client.get(path, headers=headers)).status_code for _ in range(tries)])


async def test_an_address_that_floods_is_refused_and_others_are_not(
    client: httpx.AsyncClient,
) -> None:
    assert await statuses(client, "/v1/nothing", sender("203.0.113.1")) == {404: 5, 429: 5}
    assert await statuses(client, "/v1/nothing", sender("203.0.113.2"), 5) == {404: 5}
    refused = await client.get("/v1/nothing", headers=sender("203.0.113.1"))
    assert refused.json()["type"] == "urn:jiaozi:refusal:busy"
    assert int(refused.headers["retry-after"]) > 1_000


async def test_one_network_of_ipv6_is_one_sender(client: httpx.AsyncClient) -> None:
    answers = [
        (await client.get("/v1/nothing", headers=sender(f"2001:db8::{each}"))).status_code
        for each in range(1, 2 * BURST + 1)
    ]
    assert Counter(answers) == {404: 5, 429: 5}


async def test_a_stranger_cannot_say_that_it_is_someone_else(served: Served) -> None:
    served.proxies = frozenset()
    async with (
        listening(served.dispatcher()) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answers = [await statuses(client, "/x", sender(f"203.0.113.{n}"), 1) for n in range(7)]
    assert sum(answers, Counter()) == {404: 5, 429: 2}


async def test_signed_requests_count_only_when_the_signature_is_false(
    client: httpx.AsyncClient,
) -> None:
    headers = sender("203.0.113.1") | SIGNED
    assert await statuses(client, "/v1/nothing", headers, 20) == {404: 20}
    assert await statuses(client, "/v1/fails/unsigned", headers, 20) == {401: 5, 429: 15}
    assert await statuses(client, "/v1/nothing", headers, 1) == {429: 1}


async def test_hot_routes_count_by_themselves(client: httpx.AsyncClient) -> None:
    for _ in range(3 * BURST):
        assert (await client.post("/v1/orders", content=b"1")).status_code == 200


async def test_who_is_refused_elsewhere_still_learns_that_we_are_well(
    client: httpx.AsyncClient,
) -> None:
    headers = sender("203.0.113.1")
    await statuses(client, "/v1/nothing", headers)
    assert await statuses(client, "/healthz", headers) == {200: 5, 429: 5}


async def test_bodies_under_way_have_a_budget_of_which_no_address_holds_more_than_half(
    client: httpx.AsyncClient, served: Served
) -> None:
    body = b"x" * HOT_BYTES_MAX
    half = BODIES_BYTES_MAX // HOT_BYTES_MAX // 2

    async def send(address: str) -> int:
        # A refusal comes before the body was read: nothing more goes over that connection.
        async with httpx.AsyncClient(base_url=client.base_url) as own:
            answer = await own.post("/v1/orders?wait", content=body, headers=sender(address))
        return answer.status_code

    def begin(address: str, count: int) -> list["asyncio.Task[int]"]:
        return [asyncio.create_task(send(address)) for _ in range(count)]

    first = begin("203.0.113.1", half)
    await until(lambda: len(served.seen) == half)
    assert await send("203.0.113.1") == 429
    second = begin("203.0.113.2", half)
    await until(lambda: len(served.seen) == 2 * half)
    assert await send("203.0.113.3") == 429, "there is no room left for anyone"
    served.release.set()
    assert await asyncio.gather(*first, *second) == [200] * 2 * half
    assert await send("203.0.113.3") == 200, "what was answered is not counted"
