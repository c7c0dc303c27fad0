"""Requests, returns, statements and a move, with the real parties over real HTTP."""

import asyncio
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from jiaozi.cli import app
from tests.cli.conftest import PASSPHRASE
from tests.cli.test_wallet_story import Bank, Holder, _open, _until_in_history, bank
from tests.operator.statements import read_csv

__all__ = ["bank"]


async def _verify(*words: object, code: int = 0) -> dict[str, Any]:
    arguments = ["statement", "verify", *map(str, words), "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == code, result.output
    return dict(json.loads(result.stdout))


async def _usage(holder: Holder, *words: object) -> str:
    """Run a command that is not one as it stands, and return what was said of it."""
    arguments = ["wallet", "--dir", str(holder.directory), *map(str, words)]
    environment = {"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE}
    result = await asyncio.to_thread(CliRunner(env=environment).invoke, app, arguments)
    assert result.exit_code == 2, result.output
    return result.stderr


async def _pair(bank: Bank, home: Path) -> tuple[Holder, Holder]:
    """Anna, who has 300 yuan, and Ben at another operator, who has none."""
    anna = await _open(bank, home / "anna", 1001, "+8613800000001")
    ben = await _open(bank, home / "ben", 1002, "+8613800000002")
    deposit = await bank.fund(1001, "+8613800000001", 50_000)
    await anna("exchange", "300", "--deposit", deposit)
    return anna, ben


@pytest.mark.timeout(90)
async def test_a_request_is_paid_once_and_sent_back_up_to_what_came(
    bank: Bank, tmp_path: Path
) -> None:
    anna, ben = await _pair(bank, tmp_path)
    asked = await ben("request", "12.50", "--note", "two bowls of 面", "--qr", tmp_path / "q.svg")
    assert (tmp_path / "q.svg").read_text().startswith("<?xml")
    text = tmp_path / "request.txt"
    text.write_text(asked["text"])

    refused = await _usage(anna, "pay", "--request", text, "--amount", "1", "--yes")
    assert "asks for 12.50 yuan" in refused
    assert "say yes" in await _usage(anna, "pay", "--request", text)
    paid = await anna("pay", "--request", text, "--yes")
    assert (paid["payee"], paid["amount_fen"], paid["is_attested"]) == (ben.number, 1250, True)
    assert paid["note"] == "two bowls of 面"
    again = await anna("pay", "--request", asked["text"], "--yes", code=2)
    assert again["error"]["name"] == "already_paid"

    await _until_in_history(ben, paid["order_id"])
    [followed] = (await ben("requests"))["requests"]
    assert (followed["state"], followed["paid_fen"]) == ("paid", 1250)
    assert followed["order_ids"] == [paid["order_id"]]
    for holder in (anna, ben):
        await _until_in_history(holder, paid["order_id"])
        [entry] = (await holder("history", "--search", "bowls"))["entries"]
        assert (entry["order_id"], entry["note"]) == (paid["order_id"], "two bowls of 面")
        assert (await holder("history", "--search", "noodles"))["entries"] == []

    # Back in parts, never more than came, and both ends are linked.
    part = await ben("return", paid["order_id"], "--amount", "2.50")
    assert (part["state"], part["payee"], part["original_fen"]) == ("settled", anna.number, 1250)
    too_much = await ben("return", paid["order_id"], "--amount", "10.01", code=2)
    assert too_much["error"]["name"] == "not_returnable"
    rest = await ben("return", paid["order_id"])
    assert rest["amount_fen"] == 1000
    assert (await ben("return", paid["order_id"], code=2))["error"]["name"] == "not_returnable"
    await _until_in_history(anna, rest["order_id"])
    entries = (await anna("history"))["entries"]
    [original] = [each for each in entries if each["order_id"] == paid["order_id"]]
    links = [
        each["link"] for each in entries if each["order_id"] in (part["order_id"], rest["order_id"])
    ]
    assert original["returned_fen"] == 1250
    assert links == [original["identity"]] * 2
    assert await anna.balance_fen() == 30_000


@pytest.mark.timeout(90)
async def test_an_office_checks_a_statement_and_a_moved_wallet_pays_on(
    bank: Bank, tmp_path: Path
) -> None:
    anna, ben = await _pair(bank, tmp_path)
    genesis = tmp_path / "genesis"
    genesis.write_bytes(bank.genesis)
    paid = await anna("pay", ben.number, "100")

    # A statement in each form, and what its code proves to whoever has genesis.
    files = {form: tmp_path / f"statement.{form}" for form in ("csv", "camt053", "pdf")}
    for form, file in files.items():
        await anna("statement", "--from", "2026-01-01", "--format", form, "--out", file)
    records = read_csv(files["csv"].read_bytes())
    assert Decimal(records[-1]["balance_yuan"]) == Decimal(200)
    code = records[-1]["text"]
    told = await _verify(code, "--genesis", genesis, "--csv", files["csv"])
    assert (told["wallet"], told["closing_fen"], told["entries"]) == (anna.number, 20_000, 2)
    assert (told["operator"], told["entries_proven"]) == ("1001", True)
    printed = "".join(
        page.extract_text() for page in PdfReader(io.BytesIO(files["pdf"].read_bytes())).pages
    )
    assert "Closing balance" in printed
    forged = tmp_path / "forged.csv"
    forged.write_bytes(files["csv"].read_bytes().replace(b"100.00", b"900.00"))
    assert not (await _verify(code, "--genesis", genesis, "--csv", forged, code=1)).get("valid")
    assert "error" in await _verify(code[:-9] + "AAAAAAAAA", "--genesis", genesis, code=1)
    assert "error" in await _verify(code, "--genesis", genesis, "--holder", "王", code=1)

    # The wallet moves: it pays no more where it was, and goes on with its journal elsewhere.
    asked = await ben("request", "--note", "any amount")
    await anna("pay", "--request", asked["text"], "--amount", "5", "--yes")
    sums = await anna("sums")
    assert sums["incoming_fen"] - sums["outgoing_fen"] >= await anna.balance_fen()
    await anna("export-keys", tmp_path / "anna.export")
    refused = await anna("pay", ben.number, "1", code=2)
    assert refused["error"]["name"] == "wallet_moved"
    moved = Holder(tmp_path / "elsewhere")
    assert (await moved("import-keys", tmp_path / "anna.export"))["number"] == anna.number
    again = await moved("pay", "--request", asked["text"], "--amount", "5", "--yes", code=2)
    assert again["error"]["name"] == "already_paid"
    assert (await moved("pay", ben.number, "1"))["state"] == "settled"
    await _until_in_history(moved, paid["order_id"])
    assert await moved.balance_fen() == 19_400
    for holder in (moved, anna):
        over = await holder("import-keys", tmp_path / "anna.export", code=2)
        assert over["error"]["name"] == "keystore_exists"
