"""A route is described completely by default, and what it lacks all the same is named."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from jiaozi.protocol.refusals import Code
from jiaozi.service.openapi import (
    REFUSALS,
    SIGNATURE,
    complete,
    gaps,
    may_refuse,
    operations,
    raw_answer,
)


class Payment(BaseModel):
    amount_fen: int
    note: str | None = None


class Access:
    """Like the parties' own."""

    verifies_signatures = True

    async def of_wallet(self, request: Request) -> int:
        return 1


def described(router: APIRouter) -> dict[str, Any]:
    app = FastAPI()
    app.include_router(router)
    return complete(app.openapi(), app.routes, {})


def only_operation(router: APIRouter) -> dict[str, Any]:
    [(_, _, operation)] = operations(described(router))
    return operation


def routes_of_a_colleague() -> APIRouter:
    """Routes by someone who thought of nothing but the work."""
    router, access = APIRouter(prefix="/v1", tags=["wallets"]), Access()

    async def caller(request: Request) -> int:
        return await access.of_wallet(request)

    @router.post("/wallets/{number}/payments")
    async def pay(request: Request, number: str, body: Payment) -> Payment:
        """Pay someone; the same again pays once."""
        await caller(request)
        return body

    return router


def test_a_route_is_complete_without_anyone_thinking_of_it() -> None:
    document = described(routes_of_a_colleague())
    assert gaps(document) == []
    [(_, _, operation)] = operations(document)
    assert operation["summary"] == "Pay someone"
    assert operation["description"] == "Pay someone; the same again pays once."
    assert operation["requestBody"]["content"]["application/json"]["example"]["amount_fen"] == 1250


def test_who_uses_access_is_signed_even_through_a_function() -> None:
    operation = only_operation(routes_of_a_colleague())
    assert operation["security"] == [{SIGNATURE: []}]
    assert {"request_unsigned", "digest_differs", "not_allowed"} <= set(operation[REFUSALS])
    assert "request_unsigned" in operation["responses"]["401"]["description"]


def test_who_does_not_use_access_is_not_signed() -> None:
    router = APIRouter(tags=["public"])

    @router.get("/v1/supply")
    async def supply() -> Payment:
        """Tell how much there is."""
        return Payment(amount_fen=1)

    operation = only_operation(router)
    assert "security" not in operation
    assert operation[REFUSALS] == ["busy", "unavailable"]


def test_refusals_of_its_own_are_told_with_their_status() -> None:
    router = APIRouter(tags=["wallets"])

    @router.post("/v1/limits", openapi_extra=may_refuse(Code.LIMIT_DAY, Code.CODE_WRONG))
    async def limits() -> Payment:
        """Change a limit."""
        return Payment(amount_fen=1)

    responses = only_operation(router)["responses"]
    document = responses["409"]["content"]["application/problem+json"]["examples"]["limit_day"]
    assert document["value"]["status"] == 409
    assert document["value"]["fields"].keys() == {"limit_fen", "left_fen"}
    assert "`code_wrong`" in responses["422"]["description"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"summary": ""}, "a summary"),
        ({"description": ""}, "a description"),
        ({"tags": []}, "a tag"),
        ({REFUSALS: []}, "refusals"),
        ({"parameters": [{"name": "number", "in": "path", "schema": {}}]}, "an example of number"),
        ({"requestBody": {"content": {"application/cbor": {}}}}, "an example of the request"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], missing: str) -> None:
    document = described(routes_of_a_colleague())
    [(_, _, operation)] = operations(document)
    operation |= changes
    [gap] = gaps(document)
    assert gap.startswith(f"POST /v1/wallets/{{number}}/payments: {missing}")


def test_bytes_need_a_media_type_and_an_example() -> None:
    router = APIRouter(tags=["public"])

    @router.get("/v1/headers", response_class=Response)
    async def headers() -> Response:
        """Give headers."""
        return Response(b"")

    assert gaps(described(router)) == ["GET /v1/headers: the content of answer 200"]


def test_bytes_are_shown_in_hexadecimal_and_text_as_it_is() -> None:
    [binary] = raw_answer("application/cbor", "Bytes", b"\xd2\x84")[200]["content"].values()
    [text] = raw_answer("text/csv", "A table", "a,b")[200]["content"].values()
    assert (binary["example"], text["example"]) == ("d284", "a,b")
