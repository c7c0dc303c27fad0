"""Logs: one JSON object per line, and never the values of local variables."""

import json
import logging

import pytest
import structlog

from jiaozi.service.logs import configure_logs


def fail() -> None:
    phone = "+86 138 0000 0000"
    assert phone
    raise ValueError("nothing about it")


def test_lines_are_json_and_name_the_party(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("operator-1001")
    structlog.get_logger("jiaozi.a").info("order_taken", height=7)
    logging.getLogger("foreign").warning("by %s", "another")
    logging.getLogger("httpx").info("chatter")
    structlog.get_logger("jiaozi.a").debug("detail")
    told = capsys.readouterr()
    assert told.out == ""
    first, second = (json.loads(line) for line in told.err.splitlines())
    assert (first["event"], first["height"], first["level"]) == ("order_taken", 7, "info")
    assert (second["event"], second["logger"]) == ("by another", "foreign")
    assert first["party"] == second["party"] == "operator-1001"


@pytest.mark.parametrize("console", [False, True])
def test_tracebacks_do_not_tell_local_values(
    capsys: pytest.CaptureFixture[str], *, console: bool
) -> None:
    configure_logs("operator-1001", console=console)
    try:
        fail()
    except ValueError:
        structlog.get_logger("jiaozi.a").exception("failed")
    told = capsys.readouterr().err
    assert "nothing about it" in told
    assert "138 0000" not in told.replace('phone = "+86 138 0000 0000"', "")
