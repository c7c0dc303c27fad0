"""Who may read and do what: every route with its own key, another holder's, and none."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from jiaozi.operator.http.access import Access
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import AGE_MAX_S, NETWORK_HEADER, sign_request
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import operator_database
from tests.operator.builders import OperatorWorld, operator_world
from tests.operator.holders import Holder
from tests.operator.test_customers import DOCUMENT
from tests.operator.under import new_signer, under_body

PUBLIC = {
    "/v1/offline/devices", "/v1/offline/logs", "/v1/offline/payments", "/v1/offline/revocations",
    "/v1/offline/synchronisations",
    "/healthz", "/metrics", "/v1/network", "/v1/registrations", "/v1/orders", "/v1/demo/deposits",
    "/v1/statements/check", "/v1/headers", "/v1/equivocations",
    "/v1/demands",  # the request in it is signed, and the token is known to its platform alone
}  # fmt: skip
PIN = "602817"
BY_SESSION = {"/v1/sessions", "/v1/sessions/challenges", "/v1/sessions/current"}
STREAMS = {"/v1/wallets/{number}/events"}
"""Who reads them is shown in test_sessions.py and test_notices.py."""
BY_NEW_KEY = {
    "/v1/wallets/{number}/rebinds", "/v1/wallets/{number}/rebinds/{rebind_id}",
    "/v1/wallets/{number}/adoptions",
}  # fmt: skip
"""Signed by a key that is no wallet's yet: who may is shown in test_life*.py."""
ROUTES = [
    ("GET", "/v1/wallets/{number}", None),
    ("GET", "/v1/wallets/{number}/life", None),
    ("GET", "/v1/wallets/{number}/history", None),
    ("GET", "/v1/wallets/{number}/history?limit=1&type=payment", None),
    ("GET", "/v1/wallets/{number}/sums", None),
    ("GET", "/v1/wallets/{number}/attestation", None),
    ("GET", "/v1/wallets/{number}/statements?from=2020-01-01&format=pdf", None),
    ("GET", "/v1/wallets/{number}/outcomes/{order_id}", None),
    ("GET", "/v1/wallets/{number}/receipts/{order_id}", None),
    ("GET", "/v1/wallets/{number}/export", None),
    ("GET", "/v1/wallets/{number}/accesses", None),
    ("POST", "/v1/wallets/{number}/exchanges", "exchange"),
    ("POST", "/v1/wallets/{number}/redemptions", "redemption"),
    ("PUT", "/v1/wallets/{number}/waterfall", "waterfall"),
    ("POST", "/v1/wallets/{number}/pin", "pin"),
    ("POST", "/v1/wallets/{number}/pin-resets", "pin_reset"),
    ("GET", "/v1/wallets/{number}/demands", None),
    ("POST", "/v1/wallets/{number}/countersignatures", "countersigning"),
    ("PUT", "/v1/wallets/{number}/class", "class"),
    ("GET", "/v1/wallets/{number}/sub-wallets", None),
    ("POST", "/v1/wallets/{number}/sub-wallets", "sub_wallet"),
    ("PUT", "/v1/wallets/{number}/sub-wallets/{sub_wallet}/platforms/{platform}", None),
    ("DELETE", "/v1/wallets/{number}/sub-wallets/{sub_wallet}/platforms/{platform}", None),
    ("GET", "/v1/wallets/{number}/signatories", None),
    ("POST", "/v1/wallets/{number}/signatories", "signatory"),
    ("DELETE", "/v1/wallets/{number}/signatories/{signatory}", None),
    ("GET", "/v1/wallets/{number}/devices", None),
    ("POST", "/v1/wallets/{number}/devices", None),
    ("GET", "/v1/wallets/{number}/devices/{device}", None),
    ("GET", "/v1/wallets/{number}/devices/{device}/loads/1", None),
    ("POST", "/v1/wallets/{number}/devices/{device}/revocation", None),
    ("POST", "/v1/wallets/{number}/devices/{device}/claims", None),
]
NOT_OF_ITS_KIND = (
    Code.WALLET_UNKNOWN,
    Code.SIGNATORY_NEEDED,
    Code.DEVICE_UNKNOWN,
    Code.NOT_FOUND,
    Code.MALFORMED,
    Code.PIN_MISSING,
    Code.CODE_WRONG,
)
"""The owner of these tests has no sub-wallets and no devices, and is no company."""
SIGNED_WITHOUT_NUMBER = [("GET", "/v1/deposits", None), ("POST", "/v1/wallets", "opening")]


@dataclass
class Case:
    """Two holders; the first has paid the second."""

    world: OperatorWorld
    owner: Holder
    stranger: Holder
    order_id: str
    opening: dict[str, Any]

    def url(self, template: str) -> str:
        other = dict.fromkeys(("sub_wallet", "platform", "signatory"), self.owner.key_id)
        other["device"] = "00" * 32
        return template.format(number=self.owner.key_id, order_id=self.order_id, **other)

    def body(self, kind: str | None) -> dict[str, Any] | None:
        match kind:
            case "exchange":
                deposit_id, exchange_id = self.owner.deposit_id, self.owner.new_id().hex()
                return {"exchange_id": exchange_id, "deposit_id": deposit_id, "amount_fen": 1}
            case "redemption":
                return self.owner.redemption(self.owner.redeem_order(1))
            case "waterfall":
                return {"deposit_id": self.owner.deposit_id}
            case "pin":
                return {"change_id": "00" * 16, "pin": PIN}
            case "pin_reset":
                proof = {"registration_id": "00" * 16, "code": "000000", "evidence": {}}
                return {"change_id": "00" * 16, "pin": PIN, **proof}
            case "countersigning":
                return self.owner.countersigning(self.owner.payment(self.stranger.number, 1), PIN)
            case "opening":
                return self.opening
            case "class":
                return {"wallet_class": 4}
            case "sub_wallet":
                return under_body(new_signer())
            case "signatory":
                person = {"identity_document": DOCUMENT, "role": "director"}
                return {**under_body(new_signer()), **person}
            case _:
                return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def case(postgres: EmbeddedPostgres) -> AsyncIterator[Case]:
    """One world for all of this file: nothing here changes it."""
    name = f"access_{secrets.token_hex(8)}"
    async with operator_world(await operator_database(postgres, name)) as world:
        owner = await world.open_wallet(deposit_fen=1000)
        stranger = await world.open_wallet()
        await owner.exchange(500)
        third = await world.open_wallet()
        order_id = owner.new_id()
        payment = owner.payment(third.number, 1, id=order_id)
        await world.http.post("/v1/orders", content=payment)
        await world.until_followed()
        opening = await world.opening("+8613700000001", world.new_caller())
        yield Case(world, owner, stranger, order_id.hex(), opening)
    await postgres.drop_database(name)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def refused(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(("method", "template", "kind"), ROUTES)
async def test_a_wallet_reads_and_does_what_is_its_own_only(
    case: Case, method: str, template: str, kind: str | None
) -> None:
    url, body = case.url(template), case.body(kind)
    assert refused(await case.stranger.ask(method, url, body)) == (403, Code.NOT_ALLOWED)
    own = await case.owner.ask(method, url, body)
    assert own.status_code in (200, 201, 204) or own.json()["code"] in NOT_OF_ITS_KIND


@pytest.mark.parametrize(("method", "template", "kind"), [*ROUTES, *SIGNED_WITHOUT_NUMBER])
async def test_a_request_is_signed_by_the_key_that_it_names(
    case: Case, method: str, template: str, kind: str | None
) -> None:
    url, body = case.url(template), case.body(kind)
    unsigned = await case.world.http.request(method, url, json=body)
    assert refused(unsigned) == (401, Code.REQUEST_UNSIGNED)
    assert unsigned.headers["www-authenticate"] == "Signature"
    forged = await case.owner.ask(method, url, body, signer=Ed25519Signer(b"f" * 32))
    assert refused(forged) == (401, Code.REQUEST_SIGNATURE_INVALID)
    for key_id in ("1001000000000016", "9" * 16, "x", "", "9" * 99):
        named = await case.owner.ask(method, url, body, key_id=key_id)
        assert refused(named) == (401, Code.REQUEST_SIGNATURE_INVALID)


async def test_every_other_route_is_public_on_purpose(case: Case) -> None:
    schema = (await case.world.http.get("/openapi.json")).json()
    signed = {
        template.partition("?")[0].replace("/loads/1", "/loads/{load}")
        for _, template, _ in [*ROUTES, *SIGNED_WITHOUT_NUMBER]
    }
    assert schema["paths"].keys() == PUBLIC | signed | BY_SESSION | STREAMS | BY_NEW_KEY


async def test_a_wallet_that_does_not_exist_is_refused_like_one_that_does(case: Case) -> None:
    unknown = case.url(ROUTES[0][1]).replace(case.owner.key_id, "1001999999999990")
    assert refused(await case.stranger.ask("GET", unknown)) == (403, Code.NOT_ALLOWED)


async def test_a_request_is_taken_once(case: Case) -> None:
    url, nonce = case.owner.path, secrets.token_hex(8)
    assert (await case.owner.ask("GET", url, nonce=nonce)).status_code == 200
    again = await case.owner.ask("GET", url, nonce=nonce)
    assert refused(again) == (409, Code.REQUEST_REPLAYED)
    other = await case.stranger.ask("GET", "/v1/deposits", nonce=nonce)
    assert other.status_code == 200


async def test_a_request_is_taken_while_it_is_fresh(case: Case) -> None:
    now_s = case.world.clock() // 1000
    for created_s, status in (
        (now_s - AGE_MAX_S + 5, 200),
        (now_s - AGE_MAX_S - 2, 401),
        (now_s + 3600, 401),
    ):
        answer = await case.owner.ask("GET", case.owner.path, created_s=created_s)
        assert answer.status_code == status


async def test_a_nonce_is_forgotten_once_its_request_is_too_old(case: Case) -> None:
    count = "SELECT count(*) FROM request_nonce WHERE forget_ms >= $1"
    signed_s = case.world.clock() // 1000 + 60
    await case.owner.ask("GET", case.owner.path, created_s=signed_s)
    old_ms = (signed_s + AGE_MAX_S) * 1000
    for now_ms, kept in ((old_ms, 1), (old_ms + 2000, 0)):
        access = Access(
            case.world.database,
            case.world.network,
            partial(int, now_ms),
            case.world.operator.limits,
        )
        await access.forget()
        assert await case.world.database_value(count, old_ms) == kept


async def test_a_swapped_body_is_noticed(case: Case) -> None:
    url = f"{case.owner.path}/exchanges"
    signed = case.world.http.build_request("POST", url, json=case.body("exchange"))
    headers = {NETWORK_HEADER: case.world.network.hex()}
    added = sign_request(
        method="POST", url=url, headers=headers, body=signed.content, signer=case.owner.signer,
        key_id=case.owner.key_id, created_s=case.world.clock() // 1000, nonce="n",
    )  # fmt: skip
    body = {**(case.body("exchange") or {}), "amount_fen": 400}
    swapped = case.world.http.build_request("POST", url, json=body, headers=headers | added)
    assert refused(await case.world.http.send(swapped)) == (400, Code.DIGEST_DIFFERS)


async def test_a_request_for_another_network_is_refused(case: Case) -> None:
    network, case.owner.network = case.owner.network, NetworkId(b"n" * 32)
    answer = await case.owner.ask("GET", case.owner.path)
    case.owner.network = network
    assert refused(answer) == (400, Code.OTHER_NETWORK)


async def test_a_wallet_is_opened_for_the_key_that_signed(case: Case) -> None:
    other = case.world.new_caller()
    answer = await other.ask("POST", "/v1/wallets", case.opening)
    assert refused(answer) == (403, Code.SIGNER_FOREIGN)


async def test_the_registry_is_not_asked_for_what_a_caller_may_not_know(case: Case) -> None:
    """An operator reads the receipts of its wallets, each wallet its own only."""
    url = f"/v1/wallets/{case.stranger.key_id}/receipts/{case.order_id}"
    assert refused(await case.stranger.ask("GET", url)) == (404, Code.NOT_FOUND)
    url = f"/v1/wallets/{case.stranger.key_id}/outcomes/{case.order_id}"
    assert (await case.stranger.ask("GET", url)).json()["state"] == "absent"
