"""`jiaozi wallet upgrade`, `downgrade`, `sub-wallet`, `signatory` and the officer's screening."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.operator.screening.list_file import ListFile
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code
from jiaozi.service.files import write_whole
from jiaozi.wallet.keystore import KdfCost, Keystore, WalletPublic, write_keystore
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import journal_path, keystore_path
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder
from tests.operator.test_customers import DOCUMENT
from tests.operator.test_identity_signatories import CLERK, open_company
from tests.operator.under import new_signer

PASSPHRASE = "correct horse battery"
OPTIONS = ("--document-number", DOCUMENT["number"], "--name", DOCUMENT["name"])


@dataclass
class Shell:
    """Runs `jiaozi`; nobody sits at the terminal."""

    world: OperatorWorld
    home: Path

    def keep(self, holder: Holder, name: str = "wallet") -> Path:
        """Put a holder's key into a keystore that is quick to open."""
        directory = self.home / name
        public = WalletPublic(
            number=holder.number,
            operator_url=str(self.world.http.base_url).rstrip("/"),
            network=NetworkId(self.world.network),
            root_key=b"r" * 32,
            block_key=b"b" * 32,
            public_key=holder.signer.public_key,
        )
        keystore = Keystore(public=public, seed=holder.signer._secret_key[:32])
        path = keystore_path(directory)
        write_keystore(path, keystore, PASSPHRASE, random=os.urandom, cost=KdfCost(8, 1, 1))
        Journal(journal_path(directory)).close()
        return directory

    async def __call__(self, *words: object, code: int = 0) -> str:
        """Run a command that must end with an exit code, and return what it printed."""
        environment = {"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE, "COLUMNS": "200"}
        arguments = [str(each) for each in words]
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout

    async def json(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json``; the operator in this process may have logged before."""
        *_, line = (await self(*words, "--json", code=code)).splitlines()
        return dict(json.loads(line))

    async def wallet(self, directory: Path, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command of a wallet with ``--json``."""
        return await self.json("wallet", "--dir", directory, "--timeout", 5, *words, code=code)


@pytest.fixture
async def shell(database_dsn: str, tmp_path: Path) -> AsyncIterator[Shell]:
    async with operator_world(database_dsn) as world:
        yield Shell(world, tmp_path)


async def test_a_wallet_is_upgraded_and_downgraded(shell: Shell) -> None:
    directory = shell.keep(await shell.world.open_wallet())
    told = await shell.wallet(directory, "upgrade", "--class", 3, *OPTIONS)
    assert told == {"state": "settled", "wallet_class": 3, "refusal": None}
    told = await shell.wallet(directory, "downgrade")
    assert told == {"state": "settled", "wallet_class": 4, "refusal": None}
    assert "Settled" in await shell("wallet", "--dir", directory, "downgrade")


async def test_an_upgrade_without_its_evidence_names_what_is_missing(shell: Shell) -> None:
    directory = shell.keep(await shell.world.open_wallet())
    told = await shell.wallet(
        directory, "upgrade", "--class", 2, *OPTIONS, "--deposit", "foreign", code=1
    )
    assert told["error"]["fields"] == {"field": "deposit_id"}
    words = ("upgrade", "--class", 3, *OPTIONS, "--document-type", "passport")
    output = await shell("wallet", "--dir", directory, *words, code=2)
    assert output == ""
    told = await shell.wallet(directory, *words, "--document-country", "SGP")
    assert told["state"] == "settled"


async def test_a_class_that_is_not_settled_yet_is_unknown_and_asked_for_again(
    shell: Shell,
) -> None:
    directory = shell.keep(await shell.world.open_wallet())
    shell.world.registry.faults.append(Fault.LOSE_REQUEST)
    words = ("upgrade", "--class", 3, *OPTIONS)
    assert (await shell.wallet(directory, *words, code=3))["state"] == "open"
    assert (await shell.wallet(directory, *words))["state"] == "settled"


async def test_a_sub_wallet_is_opened_listed_and_pushed(shell: Shell, tmp_path: Path) -> None:
    parent = await shell.world.open_wallet()
    directory, sub_directory = shell.keep(parent), tmp_path / "shop"
    told = await shell.wallet(
        directory, "sub-wallet", "open", "--to", sub_directory, "--day-limit", "200.00"
    )
    number = told["number"]
    account = shell.world.ledger.accounts[int(number)]
    assert account.body["parent"] == parent.number
    assert account.body["day_limit_fen"] == 200_00
    assert (await shell.wallet(sub_directory, "balance"))["number"] == number
    again = await shell.wallet(directory, "sub-wallet", "open", "--to", sub_directory, code=2)
    assert again["error"]["name"] == "keystore_exists"
    platform = format_number(parent.number)
    pushed = await shell.wallet(directory, "sub-wallet", "push", number, platform)
    [listed] = (await shell.wallet(directory, "sub-wallet", "list"))["sub_wallets"]
    assert listed["platforms"] == [{"platform": platform, "token": pushed["token"]}]
    assert pushed["token"] in await shell("wallet", "--dir", directory, "sub-wallet", "list")


async def test_a_sub_wallet_whose_answer_is_lost_is_gone_on_with(
    shell: Shell, tmp_path: Path
) -> None:
    directory, sub_directory = shell.keep(await shell.world.open_wallet()), tmp_path / "shop"
    shell.world.ledger.final.append((int(Code.ACCOUNT_EXISTS),))
    words = ("sub-wallet", "open", "--to", sub_directory)
    assert (await shell.wallet(directory, *words, code=1))["error"]["code"] == Code.ACCOUNT_EXISTS
    told = await shell.wallet(directory, *words)
    own = await shell.wallet(sub_directory, "info")
    account = shell.world.ledger.accounts[int(told["number"])]
    assert account.key.hex() == own["public_key"]


async def test_signatories_are_added_listed_and_removed(shell: Shell) -> None:
    directory = shell.keep(await open_company(shell.world))
    key = new_signer().public_key.hex()
    told = await shell.wallet(
        directory, "signatory", "add", key, "--role", "treasurer",
        "--document-type", CLERK["type"], "--document-number", CLERK["number"],
        "--document-country", CLERK["country"], "--name", CLERK["name"],
    )  # fmt: skip
    assert shell.world.ledger.accounts[int(told["number"])].key.hex() == key
    listed = (await shell.wallet(directory, "signatory", "list"))["signatories"]
    assert [each["role"] for each in listed] == ["legal representative", "treasurer"]
    assert CLERK["name"] in await shell("wallet", "--dir", directory, "signatory", "list")
    removed = await shell.wallet(directory, "signatory", "remove", told["number"])
    assert removed == {"frozen": True}
    assert await shell("wallet", "--dir", directory, "signatory", "add", "zz", code=2) == ""


async def test_the_officer_lists_and_clears_cases(database_dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("reference,name,document_number\nUN-0042,王小明,\n", encoding="utf-8")
    keys = tmp_path / "keys"
    keys.mkdir()
    write_whole(keys / "wrapping.secret", b"w" * 32)
    write_whole(keys / "lookup.secret", b"l" * 32)
    listed_by = ("--clerk", "CO-7", "--dsn", database_dsn, "--keys", keys)
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        shell, caller = Shell(world, tmp_path), world.new_caller()
        body = await world.opening(
            new_phone(), caller, wallet_class=3, evidence={"identity_document": DOCUMENT}
        )
        assert (await caller.ask("POST", "/v1/wallets", body)).json()["code"] == Code.NOT_SERVED
        assert (await shell("operator", "screening", "check", path)).endswith("1 entries.\n")
        told = await shell.json("operator", "screening", "cases", *listed_by)
        [case] = told["cases"]
        assert (case["entry"], case["name"]) == ("UN-0042", DOCUMENT["name"])
        assert "UN-0042" in await shell("operator", "screening", "cases", *listed_by)
        clear = ("operator", "screening", "clear", case["id"], *listed_by)
        await shell(*clear)
        assert (await shell.json(*clear, code=1))["error"]["name"] == "case_unknown"
        assert (await shell.json("operator", "screening", "cases", *listed_by))["cases"] == []
        assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 201
    path.write_text("x")
    broken = await shell.json("operator", "screening", "check", path, code=2)
    assert broken["error"]["name"] == "list_broken"
