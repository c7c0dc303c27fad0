"""rules.md §F.3: a login is for one operator, origin and purpose, once and for a minute."""

import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
import pytest_asyncio

from jiaozi.operator.http.readers import COOKIE
from jiaozi.operator.sessions.end import end_sessions
from jiaozi.operator.sessions.log_in import digest_of
from jiaozi.operator.sessions.model import CHALLENGE_LIFETIME_MS, SESSION_LIFETIME_MS
from jiaozi.operator.settings import DEFAULT_WALLET_ORIGIN
from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.login import Login, Purpose, sign_login
from jiaozi.protocol.numbers import account_number, format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import operator_database
from tests.operator.builders import OPERATOR, OperatorWorld, operator_world, until
from tests.operator.holders import LIFETIME_MS, Holder

ORIGIN = DEFAULT_WALLET_ORIGIN
FOREIGN_ORIGINS = (
    "https://b.wallet.localhost", "http://a.wallet.localhost", "https://a.wallet.localhost.evil",
    "https://a.wallet.localhost:8443", "null", "",
)  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres: EmbeddedPostgres) -> AsyncIterator[OperatorWorld]:
    """One world for all of this file; each test has wallets of its own."""
    name = f"sessions_{secrets.token_hex(8)}"
    async with operator_world(await operator_database(postgres, name)) as world:
        yield world
    await postgres.drop_database(name)


async def challenge(holder: Holder, origin: str = ORIGIN) -> httpx.Response:
    return await holder.http.post(
        "/v1/sessions/challenges", json={"wallet": holder.key_id}, headers={"Origin": origin}
    )


async def login_for(holder: Holder) -> Login:
    """What the holder's wallet is asked to sign."""
    told = (await challenge(holder)).json()
    return Login(
        operator=told["operator"],
        wallet=holder.number,
        origin=told["origin"],
        purpose=Purpose[told["purpose"].upper()],
        challenge=base64.b64decode(told["challenge"]),
    )


async def send_login(holder: Holder, login: bytes, origin: str = ORIGIN) -> httpx.Response:
    body = {"login": base64.b64encode(login).decode()}
    return await holder.http.post("/v1/sessions", json=body, headers={"Origin": origin})


async def log_in(holder: Holder) -> str:
    """Log in and return the cookie."""
    signed = sign_login(await login_for(holder), holder.signer, holder.network)
    answer = await send_login(holder, signed)
    assert answer.status_code == 201, answer.text
    holder.http.cookies.clear()  # which cookie is sent is each test's own business
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE].value


async def read(holder: Holder, cookie: str, path: str = "", **headers: str) -> httpx.Response:
    """Read as a page of the wallet does."""
    fields = {"Cookie": f"{COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
    return await holder.http.get(holder.path + path, headers=fields | headers)


def refused(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


ENDED = (401, Code.SESSION_ENDED)
INVALID = (403, Code.LOGIN_INVALID)
FOREIGN = (403, Code.ORIGIN_FOREIGN)


async def test_a_session_reads_what_is_the_wallets_own(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    cookie = await log_in(holder)
    for path in ("", "/history", "/history?limit=1"):
        assert (await read(holder, cookie, path)).status_code == 200
        assert refused(await read(other, cookie, path)) == (403, Code.NOT_ALLOWED)


async def test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet()
    signed = sign_login(await login_for(holder), holder.signer, holder.network)
    answer = await send_login(holder, signed)
    holder.http.cookies.clear()
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert COOKIE.startswith("__Host-")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["max-age"] == "900"
    assert answer.headers["cache-control"] == "no-store"
    assert cookie.value not in answer.text


async def test_only_the_digest_of_a_cookie_is_stored(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    dump = await world.dump()
    assert cookie not in dump
    assert digest_of(cookie).hex() in dump


async def test_a_session_changes_nothing(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=1_000)
    cookie = await log_in(holder)
    headers = {
        "Cookie": f"{COOKIE}={cookie}", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"
    }  # fmt: skip
    bodies: dict[str, dict[str, Any]] = {
        "exchanges": {
            "exchange_id": holder.new_id().hex(), "deposit_id": holder.deposit_id,
            "amount_fen": 1,
        },
        "redemptions": holder.redemption(holder.redeem_order(1)),
        "pin": {"change_id": "00" * 16, "pin": "602817"},
        "countersignatures": {"payload": "", "pin": "602817"},
    }  # fmt: skip
    for name, body in bodies.items():
        answer = await world.http.post(f"{holder.path}/{name}", json=body, headers=headers)
        assert refused(answer) == (401, Code.REQUEST_UNSIGNED), name
    assert refused(await world.http.get("/v1/deposits", headers=headers)) == (
        401,
        Code.REQUEST_UNSIGNED,
    )


async def test_a_login_is_taken_once(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    signed = sign_login(await login_for(holder), holder.signer, holder.network)
    assert (await send_login(holder, signed)).status_code == 201
    assert refused(await send_login(holder, signed)) == INVALID
    holder.http.cookies.clear()


async def test_a_challenge_is_good_for_a_minute(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    early, late = await login_for(holder), await login_for(holder)
    world.clock.advance(CHALLENGE_LIFETIME_MS - 5_000)
    signed = sign_login(early, holder.signer, holder.network)
    assert (await send_login(holder, signed)).status_code == 201
    holder.http.cookies.clear()
    world.clock.advance(5_001)
    signed = sign_login(late, holder.signer, holder.network)
    assert refused(await send_login(holder, signed)) == INVALID


async def test_a_login_names_operator_origin_purpose_and_wallet(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    for changes in (
        {"operator": OPERATOR + 1},
        {"origin": "https://b.wallet.localhost"},
        {"wallet": other.number},
        {"challenge": b"\x83\x01\x40\x40"},
        {"challenge": cbor.encode([2**47, bytes(16), bytes(32)])},
        {"challenge": b"\xff"},
    ):
        login = replace(await login_for(holder), **changes)  # type: ignore[arg-type]
        for signer in (holder.signer, other.signer):
            signed = sign_login(login, signer, holder.network)
            assert refused(await send_login(holder, signed)) == INVALID, changes


async def test_a_login_of_another_purpose_is_none(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    login = await login_for(holder)
    payload = cbor.encode(cbor.decode(login.payload, size_max=1024) | {4: 2})  # type: ignore[operator]
    aad = external_aad(Domain.LOGIN, holder.network)
    answer = await send_login(holder, cose.sign1(payload, holder.signer, aad))
    assert (answer.json()["code"], answer.json()["fields"]) == (
        Code.MALFORMED,
        {"field": "login.purpose"},
    )


async def test_a_login_is_signed_by_the_wallets_key_as_a_login_in_this_network(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet()
    login = await login_for(holder)
    order_aad = external_aad(Domain.ORDER, holder.network)
    for signed in (
        sign_login(login, Ed25519Signer(b"f" * 32), holder.network),
        sign_login(login, holder.signer, NetworkId(bytes(32))),
        cose.sign1(login.payload, holder.signer, order_aad),
    ):
        assert refused(await send_login(holder, signed)) == INVALID
    assert (await send_login(holder, b"\x00")).json()["code"] == Code.MALFORMED
    assert (
        await send_login(holder, sign_login(login, holder.signer, holder.network))
    ).status_code == 201
    holder.http.cookies.clear()


async def test_an_unknown_wallet_gets_a_challenge_and_a_refusal_like_any_other(
    world: OperatorWorld,
) -> None:
    known = await world.open_wallet()
    nobody = account_number(OPERATOR, 99_999_999_999)
    unknown = replace(known, number=nobody, key_id=format_number(nobody))
    answers = [(await challenge(each)).json() for each in (known, unknown)]
    assert answers[0].keys() == answers[1].keys()
    assert len(answers[0]["challenge"]) == len(answers[1]["challenge"])
    signed = sign_login(await login_for(unknown), known.signer, known.network)
    foreign = sign_login(await login_for(known), Ed25519Signer(b"f" * 32), known.network)
    refusals = [(await send_login(known, each)).json() for each in (signed, foreign)]
    assert json.dumps(refusals[0]) == json.dumps(refusals[1])


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
async def test_pages_of_another_origin_neither_begin_nor_use_nor_end_a_session(
    world: OperatorWorld, origin: str
) -> None:
    holder = await world.open_wallet()
    assert refused(await challenge(holder, origin)) == FOREIGN
    signed = sign_login(await login_for(holder), holder.signer, holder.network)
    assert refused(await send_login(holder, signed, origin)) == FOREIGN
    cookie = await log_in(holder)
    assert refused(await read(holder, cookie, Origin=origin)) == FOREIGN
    headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": origin}
    assert refused(await world.http.delete("/v1/sessions/current", headers=headers)) == FOREIGN
    assert (await read(holder, cookie, Origin=ORIGIN)).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_a_session_is_for_requests_of_the_wallets_own_pages(
    world: OperatorWorld, site: str
) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    assert refused(await read(holder, cookie, **{"Sec-Fetch-Site": site})) == FOREIGN


async def test_sign_out_ends_this_session_alone(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    mine, other = await log_in(holder), await log_in(holder)
    answer = await world.http.delete(
        "/v1/sessions/current", headers={"Cookie": f"{COOKIE}={mine}", "Origin": ORIGIN}
    )
    assert answer.status_code == 204
    assert SimpleCookie(answer.headers["set-cookie"])[COOKIE]["max-age"] == "0"
    holder.http.cookies.clear()
    assert refused(await read(holder, mine)) == ENDED
    assert (await read(holder, other)).status_code == 200
    without = await world.http.delete("/v1/sessions/current", headers={"Origin": ORIGIN})
    assert refused(without) == ENDED


async def test_a_session_ends_after_a_quarter_of_an_hour(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    world.clock.advance(SESSION_LIFETIME_MS - 5_000)
    assert (await read(holder, cookie)).status_code == 200
    world.clock.advance(5_000)
    assert refused(await read(holder, cookie)) == ENDED


async def test_a_made_up_cookie_is_no_session(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    for cookie in ("", "x", "0" * 64):
        assert refused(await read(holder, cookie)) == ENDED


async def test_all_sessions_of_a_wallet_end_together(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    cookies = [await log_in(holder), await log_in(holder)]
    strangers = await log_in(other)
    async with world.database.transaction() as connection:
        await end_sessions(connection, holder.number)
    for each in cookies:
        assert refused(await read(holder, each)) == ENDED
    assert (await read(other, strangers)).status_code == 200


@pytest.mark.parametrize("order_type", [OrderType.HOLDER_FREEZE, OrderType.REBIND_REQUEST])
async def test_a_settled_freeze_or_rebind_ends_the_sessions(
    world: OperatorWorld, order_type: OrderType
) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    body: dict[str, int | bytes] = {"case": bytes(16), "scope": 1}
    if order_type is OrderType.REBIND_REQUEST:
        body = {"suite": -8, "key": Ed25519Signer(b"n" * 32).public_key}
    head = OrderHead(
        id=holder.new_id(),  # type: ignore[arg-type]
        type=order_type,
        expires_ms=holder.clock() + LIFETIME_MS,
    )
    signed = sign_order(head, [holder.signer], holder.network, number=holder.number, **body)
    assert world.ledger.submit([signed])[0][:2] == [1, [0]]

    async def is_ended() -> bool:
        return (await read(holder, cookie)).status_code == 401

    await until(is_ended)
    again = await log_in(holder)
    assert (await read(holder, again)).status_code == 200


async def test_a_session_holds_for_the_key_that_opened_it(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    await world.database_value(
        "UPDATE session SET public_key = $1 WHERE wallet = $2 RETURNING 1",
        Ed25519Signer(b"o" * 32).public_key,
        holder.number,
    )
    assert refused(await read(holder, cookie)) == ENDED


async def test_a_signature_counts_before_a_cookie(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    world.http.cookies.clear()
    cookie = await log_in(other)
    world.http.cookies.set(COOKIE, cookie)
    assert (await holder.ask("GET", holder.path)).status_code == 200
    assert refused(await holder.ask("GET", other.path)) == (403, Code.NOT_ALLOWED)
    world.http.cookies.clear()
