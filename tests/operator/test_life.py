"""rules.md §A at two operators and the real registry: lost keys, freezes, a failed operator."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from jiaozi.operator.sessions import store as sessions
from jiaozi.operator.sessions.model import Session
from jiaozi.protocol import cbor
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import FreezeScope, OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, until
from tests.operator.holders import Caller, send_order
from tests.operator.holders import Holder as Customer
from tests.operator.life import NEW, ONE, TWO, Worlds, ask_for_new_key, by_holder, life_worlds


@pytest.fixture
async def worlds(postgres: EmbeddedPostgres) -> AsyncIterator[Worlds]:
    async with life_worlds(postgres) as worlds:
        yield worlds


async def state_of(world: OperatorWorld, holder: Customer, rebind_id: str) -> str:
    caller = Caller(world.http, world.network, world.clock, NEW, NEW.public_key.hex())
    answer = await caller.ask("GET", f"{holder.path}/rebinds/{rebind_id}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


async def test_a_lost_key_is_replaced_after_the_wait_and_the_new_one_pays(worlds: Worlds) -> None:
    here = worlds.here
    lost = await here.open_wallet(deposit_fen=1_000_00)
    payee = await worlds.there.open_wallet()
    assert (await lost.exchange(500_00))["state"] == "settled"
    asked = await ask_for_new_key(here, lost, lost.phone)
    assert asked.status_code == 202, asked.text
    assert asked.json()["state"] == "waiting"
    assert (await lost.pay(payee.number, 1))[:2] == [1, [Code.ACCOUNT_FROZEN]]

    async def is_completed() -> bool:
        return await state_of(here, lost, asked.json()["rebind_id"]) == "completed"

    await until(is_completed)
    assert (await lost.pay(payee.number, 1))[:2] == [0, Code.SIGNER_FOREIGN]
    found = replace(lost, signer=NEW)

    async def is_known() -> bool:
        return (await found.ask("GET", f"{lost.path}/life")).status_code == 200

    await until(is_known)
    assert (await found.pay(payee.number, 1))[:2] == [1, [0]]
    events = (await found.ask("GET", f"{lost.path}/life")).json()["events"]
    assert [each["type"] for each in events] == ["rebind_complete", "rebind_request"]


async def test_the_old_key_objects_and_nothing_completes_by_itself(worlds: Worlds) -> None:
    here = worlds.here
    owner = await here.open_wallet(deposit_fen=1_000_00)
    asked = await ask_for_new_key(here, owner, owner.phone)
    objection = by_holder(owner, OrderType.REBIND_OBJECT)
    assert (await send_order(here.http, objection))[:2] == [1, [0]]
    rebind_id = asked.json()["rebind_id"]

    async def is_objected() -> bool:
        return await state_of(here, owner, rebind_id) == "objected"

    await until(is_objected)
    record = await here.operator.registry.account(owner.number)
    assert record["public_key"] == owner.signer.public_key.hex()


async def test_an_authoritys_freeze_holds_a_rebind_without_an_order_after_another(
    worlds: Worlds,
) -> None:
    here = worlds.here
    lost = await here.open_wallet()
    asked = (await ask_for_new_key(here, lost, lost.phone)).json()
    told = await here.database_value("SELECT array_agg(purpose ORDER BY id) FROM access_log")
    assert told == ["open_wallet", "rebind"], "who opened the phone's record, and why"
    case, _ = await here.operator.freeze.freeze(
        lost.number, FreezeScope.ALL, clerk="wu-7", file_number="2026/19"
    )
    here.clock.advance(10_000)
    for _ in range(3):
        assert await state_of(here, lost, asked["rebind_id"]) == "waiting"
    async with here.database.connection() as connection:
        completing = await connection.fetchval("SELECT completion_id FROM rebind")
    assert completing is None
    await here.operator.freeze.lift(lost.number, case, clerk="wu-8", file_number="2026/20")

    async def is_completed() -> bool:
        return await state_of(here, lost, asked["rebind_id"]) == "completed"

    await until(is_completed)


async def test_who_proves_nothing_learns_nothing(worlds: Worlds) -> None:
    here = worlds.here
    owner, other = await here.open_wallet(), await here.open_wallet()
    answers = [
        await ask_for_new_key(here, owner, other.phone),
        await ask_for_new_key(
            here, replace(owner, number=AccountNumber(owner.number + 10)), owner.phone
        ),
    ]
    assert {each.json()["code"] for each in answers} == {Code.REBIND_NOT_PROVEN}
    assert len({each.status_code for each in answers}) == 1


async def test_the_operator_freezes_an_amount_under_a_case_and_lifts_it(worlds: Worlds) -> None:
    here = worlds.here
    holder, payee = await here.open_wallet(deposit_fen=1_000_00), await worlds.there.open_wallet()
    await holder.exchange(500_00)
    case, sent = await here.operator.freeze.freeze(
        holder.number, FreezeScope.AMOUNT, amount_fen=400_00, clerk="wu-7", file_number="2026/18"
    )
    assert sent.outcome == (0,)
    assert (await holder.pay(payee.number, 100_01))[:2] == [1, [Code.INSUFFICIENT_FUNDS, 100_00]]
    lifted = await here.operator.freeze.lift(
        holder.number, case, clerk="wu-8", file_number="2026/21"
    )
    assert lifted.outcome == (0,)
    assert (await holder.pay(payee.number, 100_01))[:2] == [1, [0]]
    async with here.database.connection() as connection:
        kept = await connection.fetchrow("SELECT clerk, file_number FROM freeze_case")
        ended = await connection.fetchrow("SELECT clerk, file_number, case_id FROM freeze_lift")
    assert kept is not None
    assert tuple(kept) == ("wu-7", "2026/18")
    assert ended is not None
    assert tuple(ended) == ("wu-8", "2026/21", case)


async def test_the_holders_of_a_failed_operator_pay_through_its_carrier(worlds: Worlds) -> None:
    here, there = worlds.here, worlds.there
    holder, payee = await here.open_wallet(deposit_fen=1_000_00), await there.open_wallet()
    await holder.exchange(500_00)
    order = worlds.orders.by_officers(OrderType.REASSIGN, operator=ONE, carrier=TWO)
    assert [each[:2] for each in await worlds.officer.submit([order])] == [[1, [0]]]

    async def is_carried() -> bool:
        return there.operator.carriage.carries(holder.number)

    await until(is_carried)
    assert (await holder.pay(payee.number, 1))[:2] == [0, Code.OTHER_OPERATOR]
    assert (await send_order(there.http, holder.payment(payee.number, 7)))[:2] == [1, [0]]


async def test_a_wallet_does_not_close_while_its_money_is_on_its_way(worlds: Worlds) -> None:
    here = worlds.here
    holder, other = await here.open_wallet(deposit_fen=100_00), await here.open_wallet()
    await holder.exchange(50_00)
    async with here.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO redemption SELECT wallet, $1, deposit_id, 1, 'stored', submission,"
            " identity, expires_ms, NULL, NULL, NULL, created_ms, $2 FROM exchange",
            holder.new_id(),
            2**62,
        )
    closings = [by_holder(each, OrderType.CLOSE) for each in (holder, other)]
    assert (await send_order(here.http, closings[0]))[:2] == [0, Code.EXCHANGE_UNDER_WAY]
    strangers = by_holder(replace(holder, signer=NEW), OrderType.CLOSE)
    assert (await send_order(here.http, strangers))[:2] == [0, Code.SIGNER_FOREIGN]
    false = closings[0].replace(parse(closings[0]).message.signatures[0].value, bytes(64))
    assert (await send_order(here.http, false))[:2] == [0, Code.SIGNATURE_INVALID]
    answer = await here.http.post(
        "/v1/orders",
        content=b"".join([*closings, closings[0]]),
        headers={"Content-Type": "application/cbor-seq"},
    )
    told: Any = cbor.decode(answer.content, size_max=1 << 16)
    under_way = [0, Code.EXCHANGE_UNDER_WAY]
    assert [each[:2] for each in told] == [under_way, [1, [0]], under_way]
    await here.database_value("UPDATE redemption SET state = 'dead'")
    assert (await send_order(here.http, closings[0]))[:2] == [1, [Code.BALANCE_NOT_ZERO, 50_00]]


@pytest.mark.parametrize("how", ["freeze", "rebind", "close"])
async def test_nobody_stays_signed_in_after(worlds: Worlds, how: str) -> None:
    here = worlds.here
    holder, other = await here.open_wallet(), await here.open_wallet()
    for each in (holder, other):
        await add_session(here, each)
    match how:
        case "freeze":
            await here.operator.freeze.freeze(
                holder.number, FreezeScope.ALL, clerk="wu-7", file_number="2026/18"
            )
        case "rebind":
            assert (await ask_for_new_key(here, holder, holder.phone)).status_code == 202
        case _:
            closing = by_holder(holder, OrderType.CLOSE)
            assert (await send_order(here.http, closing))[:2] == [1, [0]]

    async def is_signed_out() -> bool:
        signed_in = await here.database_value("SELECT array_agg(wallet) FROM session")
        return signed_in == [other.number]

    await until(is_signed_out)


async def add_session(world: OperatorWorld, holder: Customer) -> None:
    session = Session(
        digest=secrets.token_bytes(32),
        wallet=holder.number,
        public_key=holder.signer.public_key,
        expires_ms=world.clock() + 60_000,
    )
    async with world.database.connection() as connection:
        await sessions.add_session(connection, session)
