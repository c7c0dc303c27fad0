"""An operator that is killed at every step loses nothing, doubles nothing and goes on."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Database
from tests.operator import run_operator
from tests.operator.builders import OperatorWorld, settings_for, until
from tests.operator.fake_registry import FakeRegistry, fake_registry
from tests.operator.life import rebinding
from tests.operator.test_deposits import BOOKS_DIFFER
from tests.processes import ServingProcess

AMOUNT_FEN = 30_00
FUNDED_FEN = 100_00
SAGAS = "SELECT count(*) FROM {table} WHERE state NOT IN ({ended})"


@dataclass
class Mortal:
    """An operator in a process of its own, and the file that says when it dies."""

    dsn: str
    registry: FakeRegistry
    death: Path
    database: Database
    process: ServingProcess | None = None
    http: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Start it, again after a death."""
        self.death.unlink(missing_ok=True)
        self.process = ServingProcess(run_operator.main, self.dsn, self.registry.url, self.death)
        url = await self.process.url()
        assert url, "the operator did not start"
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)

    async def end(self) -> None:
        """Kill it, unless it is dead."""
        assert self.process is not None
        assert self.http is not None
        await self.http.aclose()
        await self.process.kill()

    async def dies_after(self, step: str, doing: Awaitable[object]) -> None:
        """Do something during which the process is killed after a step, and start it again."""
        assert self.process is not None
        self.death.write_text(step)
        with pytest.raises(httpx.TransportError):
            await doing
        assert await self.process.wait() == -9
        await self.end()
        await self.start()

    async def comes_back(self) -> None:
        """Wait until its background work has killed it, and start it again."""
        assert self.process is not None
        assert await self.process.wait() == -9
        await self.end()
        await self.start()

    async def until(self, sql: str, value: object) -> None:
        """Wait until a query gives a value."""

        async def is_so() -> bool:
            return await self.value(sql) == value

        await until(is_so)

    def world(self) -> OperatorWorld:
        """The builders' view of the process that runs now."""
        network = read_genesis(self.registry.genesis).id
        unused: Any = None
        assert self.http is not None
        return OperatorWorld(
            self.registry, settings_for(self.registry, self.dsn), unused, self.database,
            self.http, self.registry.clock, network,
        )  # fmt: skip

    async def value(self, sql: str) -> object:
        """The first value of a query."""
        return await self.world().database_value(sql)

    async def until_idle(self) -> None:
        """Wait until the resolver has finished every saga by itself."""
        unfinished = " + ".join(
            f"({SAGAS.format(table=table, ended=ended)})"
            for table, ended in (
                ("wallet", "'open'"),
                ("exchange", "'captured', 'released'"),
                ("redemption", "'credited', 'refused', 'dead'"),
                ("sweep", "'credited'"),
            )
        )

        async def is_idle() -> bool:
            return await self.value(f"SELECT {unfinished}") == 0

        await until(is_idle)

    async def assert_books_add_up(self) -> None:
        """Check the built-in core against its postings, and what it paid against the registry."""
        async with self.database.connection() as connection:
            assert await connection.fetch(BOOKS_DIFFER) == []
        ledger = self.registry.ledger
        sold = await self.value(
            "SELECT coalesce(sum(amount_fen), 0)::bigint FROM deposit_posting"
            " WHERE credit = 'digital-yuan'"
        )
        bought = await self.value(
            "SELECT coalesce(sum(amount_fen), 0)::bigint FROM deposit_posting"
            " WHERE debit = 'digital-yuan'"
        )
        assert sold == ledger.settled_fen(OrderType.EXCHANGE)
        assert bought == ledger.settled_fen(OrderType.REDEEM)


@pytest.fixture
async def mortal(database_dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Mortal]:
    """An operator that has started."""
    async with fake_registry() as registry:
        mortal = Mortal(database_dsn, registry, tmp_path / "death", database)
        await mortal.start()
        yield mortal
        await mortal.end()


async def test_killed_at_every_step_of_an_opening(mortal: Mortal) -> None:
    for number, step in enumerate(run_operator.OPENING_STEPS):
        caller = mortal.world().new_caller()
        body = await mortal.world().opening(f"+861440000000{number}", caller)
        await mortal.dies_after(step, caller.ask("POST", "/v1/wallets", body))
        caller.http = _running(mortal)
        answer = await caller.ask("POST", "/v1/wallets", body)
        assert answer.status_code == 201, answer.text
        assert int(answer.json()["number"]) in mortal.registry.ledger.accounts
    assert await mortal.value("SELECT count(*) FROM wallet") == len(run_operator.OPENING_STEPS)
    assert mortal.registry.ledger.wallets() == len(run_operator.OPENING_STEPS)


async def test_killed_at_every_step_of_a_change_of_class(mortal: Mortal) -> None:
    for number, step in enumerate(run_operator.CLASS_STEPS):
        holder = await mortal.world().open_wallet(phone=f"+861450000000{number}")
        document = {"type": "resident-identity-card", "number": f"1{number}", "name": "王小明"}
        body = {"wallet_class": 3, "evidence": {"identity_document": document}}
        await mortal.dies_after(step, holder.ask("PUT", f"{holder.path}/class", body))
        holder.http = _running(mortal)
        answer = await holder.ask("PUT", f"{holder.path}/class", body)
        assert answer.json()["state"] == "settled", answer.text
        assert mortal.registry.ledger.accounts[holder.number].body["wallet_class"] == 3
    assert await mortal.value("SELECT count(*) FROM certify_order") == len(run_operator.CLASS_STEPS)
    assert await mortal.value("SELECT count(*) FROM wallet WHERE wallet_class = 3") == 3


@pytest.mark.chaos
async def test_killed_at_every_step_of_a_rebind(mortal: Mortal) -> None:
    ledger = mortal.registry.ledger
    steps = zip(
        run_operator.REBIND_REQUEST_STEPS, run_operator.REBIND_COMPLETION_STEPS, strict=True
    )
    for number, (request_step, completion_step) in enumerate(steps, 1):
        holder = await mortal.world().open_wallet()
        caller = mortal.world().new_caller()
        body = await rebinding(mortal.world(), holder.phone, caller)
        path = f"{holder.path}/rebinds"
        await mortal.dies_after(request_step, caller.ask("POST", path, body))
        caller.http = _running(mortal)
        asked = (await caller.ask("POST", path, body)).json()
        assert asked["state"] == "waiting", request_step
        account = ledger.accounts[holder.number]
        account.rebind = caller.signer.public_key, 0
        path = f"{path}/{asked['rebind_id']}"
        await mortal.dies_after(completion_step, caller.ask("GET", path))
        caller.http = _running(mortal)
        assert (await caller.ask("GET", path)).json()["state"] == "completed", completion_step
        assert account.key == caller.signer.public_key
        for each in (OrderType.REBIND_REQUEST, OrderType.REBIND_COMPLETE):
            assert ledger.settled_orders(each) == number


async def test_killed_at_every_step_of_an_exchange(mortal: Mortal) -> None:
    for step in run_operator.EXCHANGE_STEPS:
        holder = await mortal.world().open_wallet(deposit_fen=FUNDED_FEN)
        exchange_id = holder.new_id()
        await mortal.dies_after(step, holder.exchange(AMOUNT_FEN, exchange_id))
        await mortal.until_idle()
        holder.http = _running(mortal)
        assert (await holder.exchange(AMOUNT_FEN, exchange_id))["state"] == "settled", step
        assert mortal.registry.ledger.accounts[holder.number].balance_fen == AMOUNT_FEN
        assert await mortal.world().deposit_fen(holder) == (FUNDED_FEN - AMOUNT_FEN, 0)
    await mortal.assert_books_add_up()


async def test_killed_while_a_refused_exchange_is_given_back(mortal: Mortal) -> None:
    for step in run_operator.GIVING_BACK_STEPS:
        holder = await mortal.world().open_wallet(deposit_fen=FUNDED_FEN)
        mortal.registry.ledger.final.append((int(Code.PAYEE_CANNOT_RECEIVE),))
        exchange_id = holder.new_id()
        await mortal.dies_after(step, holder.exchange(AMOUNT_FEN, exchange_id))
        await mortal.until_idle()
        holder.http = _running(mortal)
        assert (await holder.exchange(AMOUNT_FEN, exchange_id))["state"] == "refused", step
        assert await mortal.world().deposit_fen(holder) == (FUNDED_FEN, 0)
    await mortal.assert_books_add_up()


async def test_killed_at_every_step_of_a_redemption(mortal: Mortal) -> None:
    for step in run_operator.REDEEM_STEPS:
        holder = await mortal.world().open_wallet(deposit_fen=FUNDED_FEN)
        await holder.exchange(FUNDED_FEN)
        order = holder.redeem_order(AMOUNT_FEN)
        await mortal.dies_after(step, holder.redeem(order))
        await mortal.until_idle()
        holder.http = _running(mortal)
        assert (await holder.redeem(order))["state"] == "settled", step
        balance_fen = mortal.registry.ledger.accounts[holder.number].balance_fen
        assert balance_fen == FUNDED_FEN - AMOUNT_FEN
        assert await mortal.world().deposit_fen(holder) == (AMOUNT_FEN, 0)
    await mortal.assert_books_add_up()


async def test_killed_at_every_step_of_a_sweep(mortal: Mortal) -> None:
    ledger = mortal.registry.ledger
    for number, step in enumerate(run_operator.SWEEP_STEPS, 1):
        payer = await mortal.world().open_wallet(deposit_fen=FUNDED_FEN)
        payee = await mortal.world().open_wallet(deposit_fen=FUNDED_FEN)
        await payer.exchange(FUNDED_FEN)
        body = {"deposit_id": payee.deposit_id}
        answer = await payee.ask("PUT", f"{payee.path}/waterfall", body)
        assert answer.status_code == 200, answer.text
        payment = payer.payment(payee.number, AMOUNT_FEN)
        assert ledger.submit([payment])[0][:2] == [1, [0]]
        mortal.death.write_text(step)
        ledger.sweep(payment, AMOUNT_FEN)
        await mortal.comes_back()
        payee.http = _running(mortal)
        await mortal.until("SELECT count(*) FROM sweep WHERE state = 'credited'", number)
        assert await mortal.world().deposit_fen(payee) == (FUNDED_FEN + AMOUNT_FEN, 0), step
    paid = "SELECT sum(amount_fen)::bigint FROM deposit_posting WHERE debit = 'digital-yuan'"
    assert await mortal.value(paid) == AMOUNT_FEN * len(run_operator.SWEEP_STEPS)


def _running(mortal: Mortal) -> httpx.AsyncClient:
    assert mortal.http is not None
    return mortal.http
