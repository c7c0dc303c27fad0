"""`jiaozi wallet pin` and paying by PIN, as scripts do it: from files, never from arguments."""

from pathlib import Path

import pytest

from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome
from tests.cli.conftest import Terminal
from tests.wallet.conftest import ANNA
from tests.wallet.fake_operator import FakeOperator

PIN, ABOVE_FEN = "602817", 500


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    file = tmp_path / "pin"
    file.write_text(f"{PIN}\n")
    return file


@pytest.fixture(autouse=True)
def above(operator: FakeOperator) -> None:
    def rule(order: Order) -> Outcome:
        needs = order.total_fen > ABOVE_FEN and len(order.keys) == 1
        return (int(Code.SECOND_FACTOR_REQUIRED), ABOVE_FEN) if needs else SETTLED

    operator.rule = rule


def test_a_payment_above_the_own_amount_takes_the_pin_from_its_file(
    opened: Terminal, operator: FakeOperator, pin_file: Path
) -> None:
    assert opened.json("pin", "set", "--pin-file", pin_file) == {"is_set": True}
    paid = opened.json("pay", ANNA, "6.00", "--pin-file", pin_file)
    assert paid["state"] == "settled"
    assert operator.paid == {ANNA: 600}


def test_below_it_no_pin_is_read(opened: Terminal, operator: FakeOperator, tmp_path: Path) -> None:
    paid = opened.json("pay", ANNA, "5.00", "--pin-file", tmp_path / "none")
    assert paid["state"] == "settled"
    assert not operator.countersigned


def test_without_anyone_to_ask_the_refusal_is_told(
    opened: Terminal, operator: FakeOperator
) -> None:
    paid = opened.json("pay", ANNA, "6.00", code=1)
    assert paid["refusal"]["name"] == "second_factor_required"
    assert operator.paid == {}


def test_a_wrong_pin_is_told_and_nothing_is_paid(
    opened: Terminal, operator: FakeOperator, pin_file: Path
) -> None:
    operator.pin = "719305"
    told = opened.json("pay", ANNA, "6.00", "--pin-file", pin_file, code=1)
    assert told["error"]["name"] == "pin_wrong"
    assert operator.paid == {}
    assert opened.json("info")["open_orders"] == 0


def test_a_pin_is_changed_with_the_present_one(
    opened: Terminal, operator: FakeOperator, pin_file: Path, tmp_path: Path
) -> None:
    operator.pin = "719305"
    old = tmp_path / "old"
    old.write_text("719305\r\n")
    assert (
        opened.json("pin", "set", "--pin-file", pin_file, code=1)["error"]["name"] == "pin_exists"
    )
    assert opened.json("pin", "change", "--old-pin-file", old, "--pin-file", pin_file)["is_set"]
    assert operator.pin == PIN


def test_without_file_and_terminal_the_command_says_what_to_do(opened: Terminal) -> None:
    assert opened.json("pin", "set", code=2)["error"]["name"] == "pin_not_given"


def test_no_command_takes_a_pin_as_an_argument(opened: Terminal) -> None:
    for words in (("pin", "set", PIN), ("pin", "change", PIN), ("pay", ANNA, "1", "--pin", PIN)):
        opened(*words, code=2)
