"""Exchange: captured on settled, released on refused or dead, at no other moment."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.exchange.model import ORDER_LIFETIME_MS
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import vault_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, Refusal, refuse
from tests.operator.builders import OPERATOR, OperatorWorld, operator_world, until
from tests.operator.fake_registry import Fault, fake_registry
from tests.operator.holders import Holder

FUNDED_FEN = 100_00
VAULT = vault_of(OPERATOR)
ALL_DUE_MS = 2**62


async def state_of(world: OperatorWorld) -> object:
    return await world.database_value("SELECT state FROM exchange")


async def resume(world: OperatorWorld) -> None:
    await world.operator.resolver.step(ALL_DUE_MS)


async def refusal_code(holder: Holder, **changes: object) -> int:
    body: dict[str, Any] = {
        "exchange_id": holder.new_id().hex(),
        "deposit_id": holder.deposit_id,
        "amount_fen": 1,
        **changes,
    }
    answer = await holder.ask("POST", f"{holder.path}/exchanges", body)
    assert answer.status_code >= 400, answer.text
    return int(answer.json()["code"])


async def test_an_exchange_is_one_to_one_and_its_order_is_the_vaults(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    done = await holder.exchange(30_00)
    assert (done["state"], done["outcome"], done["refusal"]) == ("settled", [0], None)
    assert (done["height"], done["position"]) == (world.ledger.tip.header.height, 0)
    assert await world.deposit_fen(holder) == (70_00, 0)
    assert world.balance_fen(holder) == 30_00
    assert await state_of(world) == "captured"


async def test_an_exchange_id_exchanges_once(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()
    answers = await asyncio.gather(*(holder.exchange(30_00, exchange_id) for _ in range(5)))
    answers.append(await holder.exchange(30_00, exchange_id))
    assert {each["state"] for each in answers} <= {"settled", "open"}
    assert answers[-1]["state"] == "settled"
    assert await world.deposit_fen(holder) == (70_00, 0)
    assert world.balance_fen(holder) == 30_00


async def test_an_exchange_id_stands_for_one_exchange(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()
    await holder.exchange(1_00, exchange_id)
    other_id = await world.fund(holder.phone, 1_00)
    repeated = {"exchange_id": exchange_id.hex(), "amount_fen": 1_00}
    assert await refusal_code(holder, **{**repeated, "amount_fen": 2_00}) == Code.ALREADY_USED
    assert await refusal_code(holder, **{**repeated, "deposit_id": other_id}) == Code.ALREADY_USED
    assert world.balance_fen(holder) == 1_00


async def test_another_holders_deposit_is_unknown(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    other = await world.open_wallet(deposit_fen=FUNDED_FEN)
    assert await refusal_code(holder, deposit_id=other.deposit_id) == Code.DEPOSIT_UNKNOWN
    assert await refusal_code(holder, deposit_id="nowhere") == Code.DEPOSIT_UNKNOWN
    assert await world.deposit_fen(other) == (FUNDED_FEN, 0)


async def test_an_amount_is_a_positive_integer_of_fen(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    for amount_fen in (0, -1, 2**63, 1.0, True, "1", None):
        assert await refusal_code(holder, amount_fen=amount_fen) == Code.MALFORMED


async def test_a_deposit_is_never_overdrawn(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    answers = await asyncio.gather(*(holder.exchange(30_00) for _ in range(6)))
    assert [each["state"] for each in answers].count("settled") == 3
    refused = next(each for each in answers if each["state"] == "refused")
    assert refused["outcome"] == [Code.DEPOSIT_INSUFFICIENT]
    assert refused["refusal"]["name"] == "deposit_insufficient"
    assert await world.deposit_fen(holder) == (10_00, 0)
    assert world.balance_fen(holder) == 90_00


async def test_a_core_that_does_not_answer_refuses_nothing(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()

    async def no_answer(*_: object) -> None:
        raise refuse(Code.UNAVAILABLE)

    with monkeypatch.context() as patched:
        patched.setattr(LedgerCore, "hold", no_answer)
        told = await refusal_code(holder, exchange_id=exchange_id.hex(), amount_fen=30_00)
        assert told == Code.UNAVAILABLE
    await resume(world)
    assert (await holder.exchange(30_00, exchange_id))["state"] == "settled"
    assert await world.deposit_fen(holder) == (70_00, 0)


async def test_a_refused_order_gives_the_deposit_back(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    world.ledger.final.append((int(Code.PAYEE_CANNOT_RECEIVE),))
    done = await holder.exchange(30_00)
    assert (done["state"], done["outcome"]) == ("refused", [Code.PAYEE_CANNOT_RECEIVE])
    assert await state_of(world) == "released"
    assert await world.deposit_fen(holder) == (FUNDED_FEN, 0)


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_answer_that_is_none_leaves_the_deposit_held_until_there_is_one(
    world: OperatorWorld, fault: Fault
) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()
    world.registry.faults.append(fault)
    first = await holder.exchange(30_00, exchange_id)
    if fault is not Fault.DOUBLE:
        assert first["state"] == "open"
        assert await world.deposit_fen(holder) == (FUNDED_FEN, 30_00)
    await resume(world)
    assert (await holder.exchange(30_00, exchange_id))["state"] == "settled"
    assert await world.deposit_fen(holder) == (70_00, 0)
    assert world.ledger.settled_fen(OrderType.EXCHANGE) == 30_00


async def test_a_refusal_without_effect_is_not_taken_for_a_refusal(world: OperatorWorld) -> None:
    """The key was revoked, say; but an earlier copy of the order may be under way."""
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    vault = world.ledger.accounts[VAULT]
    key, vault.key = vault.key, b"another key"
    exchange_id = holder.new_id()
    assert (await holder.exchange(30_00, exchange_id))["state"] == "open"
    assert await world.deposit_fen(holder) == (FUNDED_FEN, 30_00)
    vault.key = key
    assert (await holder.exchange(30_00, exchange_id))["state"] == "settled"


async def test_an_order_is_dead_only_at_a_signed_time_past_its_expiry(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert (await holder.exchange(30_00, exchange_id))["state"] == "open"
    world.clock.advance(ORDER_LIFETIME_MS + 1)
    world.registry.faults.append(Fault.LOSE_REQUEST)
    assert (await holder.exchange(30_00, exchange_id))["state"] == "open"
    assert await world.deposit_fen(holder) == (FUNDED_FEN, 30_00)
    world.registry.idle_block()
    done = await holder.exchange(30_00, exchange_id)
    assert (done["state"], done["outcome"][0]) == ("refused", Code.EXPIRED)
    assert await world.deposit_fen(holder) == (FUNDED_FEN, 0)
    assert world.balance_fen(holder) == 0


async def test_a_header_that_is_not_the_registrys_kills_no_order(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    exchange_id = holder.new_id()
    world.registry.faults.append(Fault.LOSE_REQUEST)
    await holder.exchange(30_00, exchange_id)
    world.clock.advance(ORDER_LIFETIME_MS + 1)
    world.registry.idle_block()
    signer, world.ledger.signer = world.ledger.signer, world.registry.keys.root
    world.registry.idle_block()
    assert (await holder.exchange(30_00, exchange_id))["state"] == "open"
    world.ledger.signer = signer
    world.registry.idle_block()
    assert (await holder.exchange(30_00, exchange_id))["state"] == "refused"


async def test_an_order_that_the_registry_forgot_is_found_in_the_feed(
    database_dsn: str,
) -> None:
    """The operator was down for ten days; "absent" says nothing any more."""
    async with fake_registry() as registry:
        async with operator_world(database_dsn, registry) as world:
            holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
            other = await world.open_wallet(deposit_fen=FUNDED_FEN)
            registry.faults += [Fault.LOSE_ANSWER, Fault.LOSE_REQUEST]
            ids = holder.new_id(), other.new_id()
            await holder.exchange(30_00, ids[0])
            await other.exchange(20_00, ids[1])
        [settled] = [key for key in registry.ledger.used if key[0] == VAULT]
        registry.ledger.forget(*settled)
        registry.clock.advance(10 * DAY_MS)
        registry.idle_block()
        async with operator_world(database_dsn, registry) as world:
            holder.http = other.http = world.http
            assert (await other.exchange(20_00, ids[1]))["state"] == "open"
            third = await world.open_wallet()
            await world.until_followed()
            assert (await holder.exchange(30_00, ids[0]))["state"] == "settled"
            assert (await other.exchange(20_00, ids[1]))["state"] == "refused"
            assert await world.deposit_fen(holder) == (70_00, 0)
            assert await world.deposit_fen(other) == (FUNDED_FEN, 0)
            assert world.balance_fen(third) == 0


async def test_the_resolver_finishes_what_nobody_asks_for(database_dsn: str) -> None:
    async with fake_registry() as registry:
        async with operator_world(database_dsn, registry) as world:
            holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
            registry.faults.append(Fault.LOSE_ANSWER)
            await holder.exchange(30_00)
        async with operator_world(database_dsn, registry) as world:

            async def is_captured() -> bool:
                return await state_of(world) == "captured"

            await until(is_captured)
            holder.http = world.http
            assert await world.deposit_fen(holder) == (70_00, 0)


@pytest.mark.parametrize("late_step", ["hold", "reject"])
async def test_a_deposit_that_was_rejected_by_one_and_held_by_another_is_held_by_none(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch, late_step: str
) -> None:
    """Money arrives between two tries of one exchange; whoever is late changes nothing."""
    holder = await world.open_wallet(deposit_fen=10_00)
    hold, exchange_id = LedgerCore.hold, holder.new_id()
    refused, held = asyncio.Event(), asyncio.Event()
    first = True

    async def slow_hold(self: LedgerCore, key: str, deposit_id: str, amount_fen: int) -> None:
        nonlocal first
        is_first, first = first, False
        try:
            await hold(self, key, deposit_id, amount_fen)
        except Refusal:
            if is_first:
                refused.set()
                await held.wait()
            raise
        held.set()
        await asyncio.sleep(0.3 if late_step == "hold" else 0)

    monkeypatch.setattr(LedgerCore, "hold", slow_hold)
    one = asyncio.create_task(holder.exchange(20_00, exchange_id))
    await refused.wait()
    await world.operator.core.credit("money/1", holder.deposit_id, 50_00)
    other = await holder.exchange(20_00, exchange_id)
    told = {(await one)["state"], other["state"]}
    assert told == {(await holder.exchange(20_00, exchange_id))["state"]}
    moved_fen = 20_00 if told == {"settled"} else 0
    assert await state_of(world) == ("captured" if moved_fen else "released")
    assert await world.deposit_fen(holder) == (60_00 - moved_fen, 0)
    assert world.balance_fen(holder) == moved_fen


async def test_the_table_knows_the_steps_too(world: OperatorWorld) -> None:
    holder = await world.open_wallet(deposit_fen=FUNDED_FEN)
    await holder.exchange(30_00)
    for change in (
        "state = 'released'",
        "state = 'held'",
        "state = 'refused', outcome = '{108}'",
        "amount_fen = amount_fen + 1",
        "submission = 'x'",
        "outcome = NULL",
    ):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.RaiseError)):
            await world.database_value(f"UPDATE exchange SET {change}")
