"""The API as integrators see it: OpenAPI, bad input, health, figures."""

from typing import Any

import pytest

from jiaozi.operator.http import models
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, operator_world


async def test_bad_input_is_refused_with_the_name_of_its_field(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=100)
    caller = world.new_caller()
    opening = await world.opening("+8613600000000", caller)
    exchange: dict[str, Any] = {
        "exchange_id": holder.new_id().hex(),
        "deposit_id": holder.deposit_id,
        "amount_fen": 1,
    }
    redemption = holder.redemption(holder.redeem_order(1))
    exchanges, redemptions = f"{holder.path}/exchanges", f"{holder.path}/redemptions"
    for asking, url, good, change, field in (
        (caller, "/v1/wallets", opening, {"wallet_class": 5}, "body.wallet_class"),
        (caller, "/v1/wallets", opening, {"wallet_class": "4"}, "body.wallet_class"),
        (caller, "/v1/wallets", opening, {"wallet_class": True}, "body.wallet_class"),
        (caller, "/v1/wallets", opening, {"registration_id": "x"}, "body.registration_id"),
        (caller, "/v1/wallets", opening, {"public_key": "zz"}, "body.public_key"),
        (caller, "/v1/wallets", opening, {"public_key": ""}, "body.public_key"),
        (caller, "/v1/wallets", opening, {"holder": "alien"}, "body.holder"),
        (caller, "/v1/wallets", opening, {"surprise": 1}, "body.surprise"),
        (caller, "/v1/wallets", opening, {"code": None}, "body.code"),
        (holder, exchanges, exchange, {"exchange_id": "00" * 16}, "exchange_id"),
        (holder, exchanges, exchange, {"exchange_id": "x"}, "body.exchange_id"),
        (holder, exchanges, exchange, {"deposit_id": "' OR 1=1 --"}, "body.deposit_id"),
        (holder, redemptions, redemption, {"submission": "*"}, "body.submission"),
        (holder, redemptions, redemption, {"submission": "é"}, "body.submission"),
        (holder, redemptions, redemption, {"submission": 7}, "body.submission"),
    ):
        answer = await asking.ask("POST", url, {**good, **change})
        assert answer.status_code == 400, (url, change, answer.text)
        assert answer.json()["code"] == Code.MALFORMED
        assert answer.json()["fields"] == {"field": field}
    unsupported = {**opening, "suite": -7}
    answer = await caller.ask("POST", "/v1/wallets", unsupported)
    assert answer.json()["code"] == Code.SUITE_UNSUPPORTED
    for query in ("limit=0", "limit=501", "after=x", "type=issue", "direction=up", "from_ms=-1"):
        answer = await holder.ask("GET", f"{holder.path}/history?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, Code.MALFORMED), query


async def test_strange_bodies_and_paths_are_refused(world: OperatorWorld) -> None:
    for content in (b"", b"{", b"[]", b"\xff", b'{"phone": 1}', b"{" * 5000):
        answer = await world.http.post("/v1/registrations", content=content)
        assert answer.status_code == 400, content
    for path in ("/v1/wallets/1", "/v1/wallets/x/history", "/v1/nothing", "/v1//"):
        assert (await world.http.get(path)).status_code in (400, 404)
    assert (await world.http.delete("/v1/registrations")).status_code == 405
    assert (await world.http.get("/v1/orders")).status_code == 405


async def test_the_description_names_every_model_with_examples(world: OperatorWorld) -> None:
    schema = (await world.http.get("/openapi.json")).json()
    named = schema["components"]["schemas"]
    for model in (models.OpeningBody, models.ExchangeBody, models.HistoryView, models.SagaView):
        assert model.__name__ in named
    assert "application/cbor-seq" in str(schema["paths"]["/v1/orders"]["post"]["requestBody"])
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary") or operation.get("description"), (method, path)


async def test_outside_demo_mode_codes_are_not_told_deposits_not_funded_and_enrolments_counted(
    database_dsn: str,
) -> None:
    sent: list[tuple[str, str]] = []

    class Phone:
        async def send_code(self, phone: str, code: str) -> None:
            sent.append((phone, code))

    async with operator_world(database_dsn, demo=False, sms=Phone()) as world:
        answer = await world.register("+8613500000000")
        assert answer.keys() == {"registration_id", "expires_s"}
        [(phone, code)] = sent
        assert phone == "+8613500000000"
        assert len(code) == 6
        body = {"phone": phone, "amount_fen": 1}
        assert (await world.http.post("/v1/demo/deposits", json=body)).status_code == 404

        enrolled = [await world.http.post("/v1/offline/devices") for _ in range(101)]
        assert {each.json()["code"] for each in enrolled[:100]} == {Code.NOT_CANONICAL}
        assert enrolled[100].json()["code"] == Code.BUSY, "each takes a share of the guarantee"


async def test_without_a_way_to_send_codes_an_operator_does_not_start(database_dsn: str) -> None:
    with pytest.raises(ValueError, match="SMS"):
        async with operator_world(database_dsn, demo=False):
            pass


async def test_the_gateway_shows_its_figures(world: OperatorWorld) -> None:
    figures = (await world.http.get("/metrics")).text
    assert "jiaozi_gateway_waiting 0.0" in figures
    assert "jiaozi_registry_reachable 1.0" in figures
    assert (await world.http.get("/healthz")).json() == {"status": "ok"}
