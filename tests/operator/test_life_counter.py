"""`jiaozi operator freeze`, `unfreeze`, `rebind`: clerks and officers at the real registry."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.service.keys import FileKeyStore, KdfCost
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import until
from tests.operator.holders import Holder as Customer
from tests.operator.holders import send_order
from tests.operator.life import (
    NEW,
    ONE,
    Worlds,
    ask_for_new_key,
    by_holder,
    life_worlds,
)
from tests.operator.test_life import state_of
from tests.registry.network import certified, person

PASSPHRASE = "correct horse battery"
CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)


@dataclass
class Counter:
    """Runs `jiaozi operator` for the first operator; nobody sits at the terminal."""

    worlds: Worlds
    keys: Path
    officers: list[Path]

    async def __call__(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json`` that must end with an exit code."""
        here = self.worlds.here
        reached = ("--dsn", here.settings.dsn, "--json")
        if "list" not in words:
            reached += (
                "--code", str(ONE), "--keys", str(self.keys),
                "--registry", here.settings.registry_url,
            )  # fmt: skip
        arguments = ["operator", *map(str, words), *reached]
        environment = {"JIAOZI_PASSPHRASE": PASSPHRASE}
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return dict(json.loads(result.stdout.splitlines()[-1])) if result.stdout else {}

    async def overrule(self, holder: Customer, *officers: Path, code: int = 0) -> dict[str, Any]:
        """Overrule an objection under officers."""
        named = [word for each in officers for word in ("--officer", each)]
        number = format_number(holder.number)
        return await self("rebind", "overrule", number, *named, code=code)


@pytest.fixture
async def counter(postgres: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[Counter]:
    """A counter whose keys are the successors of those that the service signs with."""
    async with life_worlds(postgres) as worlds:
        store = FileKeyStore(tmp_path / "keys", PASSPHRASE, cost=CHEAP)
        new = [
            certified(Use.OPERATOR_CERTIFY, store.create("certify"), ONE),
            certified(Use.OPERATOR_TRANSPORT, store.create("transport"), ONE),
        ]
        officers = []
        for number in (1, 2):
            directory = tmp_path / f"officer-{number}"
            signer = FileKeyStore(directory, PASSPHRASE, cost=CHEAP).create("officer")
            new.append(certified(Use.OPERATOR_OFFICER, signer, ONE, person=person(number)))
            officers.append(directory / "officer.key")
        orders = [worlds.orders.certify(each) for each in new]
        answers = await worlds.officer.submit(orders)
        assert [each[:2] for each in answers] == [[1, [0]]] * len(orders)
        yield Counter(worlds, tmp_path / "keys", officers)


async def objected(counter: Counter) -> tuple[Customer, str]:
    """A wallet whose old key has objected to a new one, and the rebind's id."""
    here = counter.worlds.here
    owner = await here.open_wallet(deposit_fen=100_00)
    await owner.exchange(50_00)
    asked = (await ask_for_new_key(here, owner, owner.phone)).json()
    objection = by_holder(owner, OrderType.REBIND_OBJECT)
    assert (await send_order(here.http, objection))[:2] == [1, [0]]
    return owner, asked["rebind_id"]


async def key_of(counter: Counter, holder: Customer) -> str:
    return str((await counter.worlds.here.operator.registry.account(holder.number))["public_key"])


async def test_two_officers_overrule_an_objection_once_its_wait_is_over(counter: Counter) -> None:
    owner, rebind_id = await objected(counter)
    one, two = counter.officers
    refused = await counter.overrule(owner, one, one, code=1)
    assert refused["error"]["code"] == Code.SIGNER_MISSING
    await asyncio.sleep(1.2)
    assert (await counter.overrule(owner, one, two))["state"] == "settled"
    assert await key_of(counter, owner) == NEW.public_key.hex()
    here = counter.worlds.here
    await here.database_value("UPDATE rebind SET next_try_ms = 0")

    async def is_completed() -> bool:
        return await state_of(here, owner, rebind_id) == "completed"

    await until(is_completed)


async def test_a_withdrawn_rebind_leaves_the_old_key_and_lets_it_pay(counter: Counter) -> None:
    owner, rebind_id = await objected(counter)
    payee = await counter.worlds.there.open_wallet()
    assert (await owner.pay(payee.number, 1))[:2] == [1, [Code.ACCOUNT_FROZEN]]
    [listed] = (await counter("rebind", "list"))["rebinds"]
    assert (listed["wallet"], listed["rebind_id"]) == (format_number(owner.number), rebind_id)
    assert (await counter("rebind", "withdraw", listed["wallet"]))["state"] == "settled"
    assert (await owner.pay(payee.number, 1))[:2] == [1, [0]]
    assert await state_of(counter.worlds.here, owner, rebind_id) == "ended"
    assert (await counter("rebind", "list"))["rebinds"] == []
    again = await counter("rebind", "withdraw", listed["wallet"], code=1)
    assert again["error"]["code"] == Code.REBIND_UNKNOWN


async def test_a_clerk_freezes_an_amount_and_lifts_it_by_its_case(counter: Counter) -> None:
    holder = await counter.worlds.here.open_wallet(deposit_fen=100_00)
    payee = await counter.worlds.there.open_wallet()
    await holder.exchange(50_00)
    number = format_number(holder.number)
    freeze = ("freeze", number, "--clerk", "wu-7", "--file-number", "2026/18")
    for wrong in (
        (*freeze, "--scope", "amount"),
        (*freeze, "--amount-fen", 1),
        (*freeze, "--scope", "nothing"),
        (*freeze[:-1], "x" * 65),
    ):
        await counter(*wrong, code=2)
    frozen = await counter(*freeze, "--scope", "amount", "--amount-fen", 40_00)
    assert (await holder.pay(payee.number, 10_01))[:2] == [1, [Code.INSUFFICIENT_FUNDS, 10_00]]
    by = ("--clerk", "wu-8", "--file-number", "2026/19")
    await counter("unfreeze", number, "no case", *by, code=2)
    for wrong in ((), ("--clerk", "no clerk", *by[2:]), (*by[:3], "")):
        await counter("unfreeze", number, frozen["case"], *wrong, code=2)
    assert (await counter("unfreeze", number, frozen["case"], *by))["state"] == "settled"
    assert (await holder.pay(payee.number, 10_01))[:2] == [1, [0]]
    unknown = await counter("unfreeze", number, "00" * 16, *by, code=1)
    assert unknown["error"]["code"] == Code.FREEZE_UNKNOWN
