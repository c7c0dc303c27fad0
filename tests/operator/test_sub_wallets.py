"""Sub-wallets: the holder's own key opens them, in one group, and platforms see a token alone."""

import asyncio
import secrets
from typing import Any

import httpx
import pytest

from jiaozi.operator.wallets import demands, open_under
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.money import Fen
from jiaozi.protocol.payment_request import Terms, sign_request
from jiaozi.protocol.refusals import Code, Refusal
from tests.operator.builders import OperatorWorld
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder
from tests.operator.test_customers import DOCUMENT
from tests.operator.under import (
    ask_sub_wallet,
    new_signer,
    open_sub_wallet,
    opened,
    refusal,
    under_body,
)

ALL_DUE_MS = 2**62


async def listed(parent: Holder) -> list[dict[str, Any]]:
    answer = await parent.ask("GET", f"{parent.path}/sub-wallets")
    return list(answer.json()["sub_wallets"])


async def push(parent: Holder, sub_wallet: int, platform: int) -> str:
    path = f"{parent.path}/sub-wallets/{sub_wallet:016d}/platforms/{platform:016d}"
    answer = await parent.ask("PUT", path)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def test_a_sub_wallet_has_its_own_key_and_caps_in_its_parents_group(
    world: OperatorWorld,
) -> None:
    evidence = {"identity_document": DOCUMENT}
    parent = await world.open_wallet(wallet_class=3, evidence=evidence)
    sub = await open_sub_wallet(world, parent, balance_cap_fen=500_00, single_limit_fen=50_00)
    own, at_registry = (world.ledger.accounts[each.number] for each in (parent, sub))
    assert at_registry.key == sub.signer.public_key != own.key
    assert at_registry.body["group"] == own.body["group"]
    assert at_registry.body["parent"] == parent.number
    assert at_registry.body["wallet_class"] == 3
    assert at_registry.body["balance_cap_fen"] == 500_00
    assert at_registry.body["single_limit_fen"] == 50_00
    assert "day_limit_fen" not in at_registry.body
    assert (await sub.ask("GET", sub.path)).json()["limits"]["balance_cap_fen"] == 500_00


async def test_a_parent_lists_its_sub_wallets_and_nobody_elses(world: OperatorWorld) -> None:
    parent, other = await world.open_wallet(), await world.open_wallet()
    subs = [await open_sub_wallet(world, parent) for _ in range(2)]
    await open_sub_wallet(world, other)
    assert [int(each["number"]) for each in await listed(parent)] == [each.number for each in subs]
    assert await listed(subs[0]) == []
    answer = await other.ask("GET", f"{parent.path}/sub-wallets")
    assert refusal(answer) == Code.NOT_ALLOWED


async def test_the_same_request_again_opens_one_sub_wallet(world: OperatorWorld) -> None:
    parent, signer = await world.open_wallet(), new_signer()
    answers = await asyncio.gather(*(ask_sub_wallet(parent, signer) for _ in range(4)))
    assert len({each.json()["number"] for each in answers}) == 1
    assert world.ledger.wallets() == 2


async def test_a_sub_wallet_whose_answer_is_lost_is_resumed(world: OperatorWorld) -> None:
    parent, signer = await world.open_wallet(), new_signer()
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert refusal(await ask_sub_wallet(parent, signer)) == Code.UNKNOWN
    assert [each["state"] for each in await listed(parent)] == ["opening"]
    await world.operator.resolver.step(ALL_DUE_MS)
    assert [each["state"] for each in await listed(parent)] == ["open"]
    opened(world, parent, signer, await ask_sub_wallet(parent, signer))
    assert world.ledger.wallets() == 2


async def test_a_sub_wallet_that_was_refused_can_be_asked_for_again(world: OperatorWorld) -> None:
    parent, signer = await world.open_wallet(), new_signer()
    world.ledger.final.append((int(Code.ACCOUNT_EXISTS),))
    assert refusal(await ask_sub_wallet(parent, signer)) == Code.ACCOUNT_EXISTS
    opened(world, parent, signer, await ask_sub_wallet(parent, signer))


async def test_nothing_opens_under_a_sub_wallet(world: OperatorWorld) -> None:
    sub = await open_sub_wallet(world, await world.open_wallet())
    assert refusal(await ask_sub_wallet(sub, new_signer())) == Code.NOT_ALLOWED


async def test_sub_wallets_under_one_parent_are_counted(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_under, "SUB_WALLETS_MAX", 2)
    parent = await world.open_wallet()
    answers = await asyncio.gather(*(ask_sub_wallet(parent, new_signer()) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [201, 201, 413, 413, 413]


async def test_a_sub_wallet_reaches_no_deposit(world: OperatorWorld) -> None:
    parent = await world.open_wallet(deposit_fen=100)
    sub = await open_sub_wallet(world, parent)
    assert (await sub.ask("GET", "/v1/deposits")).json() == {"deposits": []}


async def test_a_platform_knows_a_sub_wallet_by_a_token_of_its_own(world: OperatorWorld) -> None:
    parent, shop, other = [await world.open_wallet() for _ in range(3)]
    sub = await open_sub_wallet(world, parent)
    token = await push(parent, sub.number, shop.number)
    assert await push(parent, sub.number, shop.number) == token
    elsewhere = await push(parent, sub.number, other.number)
    assert elsewhere != token
    assert f"{sub.number:016d}" not in token
    resolve = world.operator.identity.platforms.resolve
    assert await resolve(bytes.fromhex(token), shop.number) == sub.number
    for wrong, platform in ((elsewhere, shop), (secrets.token_hex(16), shop), (token, other)):
        with pytest.raises(Refusal) as refused:
            await resolve(bytes.fromhex(wrong), platform.number)
        assert refused.value.code is Code.WALLET_UNKNOWN
    [told] = await listed(parent)
    assert {each["token"] for each in told["platforms"]} == {token, elsewhere}


async def test_a_token_means_nothing_once_it_is_taken_back(world: OperatorWorld) -> None:
    parent, shop = await world.open_wallet(), await world.open_wallet()
    sub = await open_sub_wallet(world, parent)
    token = await push(parent, sub.number, shop.number)
    path = f"{parent.path}/sub-wallets/{sub.number:016d}/platforms/{shop.number:016d}"
    assert (await parent.ask("DELETE", path)).status_code == 204
    with pytest.raises(Refusal):
        await world.operator.identity.platforms.resolve(bytes.fromhex(token), shop.number)
    assert await push(parent, sub.number, shop.number) != token


async def test_a_closed_sub_wallet_takes_no_place_and_its_token_means_nothing(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_under, "SUB_WALLETS_MAX", 1)
    parent, shop = await world.open_wallet(), await world.open_wallet()
    sub = await open_sub_wallet(world, parent)
    token = await push(parent, sub.number, shop.number)
    assert (await ask_sub_wallet(parent, new_signer())).status_code == 413
    closed = "UPDATE wallet SET ended_ms = $2 WHERE number = $1"
    await world.database_value(closed, sub.number, world.clock())
    with pytest.raises(Refusal):
        await world.operator.identity.platforms.resolve(bytes.fromhex(token), shop.number)
    assert [each["state"] for each in await listed(parent)] == ["closed"]
    assert (await ask_sub_wallet(parent, new_signer())).status_code == 201


async def test_nothing_opens_under_a_closed_wallet(world: OperatorWorld) -> None:
    parent = await world.open_wallet()
    closed = "UPDATE wallet SET ended_ms = $2 WHERE number = $1"
    await world.database_value(closed, parent.number, world.clock())
    assert refusal(await ask_sub_wallet(parent, new_signer())) == Code.ACCOUNT_CLOSED


async def request_of(shop: Holder, note: str = "", lifetime_ms: int = 60_000) -> str:
    """A payment request that a platform's wallet signs."""
    attestation = (await shop.ask("GET", f"{shop.path}/attestation")).content
    terms = Terms(
        id=OrderId(shop.new_id()), payee=shop.number, amount_fen=Fen(5),
        expires_ms=shop.clock() + lifetime_ms, note=note,
    )  # fmt: skip
    return sign_request(terms, attestation, shop.signer, shop.network)


async def test_a_platform_asks_a_sub_wallet_to_pay_by_its_token_alone(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demands, "DEMANDS_MAX", 2)
    parent, shop, other = [await world.open_wallet() for _ in range(3)]
    sub = await open_sub_wallet(world, parent)
    token = await push(parent, sub.number, shop.number)

    async def ask(request: str, token: str = token) -> httpx.Response:
        return await world.http.post("/v1/demands", json={"token": token, "request": request})

    request = await request_of(shop)
    for _ in range(2):
        answer = await ask(request)
        assert (answer.status_code, answer.json()) == (202, {"waits": True})
    assert (await sub.ask("GET", f"{sub.path}/demands")).json() == {"requests": [request]}
    assert refusal(await shop.ask("GET", f"{sub.path}/demands")) == Code.NOT_ALLOWED
    for wrong, code in (
        (await ask(await request_of(other)), Code.WALLET_UNKNOWN),
        (await ask(request, secrets.token_hex(16)), Code.WALLET_UNKNOWN),
        (await ask(await request_of(shop, "a name")), Code.MALFORMED),
        (await ask(request[:-6] + "AAAAAA"), Code.SIGNATURE_INVALID),
    ):
        assert refusal(wrong) == code
    soon = await request_of(shop, lifetime_ms=30_000)
    assert (await ask(soon)).status_code == 202
    assert refusal(await ask(await request_of(shop))) == Code.TOO_LARGE
    world.clock.advance(30_000)
    assert refusal(await ask(soon)) == Code.EXPIRED
    assert (await sub.ask("GET", f"{sub.path}/demands")).json() == {"requests": [request]}
    assert (await ask(await request_of(shop))).status_code == 202
    path = f"{parent.path}/sub-wallets/{sub.number:016d}/platforms/{shop.number:016d}"
    assert (await parent.ask("DELETE", path)).status_code == 204
    assert refusal(await ask(request)) == Code.WALLET_UNKNOWN


async def test_nobody_pushes_what_is_not_theirs(world: OperatorWorld) -> None:
    parent, other = await world.open_wallet(), await world.open_wallet()
    sub = await open_sub_wallet(world, parent)
    for number in (sub.number, other.number, parent.number):
        path = f"{other.path}/sub-wallets/{number:016d}/platforms/{parent.number:016d}"
        assert refusal(await other.ask("PUT", path)) == Code.WALLET_UNKNOWN


async def test_bad_input_about_sub_wallets_is_refused_with_its_field(world: OperatorWorld) -> None:
    parent = await world.open_wallet()
    good = under_body(new_signer())
    for change, field in (
        ({"limits": {"balance_cap_fen": 0}}, "body.limits.balance_cap_fen"),
        ({"limits": {"balance_cap_fen": 2**63}}, "body.limits.balance_cap_fen"),
        ({"limits": {"week_limit_fen": 1}}, "body.limits.week_limit_fen"),
        ({"public_key": "zz"}, "body.public_key"),
        ({"wallet_class": 1}, "body.wallet_class"),
    ):
        answer = await parent.ask("POST", f"{parent.path}/sub-wallets", {**good, **change})
        assert (answer.status_code, answer.json()["fields"]) == (400, {"field": field})
    answer = await parent.ask("POST", f"{parent.path}/sub-wallets", {**good, "suite": -7})
    assert refusal(answer) == Code.SUITE_UNSUPPORTED
    sub = await open_sub_wallet(world, parent)
    path = f"{parent.path}/sub-wallets/{sub.number:016d}/platforms/{'1' * 16}"
    answer = await parent.ask("PUT", path)
    assert answer.json()["fields"] == {"field": "path.platform"}
