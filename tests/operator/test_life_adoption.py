"""The holders of a failed operator at its carrier: they prove who they are and go on."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.operator.reconcile.reconcile import reconcile
from jiaozi.protocol.numbers import parse_number, vault_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.cli.conftest import PASSPHRASE
from tests.operator.builders import OperatorWorld, new_phone, until
from tests.operator.holders import Caller
from tests.operator.holders import Holder as Customer
from tests.operator.life import ONE, TWO, Worlds, by_holder, life_worlds
from tests.operator.test_customers import DOCUMENT
from tests.operator.test_end_to_end import ISSUED_FEN, balance_fen, entries
from tests.operator.under import refusal


@pytest.fixture
async def worlds(postgres: EmbeddedPostgres) -> AsyncIterator[Worlds]:
    async with life_worlds(postgres) as worlds:
        yield worlds


async def fail_over(worlds: Worlds, holder: Customer) -> Customer:
    """Give the wallets of the first operator to the second; the holder turns to that one."""
    await reassign(worlds, holder.number)
    return replace(holder, http=worlds.there.http, deposit_id="")


async def reassign(worlds: Worlds, number: int) -> None:
    """Give the wallets of the first operator to the second, and wait until it knows."""
    order = worlds.orders.by_officers(OrderType.REASSIGN, operator=ONE, carrier=TWO)
    assert [each[:2] for each in await worlds.officer.submit([order])] == [[1, [0]]]
    carriage = worlds.there.operator.carriage

    async def is_carried() -> bool:
        return carriage.carries(number)

    await until(is_carried)


async def adoption(world: OperatorWorld, phone: str, **changes: object) -> dict[str, Any]:
    begun = await world.register(phone)
    return {
        "registration_id": begun["registration_id"],
        "code": begun["demo_code"],
        "evidence": {},
        **changes,
    }


async def adopt(holder: Customer, body: dict[str, Any]) -> httpx.Response:
    """Ask with the wallet's key, which names itself: its number means nothing here yet."""
    key_id = holder.signer.public_key.hex()
    caller = Caller(holder.http, holder.network, holder.clock, holder.signer, key_id)
    return await caller.ask("POST", f"{holder.path}/adoptions", body)


async def vault_fen(world: OperatorWorld, operator: int) -> int:
    return int((await world.operator.registry.account(vault_of(operator)))["balance_fen"])


async def test_an_adopted_wallet_redeems_and_exchanges_at_its_carrier_and_the_books_agree(
    worlds: Worlds,
) -> None:
    there = worlds.there
    holder = await worlds.here.open_wallet(deposit_fen=500_00)
    await holder.exchange(500_00)
    holder = await fail_over(worlds, holder)
    body = await adoption(there, holder.phone)
    assert (await adopt(holder, body)).status_code == 201
    holder.deposit_id = await there.fund(holder.phone, 30_00)
    redeeming = holder.order(OrderType.REDEEM, vault_of(TWO), 200_00)
    for _ in range(2):
        assert (await holder.redeem(redeeming))["state"] == "settled"
    assert await there.deposit_fen(holder) == (230_00, 0)
    exchange_id = holder.new_id()
    for _ in range(2):
        assert (await holder.exchange(10_00, exchange_id))["state"] == "settled"
    assert await there.deposit_fen(holder) == (220_00, 0)
    assert await balance_fen(holder) == 310_00

    async def is_told() -> bool:
        return [each["type"] for each in await entries(holder)] == ["exchange", "redeem"]

    await until(is_told)
    assert await vault_fen(there, TWO) == ISSUED_FEN + 200_00 - 10_00
    assert await vault_fen(worlds.here, ONE) == ISSUED_FEN - 500_00
    for world in (worlds.here, there):
        report = await reconcile(world.database)
        assert (report.differences, report.open) == ([], [])


async def test_a_holder_goes_on_at_the_carrier_by_one_command(
    worlds: Worlds, tmp_path: Path
) -> None:
    here, there = worlds.here, worlds.there
    phone = new_phone()
    own, carrier = str(here.http.base_url), str(there.http.base_url)
    opened = await wallet(tmp_path, "open", "--operator", own, "--phone", phone)
    deposit = await here.fund(phone, 50_00)
    await wallet(tmp_path, "exchange", "50", "--deposit", deposit)
    to_carrier = ("adopt", "--operator", carrier, "--phone", phone)
    early = await wallet(tmp_path, *to_carrier, code=1)
    assert early["error"]["code"] == Code.WALLET_UNKNOWN
    await reassign(worlds, parse_number(opened["number"]))
    assert await wallet(tmp_path, *to_carrier) == {
        "number": opened["number"], "carrier": f"{TWO}", "operator_url": carrier.rstrip("/"),
    }  # fmt: skip
    there_deposit = await there.fund(phone, 1_00)
    redeemed = await wallet(tmp_path, "redeem", "20", "--deposit", there_deposit)
    assert redeemed["state"] == "settled"
    assert (await wallet(tmp_path, "balance"))["balance_fen"] == 30_00
    assert await vault_fen(there, TWO) == ISSUED_FEN + 20_00


async def wallet(directory: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """Run a command of the wallet in a directory."""
    invoke = CliRunner(env={"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE}).invoke
    arguments = ["wallet", "--dir", str(directory), *words, "--json"]
    result = await asyncio.to_thread(invoke, app, arguments)
    assert result.exit_code == code, (result.output, result.exception)
    return dict(json.loads(result.stdout.splitlines()[-1]))


async def test_an_exchange_into_an_adopted_wallet_is_asked_for_by_the_carriers_vault(
    worlds: Worlds,
) -> None:
    there = worlds.there
    holder = await fail_over(worlds, await worlds.here.open_wallet())
    await adopt(holder, await adoption(there, holder.phone))
    holder.deposit_id = await there.fund(holder.phone, 30_00)
    exchange_id = holder.new_id()
    assert (await holder.exchange(10_00, exchange_id))["state"] == "settled"
    kept = await there.operator.exchange.store.find_exchange(holder.number, exchange_id)
    assert kept is not None
    assert kept.order is not None
    assert kept.order.scope == vault_of(TWO)


async def test_an_adoption_twice_and_at_once_is_one(worlds: Worlds) -> None:
    there = worlds.there
    holder = await fail_over(worlds, await worlds.here.open_wallet())
    body = await adoption(there, holder.phone)
    answers = await asyncio.gather(*(adopt(holder, body) for _ in range(4)))
    answers.append(await adopt(holder, body))
    assert {(each.status_code, each.content) for each in answers} == {
        (201, answers[0].content),
    }
    for table in ("wallet", "holder", "evidence"):
        assert await there.database_value(f"SELECT count(*) FROM {table}") == 1


async def test_nobody_adopts_what_is_not_carried_here_or_not_theirs(worlds: Worlds) -> None:
    here, there = worlds.here, worlds.there
    holder, other = await here.open_wallet(), await here.open_wallet()
    own = await there.open_wallet()
    early = replace(holder, http=there.http)
    assert refusal(await adopt(early, await adoption(there, holder.phone))) == Code.WALLET_UNKNOWN
    holder = await fail_over(worlds, holder)
    thief = replace(holder, signer=other.signer)
    assert refusal(await adopt(thief, await adoption(there, other.phone))) == Code.WALLET_UNKNOWN
    stolen = replace(own, signer=other.signer)
    assert refusal(await adopt(stolen, await adoption(there, other.phone))) == Code.WALLET_UNKNOWN
    body = await adoption(there, holder.phone)
    assert refusal(await adopt(holder, {**body, "code": "000000"})) == Code.CODE_WRONG
    assert (await adopt(holder, body)).status_code == 201
    assert refusal(await adopt(thief, body)) == Code.WALLET_UNKNOWN


async def test_an_adoption_needs_the_evidence_of_the_wallets_class(worlds: Worlds) -> None:
    there = worlds.there
    named = {"identity_document": DOCUMENT}
    opened = await worlds.here.open_wallet(wallet_class=3, evidence=named)
    holder = await fail_over(worlds, opened)
    body = await adoption(there, holder.phone)
    assert refusal(await adopt(holder, body)) == Code.EVIDENCE_INSUFFICIENT
    answer = await adopt(holder, {**body, "evidence": named})
    assert (answer.status_code, answer.json()["wallet_class"]) == (201, 3)


async def test_a_closed_wallet_is_not_adopted(worlds: Worlds) -> None:
    holder = await worlds.here.open_wallet()
    closing = by_holder(holder, OrderType.CLOSE)
    answer = await holder.http.post("/v1/orders", content=closing)
    assert answer.status_code == 200
    holder = await fail_over(worlds, holder)
    body = await adoption(worlds.there, holder.phone)
    assert refusal(await adopt(holder, body)) == Code.ACCOUNT_CLOSED
