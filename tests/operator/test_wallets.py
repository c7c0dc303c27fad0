"""Opening a wallet: stored before it is sent, finished after whatever happened in between."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jiaozi.operator.wallets.model import OPENING_LIFETIME_MS
from jiaozi.protocol import numbers
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, new_phone
from tests.operator.fake_registry import Fault
from tests.operator.holders import Caller

ALL_DUE_MS = 2**62


async def opening(world: OperatorWorld) -> tuple[Caller, dict[str, Any]]:
    caller = world.new_caller()
    return caller, await world.opening(new_phone(), caller)


async def test_a_wallet_bears_the_operators_prefix_and_the_holders_key(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet()
    assert numbers.operator_of(holder.number) == world.settings.code
    assert numbers.is_wallet_number(holder.number)
    account = world.ledger.accounts[holder.number]
    assert account.key == holder.signer.public_key
    [used] = [each for each in world.ledger.used.values() if each.order.body]
    assert used.order.type is OrderType.OPEN_ACCOUNT
    assert used.order.keys == (world.settings.keys.certify.public_key,)


async def test_the_registry_learns_nothing_but_what_it_must(world: OperatorWorld) -> None:
    evidence = {"identity_document": {"type": "permit", "number": "E1", "name": "Ada"}}
    holder = await world.open_wallet(wallet_class=3, evidence=evidence)
    body = world.ledger.accounts[holder.number].body
    assert body.keys() == {"number", "suite", "key", "wallet_class", "holder", "group"}


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.DOUBLE])
async def test_a_lost_answer_strands_no_wallet(world: OperatorWorld, fault: Fault) -> None:
    caller, body = await opening(world)
    world.registry.faults.append(fault)
    answer = await caller.ask("POST", "/v1/wallets", body)
    assert (answer.status_code, answer.json()["code"]) == (504, Code.UNKNOWN)
    await world.operator.resolver.step(ALL_DUE_MS)
    assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 201
    assert world.ledger.wallets() == 1


async def test_a_wallet_that_is_not_settled_cannot_be_used(world: OperatorWorld) -> None:
    caller, body = await opening(world)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    await caller.ask("POST", "/v1/wallets", body)
    number = await world.database_value("SELECT number FROM wallet")
    holder = world.holder(caller, f"{number:016d}", "")
    holder.key_id = f"{number:016d}"
    answer = await holder.ask("GET", holder.path)
    assert (answer.status_code, answer.json()["code"]) == (401, Code.REQUEST_SIGNATURE_INVALID)


async def test_a_final_refusal_is_told_again_and_the_phone_may_try_anew(
    world: OperatorWorld,
) -> None:
    caller, body = await opening(world)
    world.ledger.final.append((int(Code.ACCOUNT_EXISTS),))
    for _ in range(2):
        answer = await caller.ask("POST", "/v1/wallets", body)
        assert (answer.status_code, answer.json()["code"]) == (409, Code.ACCOUNT_EXISTS)
    await world.open_wallet()


async def test_an_opening_that_died_is_told_as_expired(world: OperatorWorld) -> None:
    caller, body = await opening(world)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    await caller.ask("POST", "/v1/wallets", body)
    world.clock.advance(OPENING_LIFETIME_MS + 1)
    world.registry.idle_block()
    answer = await caller.ask("POST", "/v1/wallets", body)
    assert answer.json()["code"] == Code.EXPIRED
    assert world.ledger.wallets() == 0


async def test_a_request_repeated_at_once_opens_one_wallet(world: OperatorWorld) -> None:
    caller, body = await opening(world)
    answers = await asyncio.gather(*(caller.ask("POST", "/v1/wallets", body) for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["number"] for each in answers}) == 1
    assert world.ledger.wallets() == 1


async def test_what_was_stored_of_a_wallet_does_not_change(world: OperatorWorld) -> None:
    await world.open_wallet()
    for change in ("state = 'dead', outcome = NULL", "public_key = 'x'", "submission = 'x'"):
        with pytest.raises(asyncpg.RaiseError):
            await world.database_value(f"UPDATE wallet SET {change}")
