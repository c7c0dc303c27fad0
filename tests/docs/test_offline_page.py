"""The page on paying without network tells the limits that are in force."""

import re

import pytest

from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.protocol.offline.certificate import Profile
from tests.docs.test_docs import ROOT

_ROW = re.compile(r"^\| (card|software|tap|terminal) \|(.*)\|$", re.MULTILINE)


@pytest.mark.parametrize("rulebook", ["2026-11", "demo-offline"])
def test_the_page_tells_the_limits_of_each_profile(rulebook: str) -> None:
    [book] = [each for each in shipped().values() if each.name == rulebook]
    told = dict(_ROW.findall((ROOT / "docs" / "offline.md").read_text("utf-8")))
    assert set(told) == {each.name.lower() for each in book.offline.bounds}
    for name, cells in told.items():
        limits = book.offline.bounds[Profile[name.upper()]]
        payment, balance, out_fen, out_count, in_fen, in_count, days, hops = (
            int(each) for each in re.findall(r"\d+", cells.replace(",", ""))
        )
        assert (payment * 100, balance * 100) == (limits.payment_fen, limits.balance_fen)
        assert (out_fen * 100, out_count) == (limits.out_fen, limits.out_count)
        assert (in_fen * 100, in_count) == (limits.in_fen, limits.in_count)
        assert (days, hops) == (limits.days, limits.hops)
