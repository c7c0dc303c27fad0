"""Registration by phone and code, classes and their evidence, one group per holder."""

import asyncio
from typing import Any

import pytest

from jiaozi.operator.customers.model import (
    CODE_LIFETIME_MS,
    CODE_TRIES_MAX,
    HOUR_MS,
    REGISTRATIONS_PER_HOUR_MAX,
    read_phone,
)
from jiaozi.operator.customers.store import forget_registrations
from jiaozi.operator.customers.verify import DocumentVerifier, NoVerification
from jiaozi.protocol.refusals import Code, Refusal
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.holders import Caller, Holder

DOCUMENT = {"type": "resident-identity-card", "number": "11010519491231002X", "name": "王小明"}
OTHER_DOCUMENT = {
    "type": "passport",
    "number": "E12345678",
    "name": "Ada Example",
    "country": "SGP",
}
ATTESTATION = {"branch": "Shenzhen Luohu", "clerk": "C-0471"}


async def refused(
    world: OperatorWorld, caller: Caller, body: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    answer = await caller.ask("POST", "/v1/wallets", body)
    assert answer.status_code >= 400, answer.text
    return answer.json()["code"], answer.json()["fields"]


def group_of(world: OperatorWorld, holder: Holder) -> bytes:
    return bytes(world.ledger.accounts[holder.number].body["group"])


async def deposits_of(holder: Holder) -> list[str]:
    answer = await holder.ask("GET", "/v1/deposits")
    return [each["deposit_id"] for each in answer.json()["deposits"]]


async def exchange_code(holder: Holder) -> int:
    body = {
        "exchange_id": holder.new_id().hex(),
        "deposit_id": holder.deposit_id,
        "amount_fen": 1,
    }
    answer = await holder.ask("POST", f"{holder.path}/exchanges", body)
    assert answer.status_code >= 400, answer.text
    return int(answer.json()["code"])


async def test_a_registration_is_answered_alike_for_known_and_unknown_phones(
    world: OperatorWorld,
) -> None:
    known = new_phone()
    await world.open_wallet(phone=known)
    answers = [await world.register(phone) for phone in (known, new_phone())]
    assert answers[0].keys() == answers[1].keys()
    assert answers[0]["expires_s"] == answers[1]["expires_s"] == CODE_LIFETIME_MS // 1000


async def test_a_code_that_fails_five_times_opens_nothing_any_more(world: OperatorWorld) -> None:
    caller = world.new_caller()
    body = await world.opening(new_phone(), caller)
    wrong = {**body, "code": f"{(int(body['code']) + 1) % 10**6:06d}"}
    for _ in range(CODE_TRIES_MAX):
        assert await refused(world, caller, wrong) == (Code.CODE_WRONG, {})
    assert await refused(world, caller, body) == (Code.CODE_WRONG, {})


async def test_guesses_side_by_side_are_counted_one_by_one(world: OperatorWorld) -> None:
    caller = world.new_caller()
    body = await world.opening(new_phone(), caller)
    wrong = {**body, "code": f"{(int(body['code']) + 1) % 10**6:06d}"}
    await asyncio.gather(*(refused(world, caller, wrong) for _ in range(2 * CODE_TRIES_MAX)))
    tries = await world.database_value("SELECT tries FROM registration")
    assert tries == CODE_TRIES_MAX


async def test_a_code_opens_one_wallet(world: OperatorWorld) -> None:
    caller, thief = world.new_caller(), world.new_caller()
    body = await world.opening(new_phone(), caller)
    first = await caller.ask("POST", "/v1/wallets", body)
    again = await caller.ask("POST", "/v1/wallets", body)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    stolen = {**body, "public_key": thief.key_id}
    assert await refused(world, thief, stolen) == (Code.CODE_WRONG, {})


async def test_a_code_used_twice_at_once_opens_one_wallet(world: OperatorWorld) -> None:
    callers = [world.new_caller() for _ in range(4)]
    body = await world.opening(new_phone(), callers[0])
    answers = await asyncio.gather(
        *(each.ask("POST", "/v1/wallets", {**body, "public_key": each.key_id}) for each in callers)
    )
    assert sorted(each.status_code for each in answers) == [201, 422, 422, 422]
    assert await world.database_value("SELECT count(*) FROM wallet") == 1
    assert await world.database_value("SELECT count(*) FROM holder") == 1


async def test_a_code_is_wrong_once_it_is_too_old(world: OperatorWorld) -> None:
    caller = world.new_caller()
    body = await world.opening(new_phone(), caller)
    world.clock.advance(CODE_LIFETIME_MS)
    assert await refused(world, caller, body) == (Code.CODE_WRONG, {})


async def test_a_phone_gets_a_few_codes_an_hour(world: OperatorWorld) -> None:
    phone = new_phone()
    for _ in range(REGISTRATIONS_PER_HOUR_MAX):
        await world.register(phone)
    answer = await world.http.post("/v1/registrations", json={"phone": phone})
    assert answer.json()["code"] == Code.BUSY
    assert int(answer.headers["retry-after"]) == HOUR_MS // 1000
    world.clock.advance(HOUR_MS)
    await world.register(phone)


async def test_a_registration_that_came_to_nothing_is_forgotten_after_its_hour(
    world: OperatorWorld,
) -> None:
    await world.open_wallet()
    await world.register(new_phone())
    remaining = []
    for wait_ms in (0, HOUR_MS - 60_000, 60_000):
        world.clock.advance(wait_ms)
        async with world.database.connection() as connection:
            await forget_registrations(connection, world.clock())
        remaining.append(await world.database_value("SELECT count(*) FROM registration"))
    assert remaining == [2, 2, 1]


@pytest.mark.parametrize("phone", ["", "13800138000", "+0123456789", "+86abc", "+86" + "1" * 14])
async def test_a_phone_is_an_international_number(phone: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_phone(phone)
    assert refusal.value.code is Code.MALFORMED


async def test_one_phone_is_one_phone_however_it_is_written() -> None:
    assert read_phone("+86 138-0013-8000") == read_phone("+8613800138000")


async def test_each_class_asks_for_its_evidence(world: OperatorWorld) -> None:
    phone = new_phone()
    deposit_id = await world.fund(phone, 1)
    foreign_id = await world.fund(new_phone(), 1)
    caller = world.new_caller()
    body = await world.opening(phone, caller)
    shown: dict[str, Any] = {}
    for wallet_class, missing, piece in (
        (3, "identity_document", DOCUMENT),
        (2, "deposit_id", foreign_id),
        (2, "deposit_id", deposit_id),
        (1, "counter_attestation", ATTESTATION),
    ):
        asked = {**body, "wallet_class": wallet_class, "evidence": shown}
        assert await refused(world, caller, asked) == (
            Code.EVIDENCE_INSUFFICIENT,
            {"field": missing},
        )
        shown = {**shown, missing: piece}
    answer = await caller.ask("POST", "/v1/wallets", {**body, "wallet_class": 1, "evidence": shown})
    assert answer.json()["wallet_class"] == 1
    account = world.ledger.accounts[int(answer.json()["number"])]
    assert account.body["wallet_class"] == 1


async def test_a_company_shows_its_document_for_every_class(world: OperatorWorld) -> None:
    caller = world.new_caller()
    body = await world.opening(new_phone(), caller, holder="corporate")
    assert await refused(world, caller, body) == (
        Code.EVIDENCE_INSUFFICIENT,
        {"field": "identity_document"},
    )
    body["evidence"] = {"identity_document": DOCUMENT}
    answer = await caller.ask("POST", "/v1/wallets", body)
    assert answer.json()["holder"] == "corporate"


async def test_a_holder_has_one_group_by_phone_and_by_document(world: OperatorWorld) -> None:
    phone = new_phone()
    evidence = {"identity_document": DOCUMENT}
    anonymous = await world.open_wallet(phone=phone)
    named = await world.open_wallet(phone=phone, wallet_class=3, evidence=evidence)
    spelt = {"identity_document": {**DOCUMENT, "number": "1101 0519 4912 3100 2x"}}
    again = await world.open_wallet(phone=phone, wallet_class=3, evidence=spelt)
    groups = {group_of(world, each) for each in (anonymous, named, again)}
    assert len(groups) == 1
    other = await world.open_wallet()
    assert group_of(world, other) not in groups


class Genuine:
    """Vouches for every document."""

    async def is_genuine(self, *_: object) -> bool:
        return True


async def test_one_verified_document_shown_from_many_phones_at_once_is_one_holder(
    database_dsn: str,
) -> None:
    evidence = {"identity_document": DOCUMENT}
    async with operator_world(database_dsn, verifier=Genuine()) as world:
        opened = await asyncio.gather(
            *(world.open_wallet(wallet_class=3, evidence=evidence) for _ in range(6))
        )
        assert len({group_of(world, each) for each in opened}) == 1
        assert await world.database_value("SELECT count(*) FROM holder") == 1


async def test_a_document_that_nobody_verified_joins_no_holder_of_another_phone(
    world: OperatorWorld,
) -> None:
    evidence = {"identity_document": DOCUMENT}
    thief = await world.open_wallet(wallet_class=3, evidence=evidence)
    phone = new_phone()
    victim = await world.open_wallet(phone=phone, wallet_class=3, evidence=evidence)
    again = await world.open_wallet(phone=phone, wallet_class=3, evidence=evidence)
    assert group_of(world, thief) != group_of(world, victim) == group_of(world, again)


@pytest.mark.parametrize("verifier", [NoVerification(), Genuine()])
async def test_a_document_leads_to_no_deposit_of_another_phone(
    database_dsn: str, verifier: DocumentVerifier
) -> None:
    evidence = {"identity_document": DOCUMENT}
    async with operator_world(database_dsn, verifier=verifier) as world:
        victim = await world.open_wallet(wallet_class=3, evidence=evidence, deposit_fen=500_00)
        thief = await world.open_wallet(wallet_class=3, evidence=evidence)
        assert await deposits_of(thief) == []
        thief.deposit_id = victim.deposit_id
        assert await exchange_code(thief) == Code.DEPOSIT_UNKNOWN
        assert await deposits_of(victim) == [victim.deposit_id]


async def test_a_phone_that_changed_hands_leads_to_no_deposit_of_a_named_holder(
    world: OperatorWorld,
) -> None:
    phone, evidence = new_phone(), {"identity_document": DOCUMENT}
    victim = await world.open_wallet(
        phone=phone, wallet_class=3, evidence=evidence, deposit_fen=500_00
    )
    others = {"identity_document": OTHER_DOCUMENT}
    for shown in (
        {},
        {"wallet_class": 3, "evidence": others},
        {"holder": "corporate", "evidence": others},
    ):
        opened = await world.open_wallet(phone=phone, **shown)
        assert group_of(world, opened) != group_of(world, victim)
        assert await deposits_of(opened) == []
        opened.deposit_id = victim.deposit_id
        assert await exchange_code(opened) == Code.DEPOSIT_UNKNOWN
    caller = world.new_caller()
    as_evidence = {**others, "deposit_id": victim.deposit_id}
    body = await world.opening(phone, caller, wallet_class=2, evidence=as_evidence)
    assert await refused(world, caller, body) == (
        Code.EVIDENCE_INSUFFICIENT,
        {"field": "deposit_id"},
    )
    world.clock.advance(HOUR_MS)
    same = await world.open_wallet(phone=phone, wallet_class=3, evidence=evidence)
    assert group_of(world, same) == group_of(world, victim)
    assert await deposits_of(same) == [victim.deposit_id]


async def test_a_phone_that_changed_hands_is_another_holder_with_another_document(
    world: OperatorWorld,
) -> None:
    phone = new_phone()
    first = await world.open_wallet(
        phone=phone, wallet_class=3, evidence={"identity_document": DOCUMENT}, deposit_fen=500
    )
    second = await world.open_wallet(
        phone=phone, wallet_class=3, evidence={"identity_document": OTHER_DOCUMENT}
    )
    assert group_of(world, first) != group_of(world, second)
    assert (await second.ask("GET", "/v1/deposits")).json() == {"deposits": []}


async def test_a_company_and_its_clerk_are_two_holders(world: OperatorWorld) -> None:
    phone = new_phone()
    evidence = {"identity_document": DOCUMENT}
    person = await world.open_wallet(phone=phone, wallet_class=3, evidence=evidence)
    company = await world.open_wallet(
        phone=phone, wallet_class=3, evidence=evidence, holder="corporate"
    )
    assert group_of(world, person) != group_of(world, company)
