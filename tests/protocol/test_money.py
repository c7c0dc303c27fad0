"""Amounts for people: what is read is what was meant, or nothing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol.money import FEN_MAX, format_yuan, parse_yuan


@given(st.integers(1, FEN_MAX))
def test_an_amount_that_is_printed_reads_back(amount: int) -> None:
    assert parse_yuan(format_yuan(amount).replace(",", "")) == amount


@pytest.mark.parametrize(
    ("text", "fen"),
    [("12", 1200), ("12.5", 1250), ("0.01", 1), ("007", 700), ("92233720368547758.07", FEN_MAX)],
)
def test_yuan_are_read_exactly(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "0", "0.00", "-1", "+1", "1.", ".5", "1.005", "1,000", "1e3", "1_000", " 1", "1 ",
        "١", "²", "1.٢", "NaN", "inf", "0x10", "1.2.3", "92233720368547758.08", "9" * 5000, "1\n",
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_yuan(text)


@given(st.text(max_size=12))
def test_no_text_brings_the_reader_down(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 < parse_yuan(text) <= FEN_MAX


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (-123405, "-1,234.05"), (100, "1.00"), (-1, "-0.01")]
)
def test_amounts_are_printed_with_two_decimals(fen: int, text: str) -> None:
    assert format_yuan(fen) == text
