"""Hot routes, bodies within bounds, and no failure without a problem document."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from tests.registry.waiting import until
from tests.service.conftest import APP_BYTES_MAX, HOT_BYTES_MAX, SECRET, Served


async def chunks(total: int, size: int = 50_000) -> AsyncIterator[bytes]:
    for _ in range(total // size):
        yield b"x" * size


async def test_hot_route_gets_the_request_as_it_came(
    client: httpx.AsyncClient, served: Served
) -> None:
    answer = await client.post("/v1/orders?a=%20b", content=b"\x82\x01", headers={"X-One": "1"})
    assert (answer.status_code, answer.content) == (200, b"\x82\x01")
    assert answer.headers["content-type"] == "application/cbor"
    assert answer.headers["x-size"] == "2"
    [request] = served.seen
    assert (request.method, request.url) == ("POST", "/v1/orders?a=%20b")
    assert request.header(b"x-one") == b"1"
    assert request.header(b"x-two") == b""


async def test_application_gets_the_body_and_the_target_as_it_came(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/v1/%65cho?q=%2F", content=b"\x01\x02")
    assert answer.json() == {"target": "/v1/%65cho?q=%2F", "body": "0102"}


@pytest.mark.parametrize("size", [0, 1, HOT_BYTES_MAX])
async def test_bodies_up_to_the_bound_are_taken_in_any_pieces(
    client: httpx.AsyncClient, size: int
) -> None:
    whole = await client.post("/v1/orders", content=b"x" * size)
    pieces = await client.post("/v1/orders", content=chunks(size))
    assert len(whole.content) == size
    assert len(pieces.content) == size - size % 50_000


@pytest.mark.parametrize(
    ("path", "bytes_max"), [("/v1/orders", HOT_BYTES_MAX), ("/v1/echo", APP_BYTES_MAX)]
)
@pytest.mark.parametrize("excess", [1, 3_000_000])
async def test_oversized_body_is_refused(
    client: httpx.AsyncClient, served: Served, path: str, bytes_max: int, excess: int
) -> None:
    answer = await client.post(path, content=b"x" * (bytes_max + excess))
    assert answer.status_code == 413
    assert answer.json()["fields"] == {"field": "body", "limit": bytes_max}
    assert served.seen == []


async def test_oversized_body_of_unknown_length_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/orders", content=chunks(HOT_BYTES_MAX + 50_000))
    assert answer.status_code == 413


async def test_body_that_does_not_come_is_refused(client: httpx.AsyncClient) -> None:
    address = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 20)
    assert b" 400 " in head
    writer.close()


FAR_TOO_MANY = HOT_BYTES_MAX + 17 * 1024 * 1024
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


@pytest.mark.parametrize(
    ("request_line", "rest", "status"),
    [
        (b"POST /v1/orders", b"Content-Length: %d\r\n\r\nabc" % FAR_TOO_MANY, 413),
        (b"POST /v1/orders", b"Content-Length: 10\r\n\r\nabc", 400),
        (b"POST /v1/echo", CHUNKED, 400),
        (b"PUT /v1/orders", b"Content-Length: 10\r\n\r\nabc", 405),
        (b"PUT /v1/orders", CHUNKED, 405),
    ],
)
async def test_an_answer_before_the_body_was_read_says_that_it_ends_the_connection(
    client: httpx.AsyncClient, request_line: bytes, rest: bytes, status: int
) -> None:
    address = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request_line + b" HTTP/1.1\r\nHost: x\r\n" + rest)
    answer = await asyncio.wait_for(reader.read(), 20)
    head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert head[0].startswith(b"http/1.1 %d" % status)
    assert head.count(b"connection: close") == 1
    writer.close()


@pytest.mark.parametrize(
    ("request_line", "rest", "status"),
    [
        (b"POST /v1/orders", b"Content-Length: 3\r\n\r\nabc", 200),
        (b"POST /v1/orders?broken", b"Content-Length: 3\r\n\r\nabc", 500),
        (b"POST /v1/echo", CHUNKED + b"0\r\n\r\n", 200),
        (b"POST /v1/echo", b"Content-Length: 10001\r\n\r\n" + b"x" * 10_001, 413),
        (b"GET /v1/orders", b"\r\n", 405),
    ],
)
async def test_a_connection_goes_on_after_an_answer_to_a_whole_request(
    client: httpx.AsyncClient, request_line: bytes, rest: bytes, status: int
) -> None:
    address = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for _ in range(2):
        writer.write(request_line + b" HTTP/1.1\r\nHost: x\r\n" + rest)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).lower()
        assert head.startswith(b"http/1.1 %d" % status)
        assert b"connection:" not in head
        [length] = [each[15:] for each in head.split(b"\r\n") if each.startswith(b"content-length")]
        await reader.readexactly(int(length))
    writer.close()


async def test_truncated_body_has_no_effect(client: httpx.AsyncClient, served: Served) -> None:
    address = urlsplit(str(client.base_url))
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.7)
    assert served.seen == []


async def test_order_that_was_taken_goes_on_without_its_sender(
    client: httpx.AsyncClient, served: Served
) -> None:
    sending = asyncio.create_task(client.post("/v1/orders?wait", content=b"1"))
    await served.entered.wait()
    sending.cancel()
    await asyncio.wait([sending])
    served.release.set()
    await until(lambda: served.finished == 1)


async def test_other_method_on_a_hot_path_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["type"] == "urn:jiaozi:refusal:method_not_allowed"


async def test_refusal_of_a_hot_route_is_a_problem_document(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/orders?busy")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["fields"] == {"retry_after_ms": 1_500}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/orders?broken"), ("GET", "/v1/fails/otherwise")]
)
async def test_unexpected_error_is_logged_once_and_told_without_traceback(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    with capture_logs() as logged:
        answer = await client.request(method, path)
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "nothing that was acknowledged is lost" in answer.json()["title"]
    [line] = logged
    assert line["incident"] == answer.json()["incident"]
    assert SECRET in str(line["exc_info"])


async def test_requests_are_counted_by_template_and_never_by_path(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/v1/orders", content=b"1")
    await client.post("/v1/wallets/1001000000012342/exchanges", json={})
    await client.get("/v1/wallets/1001000000012342")
    await client.request("PROPFIND", "/v1/orders")
    text = (await client.get("/metrics")).text
    assert "1001000000012342" not in text
    counted = {
        (sample.labels["route"], sample.labels["status"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "jiaozi_http_requests_total"
    }
    assert counted == {
        ("POST /v1/orders", "200"),
        ("POST /v1/wallets/{number}/exchanges", "400"),
        ("unmatched", "404"),
        ("unmatched", "405"),
    }
