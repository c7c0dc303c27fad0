"""Interrupted anywhere: value may be in no place for a while, and is never in two (rules.md §G).

A device keeps its purse in a file that it replaces in one act. It is cut between any two of its
acts, at each of the points of the table in docs/offline.md and at no other. Then it goes on in both
ways: by saying things again, and by synchronising alone.
"""

import re
from pathlib import Path

import pytest

from jiaozi.protocol.offline import synchronisation
from jiaozi.protocol.refusals import Code, Refusal
from tests.protocol.offline_builders import LATER_MS, time_message
from tests.protocol.offline_market import Cut, Market, PowerLost

PAGE = Path(__file__).parents[2] / "docs" / "offline.md"
_ROW = re.compile(r"^\| (load|time|list|ask|pay|collect|acknowledge|unload|hand in|synchronise) \|")
# What wallet, payer and payee hold, and where the value is that is on its way there.
PLACES = {
    (1_000, 0, 0): "wallet",
    (700, 0, 0): "no place",
    (700, 300, 0): "payer",
    (700, 180, 0): "no place",
    (700, 180, 120): "payee",
    (700, 130, 120): "no place",
    (750, 130, 120): "wallet",
}
END = (750, 130, 120)
ARRIVED = {(700, 0, 0): (700, 300, 0), (700, 180, 0): (700, 180, 120), (700, 130, 120): END}


def place_at(step: str, holdings: tuple[int, int, int]) -> str:
    """Where the value is that a step moves: an unload is of what the payer has left."""
    place = PLACES[holdings]
    return "payer" if (step, place) == ("unload", "payee") else place


def table() -> dict[Cut, str]:
    """The cut points of the page, and where each says that the value is."""
    points: dict[Cut, str] = {}
    for line in filter(_ROW.match, PAGE.read_text("utf-8").splitlines()):
        step, cuts, _, _, place, _ = (each.strip() for each in line.strip("|").split("|"))
        for cut in cuts.split(", "):
            assert (step, cut) not in points, "each cut point has one row"
            points[step, cut] = place
    return points


TABLE = table()


def cut_at(cut: Cut) -> Market:
    """A market that was stopped there, its devices started again."""
    market = Market(cut)
    with pytest.raises(PowerLost):
        market.play()
    for each in (market.payer, market.payee):
        each.start()
    return market


def test_the_table_has_every_cut_point_and_no_other() -> None:
    market = Market()
    market.play()
    assert market.holdings == END
    assert sorted(set(market.power.passed)) == sorted(TABLE)
    assert len(TABLE) > 50


@pytest.mark.parametrize("cut", TABLE, ids=": ".join)
def test_value_is_where_the_table_says_and_never_in_two_places(cut: Cut) -> None:
    market = cut_at(cut)
    assert place_at(cut[0], market.holdings) == TABLE[cut]
    assert sum(market.holdings) <= 1_000


@pytest.mark.parametrize("cut", TABLE, ids=": ".join)
def test_what_is_said_again_gives_exact_totals(cut: Cut) -> None:
    market = cut_at(cut)
    market.play(cut[0])
    assert market.holdings == END
    assert market.registry.offline_fen == 250
    market.synchronise_all()
    assert market.holdings == END


@pytest.mark.parametrize("cut", TABLE, ids=": ".join)
def test_synchronising_alone_gives_exact_totals(cut: Cut) -> None:
    """What was in no place is then where it was going."""
    market = cut_at(cut)
    stopped_at = market.holdings
    for _ in range(2):
        market.synchronise_all()
        assert market.holdings == ARRIVED.get(stopped_at, stopped_at)
        assert sum(market.holdings) == 1_000


def cut_twice(first: Cut, second: Cut) -> None:
    """Whoever was stopped on the way may be stopped again on the way back."""
    market = cut_at(first)
    market.power.cut = second
    try:
        market.play(first[0])
    except PowerLost:
        assert market.holdings in PLACES
        market.payer.start()
        market.payee.start()
        market.play(second[0])
    assert market.holdings == END


@pytest.mark.parametrize("first", [("pay", "not said"), ("collect", "not said")], ids=": ".join)
def test_a_cut_on_the_way_back_changes_no_total(first: Cut) -> None:
    for second in [*TABLE][::6]:
        cut_twice(first, second)


@pytest.mark.chaos
@pytest.mark.parametrize("first", TABLE, ids=": ".join)
def test_a_cut_on_the_way_back_changes_no_total_anywhere(first: Cut) -> None:
    for second in TABLE:
        cut_twice(first, second)


def test_a_checkpoint_that_was_taken_is_refused_when_it_is_said_again() -> None:
    market = Market()
    market.play()
    old = market.payer.purse
    assert old.checkpoint_number == 1
    with pytest.raises(Refusal) as refused:
        synchronisation.synchronise(old, old.checkpoint, time_message(LATER_MS))
    assert refused.value.code is Code.CHECKPOINT_UNFIT
