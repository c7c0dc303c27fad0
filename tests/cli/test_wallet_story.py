"""A company and its people, with the real central bank and two real operators, over real HTTP.

The commands are those of `jiaozi wallet`; nothing on the other side is a fake.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.cli import app
from jiaozi.local.ports import free_ports
from jiaozi.operator.http.serve import serve_operator
from jiaozi.operator.settings import OperatorSettings
from jiaozi.protocol import cbor
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.money import Fen
from jiaozi.protocol.numbers import AccountNumber, account_number, format_number
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.wallet.keystore import KdfCost, read_keystore, write_keystore
from jiaozi.wallet.payroll import Payment, PayrollInstruction, write_pain001
from jiaozi.wallet.payroll.values import BUSINESS_ZONE
from jiaozi.wallet.wallet import keystore_path
from tests.cli.conftest import PASSPHRASE
from tests.copies import network_databases
from tests.operator.builders import operator_keys
from tests.registry.builders import Orders
from tests.registry.listed import list_signers, listed_genesis, root_certificates
from tests.registry.network import Keys

OPERATORS = (1001, 1002)
SUPPLY_FEN = 10_000_000
NOBODY = account_number(1002, 99_999_999_999)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Bank:
    """A central bank and its operators, as a holder finds them."""

    genesis: bytes
    registry_dsn: str = ""
    registry_url: str = ""
    operator_urls: dict[int, str] = field(default_factory=dict)
    outages: dict[int, AsyncExitStack] = field(default_factory=dict)
    settings: dict[int, OperatorSettings] = field(default_factory=dict)

    async def start(self, operator: int, port: int | None = None) -> None:
        """Serve an operator, at an address that stays free while it is away."""
        stack = AsyncExitStack()
        service = await stack.enter_async_context(serve_operator(self.settings[operator]))
        server = await stack.enter_async_context(listening(service, port=port or free_ports(1)[0]))
        self.operator_urls[operator], self.outages[operator] = server.url, stack

    async def stop(self, operator: int) -> int:
        """End an operator's service; returns the port that it listened on."""
        await self.outages.pop(operator).aclose()
        return httpx.URL(self.operator_urls[operator]).port or 0

    async def fund(self, operator: int, phone: str, amount_fen: int) -> str:
        """Give whoever has a phone a deposit account with money in it."""
        async with httpx.AsyncClient(base_url=self.operator_urls[operator]) as http:
            body = {"phone": phone, "amount_fen": amount_fen}
            answer = await http.post("/v1/demo/deposits", json=body)
        return str(answer.json()["deposit_id"])


@dataclass
class Holder:
    """Somebody at a terminal, with a wallet in a directory of their own."""

    directory: Path
    number: str = ""
    timeout_s: float = 30.0

    async def __call__(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command that must end with an exit code, and return what it told."""
        options = ("--dir", self.directory, "--timeout", self.timeout_s, *words, "--json")
        result = await asyncio.to_thread(
            CliRunner(env={"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE}).invoke,
            app,
            ["wallet", *map(str, options)],
        )
        assert result.exit_code == code, (result.output, result.exception)
        return dict(json.loads(result.stdout.splitlines()[-1]))

    async def balance_fen(self) -> int:
        return int((await self("balance"))["balance_fen"])


async def _provide(registry_url: str, keys: Keys, orders: Orders) -> None:
    """Fund the operators' reserves and issue as much into their vaults."""
    body = b"".join(
        order
        for operator in OPERATORS
        for order in (
            orders.fund_reserve(operator, SUPPLY_FEN),
            orders.issue(operator, SUPPLY_FEN),
        )
    )
    officer = keys.officers[0]
    headers = {NETWORK_HEADER: orders.network.hex(), "Content-Type": "application/cbor-seq"}
    headers |= sign_request(
        method="POST",
        url="/v1/orders",
        headers=headers,
        body=body,
        signer=officer,
        key_id=officer.public_key.hex(),
        created_s=now_ms() // 1000,
        nonce="provide",
    )
    async with httpx.AsyncClient(base_url=registry_url) as http:
        for _ in range(200):
            if (await http.get("/healthz")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        answer = await http.post("/v1/orders", content=body, headers=headers)
    answers = cbor.decode(answer.content, size_max=10_000)
    assert isinstance(answers, list)
    assert [each[:2] for each in answers] == [[1, [0]]] * 4


@asynccontextmanager
async def bank_of(
    dsns: list[str], rulebook: str = "2020-10-pilot", *, idle_block_s: float = 10.0
) -> AsyncIterator[Bank]:
    """Run a central bank and its operators."""
    keys = Keys()
    library = shipped()
    in_force = next(each for each in library.values() if each.name == rulebook)
    bank = Bank(listed_genesis(keys, in_force), dsns[0])
    settings = CentralBankSettings(
        dsn=dsns[0],
        genesis=bank.genesis,
        block_signers=BlockSigners([keys.block]),
        library=library,
        verifier_processes=0,
        idle_block_s=idle_block_s,
        list_signers=list_signers(),
        certificates=root_certificates(keys, read_genesis(bank.genesis)),
    )
    async with open_central_bank(settings) as service, listening(service) as registry:
        bank.registry_url = registry.url
        network = read_genesis(bank.genesis).id
        await _provide(registry.url, keys, Orders(keys, network, now_ms))
        for operator, dsn in zip(OPERATORS, dsns[1:], strict=True):
            bank.settings[operator] = OperatorSettings(
                code=operator,
                dsn=dsn,
                registry_url=registry.url,
                keys=operator_keys(keys, operator),
                network_id=network,
                demo=True,
            )
            await bank.start(operator)
        try:
            yield bank
        finally:
            for stack in bank.outages.values():
                await stack.aclose()


@pytest.fixture
async def bank(postgres: EmbeddedPostgres) -> AsyncIterator[Bank]:
    names = [f"wallet_story_{part}" for part in ("registry", "one", "two")]
    dsns = await network_databases(postgres, names)
    async with bank_of(dsns) as bank:
        yield bank
    for name in names:
        await postgres.drop_database(name)


async def _open(bank: Bank, directory: Path, operator: int, phone: str, *words: object) -> Holder:
    holder = Holder(directory)
    url = bank.operator_urls[operator]
    opened = await holder("open", "--operator", url, "--phone", phone, *words)
    holder.number = opened["number"]
    _make_quick(directory)
    return holder


def _make_quick(directory: Path) -> None:
    """Seal the wallet's keystore again under a passphrase that is quick to try."""
    make_quick(keystore_path(directory))


def make_quick(path: Path) -> None:
    """Seal a keystore again under a passphrase that is quick to try."""
    keystore = read_keystore(path, PASSPHRASE)
    cost = KdfCost(8, 1, 1)
    write_keystore(path, keystore, PASSPHRASE, random=os.urandom, replace=True, cost=cost)


def _payroll(path: Path, payer: str, wages: list[tuple[str, int]]) -> Path:
    now = datetime.now(BUSINESS_ZONE).replace(microsecond=0)
    instruction = PayrollInstruction(
        message_id="WAGES-1",
        created_at=now,
        payer=AccountNumber(int(payer)),
        payer_name="Company A",
        requested_on=now.date(),
    )
    payments = [
        Payment(
            position=place,
            end_to_end_id=f"WAGE-{place}",
            amount_fen=Fen(amount_fen),
            payee=AccountNumber(int(payee)),
            remittance="wage",
        )
        for place, (payee, amount_fen) in enumerate(wages, 1)
    ]
    with path.open("wb") as file:
        write_pain001(file, instruction, payments)
    return path


@pytest.mark.timeout(90)
async def test_a_company_pays_its_people_and_they_pay_each_other(
    bank: Bank, tmp_path: Path
) -> None:
    anna = await _open(bank, tmp_path / "anna", 1001, "+8613800000001")
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    deposit = await bank.fund(1001, "+8613800000003", 1_000_000)
    identity = ("--document-number", "91440300", "--name", "Company A", "--deposit", deposit)
    company = await _open(
        bank, tmp_path / "company", 1001, "+8613800000003", "--class", 2, "--corporate", *identity
    )

    # From a deposit into the wallet, and by payroll to wallets of both operators.
    assert (await company("exchange", "3000", "--deposit", deposit))["state"] == "settled"
    assert (await company("deposits"))["deposits"][0]["available_fen"] == 700_000
    wages = [(anna.number, 40_000), (ben.number, 50_000), (format_number(NOBODY), 1_000)]
    payroll = _payroll(tmp_path / "payroll.xml", company.number, wages)
    told = await company("pay-file", payroll, code=1)
    assert (told["settled"], told["refused"], told["settled_fen"]) == (2, 1, 90_000)
    assert "payee_cannot_receive" in (tmp_path / "payroll-report.xml").read_text()
    again = await company("pay-file", payroll, code=1)
    assert (again["settled_now"], again["settled"]) == (0, 2)
    assert await company.balance_fen() == 210_000

    # Person to person across operators; the limit of class IV is told with its figure.
    paid = await anna("pay", ben.number, "100.50", "--note", "for the tickets")
    assert paid["state"] == "settled"
    refused = await anna("pay", ben.number, "600", code=1)
    assert refused["refusal"]["name"] == "limit_single"
    assert refused["refusal"]["fields"] == {"limit_fen": 50_000}
    assert await ben.balance_fen() == 60_050

    # Both ends hold a proof that needs nobody's help.
    genesis = tmp_path / "genesis"
    genesis.write_bytes(bank.genesis)
    stranger = Holder(tmp_path / "nowhere")
    for holder in (anna, ben):
        file = holder.directory / "receipt"
        await _until_in_history(holder, paid["order_id"])
        await holder("receipt", "get", paid["order_id"], "--out", file)
        proven = await stranger("receipt", "verify", file, "--genesis", genesis)
        assert proven["legs"] == [{"from": anna.number, "to": ben.number, "amount_fen": 10_050}]
    [entry] = [each for each in await _history(anna) if each["order_id"] == paid["order_id"]]
    assert (entry["direction"], entry["note"]) == ("out", "for the tickets")

    # Back into a deposit.
    account = await bank.fund(1002, "+8613800000002", 1)
    assert (await ben("redeem", "600", "--deposit", account))["state"] == "settled"
    assert (await ben("deposits"))["deposits"][0]["available_fen"] == 60_001
    assert await ben.balance_fen() == 50


@pytest.mark.timeout(90)
async def test_an_operator_that_went_away_loses_no_order(bank: Bank, tmp_path: Path) -> None:
    anna = await _open(bank, tmp_path / "anna", 1001, "+8613800000001")
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    deposit = await bank.fund(1001, "+8613800000001", 50_000)
    await anna("exchange", "300", "--deposit", deposit)

    port = await bank.stop(1001)
    anna.timeout_s = 1.0
    told = await anna("pay", ben.number, "100", code=3)
    assert told["state"] == "open"
    await bank.start(1001, port)
    anna.timeout_s = 30.0
    resumed = await anna("resume")

    assert [(each["id"], each["state"]) for each in resumed["resumed"]] == [
        (told["order_id"], "settled")
    ]
    assert await anna.balance_fen() == 20_000
    assert await ben.balance_fen() == 10_000
    assert (await anna("resume"))["resumed"] == []


async def _history(holder: Holder) -> list[dict[str, Any]]:
    return list((await holder("history"))["entries"])


async def _until_in_history(holder: Holder, order_id: str) -> None:
    """Wait until the operator has read the block of an order from its feed."""
    for _ in range(10):
        if any(each["order_id"] == order_id for each in await _history(holder)):
            return
    pytest.fail("the order never came into the history")
