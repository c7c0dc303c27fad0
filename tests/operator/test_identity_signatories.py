"""A company's signatories: each with a wallet of its group, added and removed by each other."""

import asyncio
from typing import Any

from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, new_phone
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder
from tests.operator.test_customers import refused
from tests.operator.under import (
    add_signatory,
    ask_signatory,
    ask_sub_wallet,
    new_signer,
    open_sub_wallet,
    opened,
    refusal,
)

ALL_DUE_MS = 2**62
LICENCE = {"type": "business-licence", "number": "91440300MA5EXAMPLE", "name": "示例贸易有限公司"}
DIRECTOR = {"type": "resident-identity-card", "number": "440301198001011234", "name": "陈一"}
CLERK = {"type": "passport", "number": "K1234567E", "name": "Bea Example", "country": "SGP"}


async def open_company(
    world: OperatorWorld, phone: str | None = None, wallet_class: int = 3, **more: object
) -> Holder:
    evidence: dict[str, Any] = {
        **more,
        "identity_document": LICENCE,
        "signatory": {"identity_document": DIRECTOR, "role": "legal representative"},
    }
    return await world.open_wallet(
        phone=phone, holder="corporate", wallet_class=wallet_class, evidence=evidence
    )


async def listed(holder: Holder) -> list[dict[str, Any]]:
    answer = await holder.ask("GET", f"{holder.path}/signatories")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["signatories"])


async def remove(by: Holder, holder: Holder) -> dict[str, Any]:
    answer = await by.ask("DELETE", f"{by.path}/signatories/{holder.key_id}")
    return dict(answer.json())


async def test_each_signatory_has_a_wallet_of_the_companys_group_with_a_key_and_caps(
    world: OperatorWorld,
) -> None:
    first = await open_company(world)
    second = await add_signatory(world, first, CLERK, day_limit_fen=1_000_00)
    third = await add_signatory(world, second, DIRECTOR)
    accounts = [world.ledger.accounts[each.number] for each in (first, second, third)]
    assert len({each.key for each in accounts}) == 3
    assert len({each.body["group"] for each in accounts}) == 1
    assert {each.body["holder"] for each in accounts} == {2}
    assert {each.body["wallet_class"] for each in accounts} == {3}
    assert accounts[1].body["day_limit_fen"] == 1_000_00
    assert "parent" not in accounts[1].body
    told = [(each["name"], each["role"], each["state"]) for each in await listed(third)]
    assert told == [
        (DIRECTOR["name"], "legal representative", "open"),
        (CLERK["name"], "finance director", "open"),
        (DIRECTOR["name"], "finance director", "open"),
    ]


async def test_a_signatorys_person_is_sealed(world: OperatorWorld) -> None:
    await add_signatory(world, await open_company(world), CLERK)
    stored = await world.dump()
    for document in (LICENCE, DIRECTOR, CLERK):
        assert document["name"] not in stored
        assert document["number"] not in stored


async def test_only_a_signatory_adds_and_removes(world: OperatorWorld) -> None:
    company, other = await open_company(world), await world.open_wallet()
    sub = await open_sub_wallet(world, company)
    second = await add_signatory(world, company, CLERK)
    for stranger in (other, sub):
        answer = await ask_signatory(stranger, new_signer(), CLERK)
        assert refusal(answer) == Code.SIGNATORY_NEEDED
        assert (await remove(stranger, second))["code"] == Code.SIGNATORY_NEEDED
        answer = await stranger.ask("GET", f"{stranger.path}/signatories")
        assert refusal(answer) == Code.SIGNATORY_NEEDED
    rival = await world.open_wallet(
        holder="corporate",
        evidence={"identity_document": {**LICENCE, "number": "91440300MA5RIVAL00"}},
    )
    assert (await remove(rival, second))["code"] == Code.WALLET_UNKNOWN
    assert [each["state"] for each in await listed(company)] == ["open", "open"]


async def test_a_code_opens_no_second_way_into_a_company(world: OperatorWorld) -> None:
    phone = new_phone()
    await open_company(world, phone)
    caller = world.new_caller()
    body = await world.opening(
        phone, caller, holder="corporate", evidence={"identity_document": LICENCE}
    )
    assert await refused(world, caller, body) == (Code.SIGNATORY_NEEDED, {})


async def test_a_company_whose_first_opening_came_to_nothing_opens_again(
    world: OperatorWorld,
) -> None:
    phone, caller = new_phone(), world.new_caller()
    body = await world.opening(
        phone, caller, holder="corporate", evidence={"identity_document": LICENCE}
    )
    world.ledger.final.append((int(Code.ACCOUNT_EXISTS),))
    assert (await refused(world, caller, body))[0] == Code.ACCOUNT_EXISTS
    await open_company(world, phone)


async def test_a_removed_signatorys_wallets_are_frozen_and_do_nothing_more(
    world: OperatorWorld,
) -> None:
    first = await open_company(world)
    second = await add_signatory(world, first, CLERK)
    sub = await open_sub_wallet(world, second)
    assert await remove(first, second) == {"frozen": True}
    assert await remove(first, second) == {"frozen": True}
    accounts = world.ledger.accounts
    assert [accounts[each.number].freezes for each in (first, second, sub)] == [0, 1, 1]
    for holder in (second, sub):
        answer = await ask_sub_wallet(holder, new_signer())
        assert refusal(answer) in (Code.SIGNATORY_NEEDED, Code.NOT_ALLOWED)
        answer = await holder.ask("PUT", f"{holder.path}/class", {"wallet_class": 4})
        assert refusal(answer) == Code.SIGNATORY_NEEDED
    answer = await ask_signatory(second, new_signer(), CLERK)
    assert refusal(answer) == Code.SIGNATORY_NEEDED
    assert [each["state"] for each in await listed(first)] == ["open", "removed"]


async def test_the_freeze_of_a_removed_signatory_is_sent_until_it_settles(
    world: OperatorWorld,
) -> None:
    first = await open_company(world)
    second = await add_signatory(world, first, CLERK)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert await remove(first, second) == {"frozen": False}
    await world.operator.resolver.step(ALL_DUE_MS)
    assert world.ledger.accounts[second.number].freezes == 1


async def test_a_freeze_that_came_to_nothing_is_not_told_as_frozen_and_is_sent_anew(
    world: OperatorWorld,
) -> None:
    first = await open_company(world)
    second = await add_signatory(world, first, CLERK)
    for fault in (int(Code.TOO_MANY), int(Code.TOO_MANY)):
        world.ledger.final.append((fault, 8))
        assert await remove(first, second) == {"frozen": False}
        assert world.ledger.accounts[second.number].freezes == 0
    assert await remove(first, second) == {"frozen": True}
    assert world.ledger.accounts[second.number].freezes == 1
    # Once it was frozen and the company took the money over, asking again freezes nothing.
    world.ledger.accounts[second.number].freezes = 0
    assert await remove(first, second) == {"frozen": True}
    assert world.ledger.accounts[second.number].freezes == 0


async def test_one_signatory_always_remains(world: OperatorWorld) -> None:
    first = await open_company(world)
    assert (await remove(first, first))["code"] == Code.SIGNATORY_NEEDED
    all_four = [first, *[await add_signatory(world, first, CLERK) for _ in range(3)]]
    pairs = [(by, other) for by in all_four for other in all_four]
    await asyncio.gather(*(remove(by, other) for by, other in pairs))
    remaining = await world.database_value(
        "SELECT count(*) FROM signatory WHERE removed_ms IS NULL"
    )
    assert remaining == 1


async def test_the_same_request_again_adds_one_signatory(world: OperatorWorld) -> None:
    first, signer = await open_company(world), new_signer()
    answers = await asyncio.gather(*(ask_signatory(first, signer, CLERK) for _ in range(3)))
    assert len({opened(world, first, signer, each).number for each in answers}) == 1
    assert len(await listed(first)) == 2


async def test_a_persons_wallet_has_no_signatories(world: OperatorWorld) -> None:
    caller = world.new_caller()
    evidence = {"signatory": {"identity_document": DIRECTOR, "role": "self"}}
    body = await world.opening(new_phone(), caller, evidence=evidence)
    assert await refused(world, caller, body) == (
        Code.MALFORMED,
        {"field": "evidence.signatory"},
    )
