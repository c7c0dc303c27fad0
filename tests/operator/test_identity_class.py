"""Upgrade and downgrade: evidence, one change at a time, the class that the registry settled."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jiaozi.operator.wallets.model import CLASS_ORDER_LIFETIME_MS
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder
from tests.operator.test_customers import ATTESTATION, DOCUMENT, OTHER_DOCUMENT, Genuine

ALL_DUE_MS = 2**62
NAMED = {"identity_document": DOCUMENT}


async def set_class(
    holder: Holder, wallet_class: int, evidence: dict[str, Any] | None = None
) -> dict[str, Any]:
    answer = await holder.ask(
        "PUT", f"{holder.path}/class", {"wallet_class": wallet_class, "evidence": evidence or {}}
    )
    return dict(answer.json())


async def class_of(world: OperatorWorld, holder: Holder) -> tuple[object, object]:
    """The class in the operator's tables and at the registry."""
    own = await world.database_value(
        "SELECT wallet_class FROM wallet WHERE number = $1", holder.number
    )
    return own, world.ledger.accounts[holder.number].body["wallet_class"]


def class_orders(world: OperatorWorld) -> list[dict[str, Any]]:
    used = world.ledger.used.values()
    return [each.order.body for each in used if each.order.type is OrderType.SET_CLASS]


async def test_each_class_takes_its_evidence_on_the_way_up_and_none_on_the_way_down(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet(deposit_fen=1)
    foreign_id = await world.fund(new_phone(), 1)
    shown: dict[str, Any] = {}
    for wanted, missing, wrong, piece in (
        (3, "identity_document", None, DOCUMENT),
        (2, "deposit_id", foreign_id, holder.deposit_id),
        (1, "counter_attestation", None, ATTESTATION),
    ):
        for evidence in (shown, shown if wrong is None else {**shown, missing: wrong}):
            refused = await set_class(holder, wanted, evidence)
            assert refused["code"] == Code.EVIDENCE_INSUFFICIENT
            assert refused["fields"] == {"field": missing}
        shown = {**shown, missing: piece}
        settled = await set_class(holder, wanted, shown)
        assert (settled["state"], settled["wallet_class"]) == ("settled", wanted)
        assert await class_of(world, holder) == (wanted, wanted)
    assert (await set_class(holder, 4))["state"] == "settled"
    assert await class_of(world, holder) == (4, 4)
    assert {each["number"] for each in class_orders(world)} == {holder.number}


async def test_a_class_that_a_wallet_has_takes_no_order(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    assert (await set_class(holder, 4)) == {"state": "settled", "wallet_class": 4, "refusal": None}
    assert class_orders(world) == []


async def test_a_class_is_set_by_the_wallets_own_key_alone(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    answer = await other.ask("PUT", f"{holder.path}/class", {"wallet_class": 3, "evidence": NAMED})
    assert (answer.status_code, answer.json()["code"]) == (403, Code.NOT_ALLOWED)
    assert await class_of(world, holder) == (4, 4)


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.DOUBLE])
async def test_a_change_whose_answer_is_lost_is_resumed_and_made_once(
    world: OperatorWorld, fault: Fault
) -> None:
    holder = await world.open_wallet()
    world.registry.faults.append(fault)
    told = await set_class(holder, 3, NAMED)
    assert (told["state"], told["wallet_class"]) == ("open", 4)
    own, _ = await class_of(world, holder)
    assert own == 4
    await world.operator.resolver.step(ALL_DUE_MS)
    assert await class_of(world, holder) == (3, 3)
    assert (await set_class(holder, 3, NAMED))["state"] == "settled"
    assert len(class_orders(world)) == 1


async def test_the_class_is_the_one_that_the_registry_settled(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    world.ledger.final.append((int(Code.CLASS_UNKNOWN),))
    told = await set_class(holder, 3, NAMED)
    assert (told["state"], told["wallet_class"]) == ("refused", 4)
    assert told["refusal"]["code"] == Code.CLASS_UNKNOWN
    assert await class_of(world, holder) == (4, 4)
    assert (await set_class(holder, 3, NAMED))["state"] == "settled"


async def test_a_change_that_died_changes_nothing_and_may_be_asked_for_again(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet()
    world.registry.faults.append(Fault.LOSE_REQUEST)
    await set_class(holder, 3, NAMED)
    world.clock.advance(CLASS_ORDER_LIFETIME_MS + 1)
    world.registry.idle_block()
    told = await set_class(holder, 3, NAMED)
    assert (told["state"], told["wallet_class"], told["refusal"]) == ("refused", 4, None)
    assert (await set_class(holder, 3, NAMED))["state"] == "settled"
    assert await class_of(world, holder) == (3, 3)


async def test_one_change_at_a_time(world: OperatorWorld) -> None:
    holder = await world.open_wallet(wallet_class=3, evidence=NAMED, deposit_fen=1)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert (await set_class(holder, 4))["state"] == "open"
    evidence = {**NAMED, "deposit_id": holder.deposit_id}
    assert (await set_class(holder, 2, evidence))["code"] == Code.CLASS_CHANGE_UNDER_WAY
    told = await asyncio.gather(*(set_class(holder, 4) for _ in range(4)))
    assert {each["state"] for each in told} == {"settled"}
    assert len(class_orders(world)) == 1
    assert await class_of(world, holder) == (4, 4)


async def test_what_was_stored_of_a_change_does_not_change(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    await set_class(holder, 3, NAMED)
    for change in ("state = 'sent', outcome = NULL", "wallet_class = 1", "submission = 'x'"):
        with pytest.raises(asyncpg.RaiseError):
            await world.database_value(f"UPDATE certify_order SET {change}")


async def test_a_holder_is_known_by_its_document_from_its_upgrade_on(world: OperatorWorld) -> None:
    phone = new_phone()
    holder = await world.open_wallet(phone=phone)
    await set_class(holder, 3, NAMED)
    accounts = world.ledger.accounts
    anonymous = await world.open_wallet(phone=phone)
    named = await world.open_wallet(phone=phone, wallet_class=3, evidence=NAMED)
    group = accounts[holder.number].body["group"]
    assert accounts[named.number].body["group"] == group
    assert accounts[anonymous.number].body["group"] != group


async def test_a_named_holder_takes_on_no_other_name(world: OperatorWorld) -> None:
    holder = await world.open_wallet(wallet_class=3, evidence=NAMED)
    await set_class(holder, 4)
    told = await set_class(holder, 3, {"identity_document": OTHER_DOCUMENT})
    assert (told["code"], told["fields"]) == (
        Code.EVIDENCE_INSUFFICIENT,
        {"field": "identity_document"},
    )
    assert (await set_class(holder, 3, NAMED))["state"] == "settled"


async def test_a_verified_document_gives_its_holder_no_second_group(database_dsn: str) -> None:
    async with operator_world(database_dsn, verifier=Genuine()) as world:
        await world.open_wallet(wallet_class=3, evidence=NAMED)
        second = await world.open_wallet()
        assert (await set_class(second, 3, NAMED))["code"] == Code.NOT_SERVED
        assert await class_of(world, second) == (4, 4)


async def test_a_foreign_phone_opens_class_four_and_no_more_without_a_document(
    world: OperatorWorld,
) -> None:
    for number, phone in enumerate(("+6581234567", "+14155550123", "+447700900123")):
        visitor = await world.open_wallet(phone=phone)
        told = await set_class(visitor, 3)
        assert (told["code"], told["fields"]) == (
            Code.EVIDENCE_INSUFFICIENT,
            {"field": "identity_document"},
        )
        passport = {**OTHER_DOCUMENT, "number": f"K{number}"}
        nameless = {name: passport[name] for name in ("type", "number", "name")}
        told = await set_class(visitor, 3, {"identity_document": nameless})
        assert told["fields"] == {"field": "country"}
        assert (await set_class(visitor, 3, {"identity_document": passport}))["state"] == "settled"


async def test_passports_of_two_countries_are_two_documents(database_dsn: str) -> None:
    async with operator_world(database_dsn, verifier=Genuine()) as world:
        groups = set()
        for country in ("SGP", "DEU"):
            evidence = {"identity_document": {**OTHER_DOCUMENT, "country": country}}
            holder = await world.open_wallet(wallet_class=3, evidence=evidence)
            groups.add(world.ledger.accounts[holder.number].body["group"])
        assert len(groups) == 2


async def test_bad_input_about_classes_is_refused_with_its_field(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    for body, field in (
        ({"wallet_class": 0}, "body.wallet_class"),
        ({"wallet_class": "3"}, "body.wallet_class"),
        ({}, "body.wallet_class"),
        ({"wallet_class": 3, "why": "x"}, "body.why"),
        (
            {
                "wallet_class": 3,
                "evidence": {"identity_document": {**DOCUMENT, "country": "sg"}},
            },
            "body.evidence.identity_document.country",
        ),
        (
            {
                "wallet_class": 3,
                "evidence": {
                    **NAMED,
                    "signatory": {"identity_document": DOCUMENT, "role": "director"},
                },
            },
            "evidence.signatory",
        ),
    ):
        answer = await holder.ask("PUT", f"{holder.path}/class", body)
        assert (answer.status_code, answer.json()["fields"]) == (400, {"field": field}), body
