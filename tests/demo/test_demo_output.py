"""What the demo tells at its end."""

import sys

import pytest

from jiaozi.cli.demo_output import tell_days
from jiaozi.cli.output import own_command
from jiaozi.demo.findings import Day


def day(operator: str, *, destroyed_fen: int = 0, difference_fen: int = 0) -> Day:
    return Day(
        operator=operator,
        date="2026-05-29",
        opening_fen=0,
        issued_fen=900_00,
        destroyed_fen=destroyed_fen,
        exchanged_fen=321_00,
        redeemed_fen=destroyed_fen,
        set_aside_fen=0,
        released_fen=0,
        vault_fen=579_00,
        reserve_fen=900_00 + destroyed_fen,
        difference_fen=difference_fen,
    )


def test_each_operators_day_is_told_in_figures(capsys: pytest.CaptureFixture[str]) -> None:
    days = day("1001", destroyed_fen=17_00), day("1002", difference_fen=1)
    tell_days(days)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Day", "2026-05-29", "so", "far", "Operator", "1001", "Operator", "1002"] in lines
    assert ["destroyed", "17.00", "0.00"] in lines
    assert ["reserve", "917.00", "900.00"] in lines
    assert ["difference", "0.00", "0.01"] in lines


def test_what_to_type_next_runs_where_the_shell_does_not_find_jiaozi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [".venv/bin/jiaozi", "demo"])
    assert own_command() == ".venv/bin/jiaozi"
    monkeypatch.setattr(sys, "argv", ["/site/jiaozi/cli/__main__.py", "demo"])
    assert own_command() == f"{sys.executable} -m jiaozi.cli"
