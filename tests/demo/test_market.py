"""The market day's sums, and what is told where there is no card reader."""

from dataclasses import replace
from pathlib import Path

import pytest

from jiaozi.cli.demo_market import tell_market
from jiaozi.demo.market_cards import cards_at_market
from jiaozi.demo.market_day import Found
from jiaozi.demo.market_plan import COPIED, TRADERS, choose_people, held_fen
from jiaozi.local import card_readers
from jiaozi.protocol.refusals import Code

MARKET = choose_people(range(len(TRADERS)), [1001], lambda _: 1001)
FOUND = Found(
    settled=8,
    covered_fen=30_00,
    shadow_fen=412_30,
    proofs=1,
    refused=Code.DEVICE_REVOKED,
    cards_left_out="",
)


def test_what_is_loaded_is_in_wallets_or_purses_at_night() -> None:
    assert held_fen(COPIED) == -30_00
    moved_fen = sum(amount_fen for _, amount_fen in MARKET.moves())
    assert moved_fen + MARKET.covered_fen == MARKET.offline_fen == 412_30


@pytest.mark.parametrize("figure", ["settled", "covered_fen", "shadow_fen", "proofs"])
def test_a_figure_that_is_one_off_is_told(figure: str) -> None:
    assert FOUND.differences(MARKET) == []
    assert len(replace(FOUND, **{figure: getattr(FOUND, figure) + 1}).differences(MARKET)) == 1


def test_the_day_is_told_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    tell_market(FOUND, 412_30)
    told = capsys.readouterr().out
    rows = [line.split() for line in told.splitlines()]
    assert ["vegetables", "noodles", "70.00", "2", "settled"] in rows
    assert ["Hua,", "by", "card", "tea", "44.20", "1", "settled"] in rows
    assert sum("spent twice" in line for line in told.splitlines()) == 2
    words = " ".join(told.split())
    assert "stands for a chip that was broken open" in words
    assert "It held 150.00 yuan. Card and clone paid 180.00 at two stalls" in words
    assert "30.00 yuan of it from the guarantee" in words
    assert "412.30 yuan by their shadow balances, 412.30 in the offline account" in words


def test_without_a_reader_the_day_says_what_is_played_in_place_of_cards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell_market(replace(FOUND, cards_left_out="No reader here."), 412_30)
    words = " ".join(capsys.readouterr().out.split())
    assert "Nobody had one. No reader here." in words
    assert "In place of a card a purse in a file was copied" in words
    assert "by card" not in words
    assert "clone" not in words


def test_a_market_without_card_readers_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(card_readers, "DRIVER", tmp_path / "nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    with cards_at_market(tmp_path, ["Hua"]) as cards:
        assert not cards.purses
        assert "vsmartcard-vpcd" in cards.left_out
