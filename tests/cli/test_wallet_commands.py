"""`jiaozi wallet`: what it prints, for people and for programs, and how it ends."""

from pathlib import Path

import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code
from tests.cli.conftest import Terminal
from tests.wallet.fake_operator import DEPOSIT, OPERATOR, FakeOperator, Fault
from tests.wallet.payrolls import wage, write_payroll

ANNA = format_number(numbers.account_number(OPERATOR, 2 * 10**6))
BEN = format_number(numbers.account_number(1002, 3 * 10**6))
ALWAYS = 10_000


def test_opening_prints_the_number_and_keeps_it(terminal: Terminal) -> None:
    opened = terminal.json("open", "--phone", "+8613800138000")
    assert terminal.json("info")["number"] == opened["number"]
    terminal("open", "--phone", "+8613800138000", code=2)
    assert "Nothing was changed" in terminal.told


def test_without_demo_mode_the_code_is_given_in_a_second_call(
    terminal: Terminal, operator: FakeOperator
) -> None:
    operator.demo = False
    error = terminal.json("open", "--phone", "+8613800138000", code=2)["error"]
    assert error["name"] == "code_missing"
    registration = error["detail"].split()[-1]

    terminal("open", "--phone", "+86138", "--registration", registration, "--code", "123456")
    assert len(operator.wallets) == 1


def test_a_wrong_code_is_refused_and_another_try_keeps_the_key(
    terminal: Terminal, operator: FakeOperator
) -> None:
    words = ("open", "--phone", "+86138", "--registration", "r-1")
    assert terminal.json(*words, "--code", "000000", code=1)["error"]["name"] == "code_wrong"
    key = terminal.json("info")["public_key"]

    terminal(*words, "--code", "123456")
    assert terminal.json("info")["public_key"] == key


def test_a_class_that_needs_a_document_asks_for_it(
    terminal: Terminal, operator: FakeOperator
) -> None:
    terminal("open", "--phone", "+86138", "--class", 3, code=2)
    assert "--document-number" in terminal.told
    terminal("open", "--phone", "+86138", "--class", 3, "--document-number", "1", "--name", "王")
    assert len(operator.wallets) == 1


def test_another_network_than_the_expected_one_opens_nothing(
    terminal: Terminal, operator: FakeOperator
) -> None:
    words = ("open", "--phone", "+86138", "--network-id")
    assert terminal.json(*words, "00" * 32, code=2)["error"]["name"] == "network_differs"
    assert not terminal.directory.exists()
    terminal(*words, operator.network.id.hex())


@pytest.mark.parametrize(
    "url", ["operator.example", "ftp://operator.example", "http://", "http://a:b", "http://a?b"]
)
def test_an_address_that_is_none_is_a_usage_error(terminal: Terminal, url: str) -> None:
    terminal("open", "--phone", "+8613800138000", "--operator", url, code=2)
    assert "--operator" in terminal.told


def test_balance_shows_amounts_in_yuan_and_absent_limits_as_none(opened: Terminal) -> None:
    shown = opened("balance")
    assert "2,000.00 yuan" in shown
    assert "none" in shown
    assert opened.json("balance")["balance_fen"] == 0


def test_paying_several_at_once(opened: Terminal, operator: FakeOperator) -> None:
    told = opened.json("pay", ANNA, "12.50", BEN, "1", "--note", "面")
    assert (told["state"], told["amount_fen"], told["height"]) == ("settled", 1350, 1)
    assert operator.paid == {int(ANNA): 1250, int(BEN): 100}
    assert "Settled." in opened("pay", ANNA, "1")


@pytest.mark.parametrize(
    "words",
    [
        (ANNA,),
        (ANNA, "0"),
        (ANNA, "1.234"),
        (ANNA, "-1"),
        ("1001000020000001", "1"),
        ("123", "1"),
        (ANNA, "1", BEN),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(
    opened: Terminal, operator: FakeOperator, words: tuple[str, ...]
) -> None:
    opened("pay", "--", *words, code=2)
    assert not operator.paid


def test_a_refusal_says_why_in_words_and_numbers(opened: Terminal, operator: FakeOperator) -> None:
    operator.rule = lambda _: (int(Code.LIMIT_DAY), 500_000, 1_250)
    shown = opened("pay", ANNA, "100", code=1)
    assert "Nothing moved" in shown
    assert "left 12.50 yuan" in shown

    refusal = opened.json("pay", ANNA, "100", code=1)["refusal"]
    assert refusal["name"] == "limit_day"
    assert refusal["fields"] == {"limit_fen": 500_000, "left_fen": 1_250}
    assert refusal["retry"] == "after_change"


def test_without_an_answer_the_order_is_open_and_resume_settles_it(
    opened: Terminal, operator: FakeOperator
) -> None:
    operator.faults.extend([Fault.LOSE_ANSWER] * ALWAYS)
    assert "jiaozi wallet resume" in opened("pay", ANNA, "1", code=3, timeout_s=0.2)
    assert opened.json("resume", code=3, timeout_s=0.2)["open"] == 1
    operator.faults.clear()

    opened("balance")
    assert "1 earlier order(s) unfinished" in opened.told
    told = opened.json("resume")
    assert [each["state"] for each in told["resumed"]] == ["settled"]
    assert told["open"] == 0
    assert operator.paid == {int(ANNA): 100}


def test_an_operator_that_is_not_there_is_told_as_unknown(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "wallet", "http://127.0.0.1:9")
    words = ("open", "--phone", "+8613800138000")
    assert terminal.json(*words, code=3, timeout_s=0.2)["error"]["name"] == "no_answer"


def test_exchange_redeem_and_deposits(opened: Terminal, operator: FakeOperator) -> None:
    told = opened.json("exchange", "5", "--deposit", DEPOSIT)
    assert (told["state"], told["amount_fen"]) == ("settled", 500)
    assert opened.json("redeem", "2", "--deposit", DEPOSIT)["state"] == "settled"
    assert operator.deposit_fen == 1_000_000 - 300
    assert "9,997.00" in opened("deposits")
    assert opened.json("exchange", "5", "--deposit", "no", code=1)["refusal"]["code"] == 203


def test_history_shows_notes_beside_what_the_operator_keeps(opened: Terminal) -> None:
    opened("pay", ANNA, "1", "--note", "[bold]noodles[/bold]")
    opened("pay", ANNA, "2")
    newest, oldest = opened.json("history")["entries"]
    assert (newest["amount_fen"], oldest["amount_fen"]) == (200, 100)
    assert oldest["note"] == "[bold]noodles[/bold]"
    assert "[bold]noodles[/bold]" in opened("history")
    assert len(opened.json("history", "--limit", 1)["entries"]) == 1


def test_a_receipt_is_checked_by_the_file_and_the_network_alone(
    opened: Terminal, operator: FakeOperator, tmp_path: Path
) -> None:
    order_id = opened.json("pay", ANNA, "1")["order_id"]
    file, genesis = tmp_path / "receipt.cbor", tmp_path / "genesis"
    got = opened.json("receipt", "get", order_id, "--out", file)
    assert (got["valid"], got["order_id"], got["state"]) == (True, order_id, "settled")
    genesis.write_bytes(operator.genesis)
    info = opened.json("info")

    stranger = Terminal(tmp_path / "nowhere", "http://127.0.0.1:9")
    keys = ("--network-id", info["network_id"], "--block-key", info["block_key"])
    for words in (keys, ("--genesis", genesis)):
        told = stranger.json("receipt", "verify", file, *words)
        assert told["legs"] == [{"from": info["number"], "to": ANNA, "amount_fen": 100}]
    assert "paid 1.00 yuan" in opened("receipt", "verify", file)

    stranger("receipt", "verify", file, code=2)
    other = ("--network-id", "11" * 32, "--block-key", info["block_key"])
    told = stranger.json("receipt", "verify", file, *other, code=1)
    assert told["error"]["name"] == "receipt_invalid"
    file.write_bytes(file.read_bytes()[:-1])
    stranger("receipt", "verify", file, *keys, code=1)


def test_a_payroll_ends_with_sums_and_a_report(
    opened: Terminal, operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(4)])
    operator.rule = lambda order: (0,) if order.legs[0].amount != 1002 else (108,)

    told = opened.json("pay-file", path, code=1)
    assert (told["settled"], told["refused"], told["settled_now"]) == (3, 1, 3)
    assert told["settled_fen"] == 1000 + 1001 + 1003
    assert "payee_cannot_receive" in Path(told["report"]).read_text()
    shown = opened("pay-file", path, code=1)
    assert "3 of the settled ones were paid in an earlier run" in shown
    operator.rule = lambda _: (0,)
    assert opened.json("pay-file", path, "--retry-refused")["settled_now"] == 1


def test_a_payroll_for_another_wallet_pays_nobody(
    opened: Terminal, operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(0)], payer=int(ANNA))
    told = opened.json("pay-file", path, "--report", tmp_path / "r.xml", code=1)
    assert (told["refused"], told["rejected"], told["settled"]) == (1, 1, 0)
    assert "AC02" in (tmp_path / "r.xml").read_text()
    assert not operator.paid


def test_a_payroll_that_is_no_payment_message_is_refused_as_a_whole(
    opened: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "payroll.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    error = opened.json("pay-file", path, code=1)["error"]
    assert error["name"] == "payroll_doctype_forbidden"
    assert "Nothing was paid" in error["advice"]
    assert "RJCT" in (tmp_path / "payroll-report.xml").read_text()


def test_a_wrong_passphrase_sends_nothing(opened: Terminal, operator: FakeOperator) -> None:
    posts = operator.posts.copy()
    error = opened.json("pay", ANNA, "1", code=2, passphrase="wrong horse battery")["error"]
    assert error["name"] == "passphrase_wrong"
    assert operator.posts == posts


def test_the_passphrase_may_stand_in_a_file(opened: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery\n")
    directory, file_option = ("--dir", opened.directory), ("--passphrase-file", file)
    told = opened.json(*directory, *file_option, "balance", passphrase="wrong horse battery")
    assert told["balance_fen"] == 0


def test_info_needs_neither_passphrase_nor_network(
    opened: Terminal, operator: FakeOperator
) -> None:
    info = opened.json("info", passphrase="")
    assert info["network_id"] == operator.network.id.hex()
    assert info["open_orders"] == 0


def test_a_missing_wallet_says_how_to_open_one(terminal: Terminal) -> None:
    terminal("balance", code=2)
    assert "jiaozi wallet open" in terminal.told
