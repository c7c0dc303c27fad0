"""What FastAPI answers, in the project's words."""

import httpx
import pytest

from jiaozi.storage.errors import StorageUnavailable
from tests.service.conftest import SECRET, Served

EXCHANGES = "/v1/wallets/1/exchanges"


async def test_good_request_passes(client: httpx.AsyncClient) -> None:
    body = {"amount_fen": 100, "deposit_id": "d-1"}
    assert (await client.post(EXCHANGES, json=body)).json() == body


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (EXCHANGES, b'{"deposit_id": "d"}', "body.amount_fen"),
        (EXCHANGES, b'{"amount_fen": "much", "deposit_id": "d"}', "body.amount_fen"),
        (EXCHANGES, b'{"amount_fen": 1.5, "deposit_id": "d"}', "body.amount_fen"),
        (EXCHANGES, b"", "body"),
        (EXCHANGES, b"{", "body"),
        (EXCHANGES, b"[]", "body"),
        (EXCHANGES, b"\xff\xfe", "body"),
        ("/v1/wallets/x/exchanges", b'{"amount_fen": 1, "deposit_id": "d"}', "path.number"),
    ],
)
async def test_malformed_request_names_the_field(
    client: httpx.AsyncClient, path: str, body: bytes, field: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:jiaozi:refusal:malformed"
    assert answer.json()["fields"] == {"field": field}


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/healthz/", "/docs", "/v1/orders/"])
async def test_unknown_address_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:jiaozi:refusal:not_found"


async def test_other_method_is_refused_and_told_which_is_right(client: httpx.AsyncClient) -> None:
    answer = await client.put("/healthz")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["type"] == "urn:jiaozi:refusal:method_not_allowed"


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [("refusal", 409, "limit_day"), ("storage", 503, "unavailable"), ("commit", 504, "unknown")],
)
async def test_refusals_and_a_lost_database_are_told(
    client: httpx.AsyncClient, kind: str, status: int, name: str
) -> None:
    answer = await client.get(f"/v1/fails/{kind}")
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:jiaozi:refusal:{name}"
    assert SECRET not in answer.text


async def test_health_says_whether_work_can_be_done(
    client: httpx.AsyncClient, served: Served
) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    served.health = StorageUnavailable(happened="", remedy="")
    assert (await client.get("/healthz")).status_code == 503


async def test_description_covers_hot_routes_and_problems(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert "post" in described["paths"]["/v1/orders"]
    for path in described["paths"].values():
        for operation in path.values():
            for status in ("429", "500", "503"):
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"]
            assert not operation["responses"].keys() & {"422", "4XX", "5XX"}
    assert "incident" not in described["components"]["schemas"]["ProblemDocument"]["required"]
