"""Cards as processes behind a real pcscd pay with no network."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.local.card_readers import Slot, VirtualReaders
from jiaozi.protocol.offline.replay import read_log
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.readers import card_in
from tests.card.purse_cards import INSERTED_S, PIN, await_card, issue, start_card
from tests.protocol.offline_builders import ANCHOR, PAYEE, Party


@pytest.fixture
def slots(reader_service: VirtualReaders) -> list[Slot]:
    """Two readers of different drivers, empty before."""
    return [reader_service.slots[0], reader_service.slots[3]]


def test_cards_pay_a_purse_and_each_other(slots: list[Slot], tmp_path: Path) -> None:
    first, second = slots
    merchant = Party(PAYEE)
    (tmp_path / "pin").write_text(PIN)
    with ExitStack() as stack:
        for number, slot in enumerate(slots):
            card = start_card(tmp_path / str(number), slot.port)
            stack.callback(card.wait)
            stack.callback(card.kill)
        await_card(first)
        await_card(second)
        with held(first) as purse:
            issue(purse, fen=900)
            purse.show_pin(PIN)
            payment = purse.pay(merchant.ask(300))
            purse.acknowledge(merchant.collect(payment), payment)
            assert merchant.purse.balance_fen == 300
        with held(second) as purse:
            issue(purse)
        told = jiaozi(
            "--reader", first.reader, "--card-pin-file", tmp_path / "pin",
            "pay", "2.50", "--to-reader", second.reader, "--json",
        )  # fmt: skip
        assert (told["balance_fen"], told["payee_balance_fen"]) == (350, 250)
        assert jiaozi("--reader", second.reader, "balance", "--json")["balance_fen"] == 250
        with held(first) as purse:
            purse.show_pin(PIN)
            log = read_log(purse.hand_in(), ANCHOR)
            assert (log.fault, sum(log.balances_fen)) == (None, 350)


@contextmanager
def held(slot: Slot) -> Iterator[CardPurse]:
    with card_in(slot.reader, wait_s=INSERTED_S) as card:
        yield CardPurse.select(card)


def jiaozi(*words: object) -> dict[str, int]:
    result = CliRunner().invoke(app, ["card", *map(str, words)])
    assert result.exit_code == 0, (result.output, result.exception)
    return dict(json.loads(result.stdout))
