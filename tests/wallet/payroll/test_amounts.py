"""Laws of amounts: nothing is ever rounded."""

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol.money import FEN_MAX
from jiaozi.wallet.payroll.values import decimal_units, format_units
from jiaozi.wallet.payroll.writing import format_amount
from tests.wallet.payroll.builders import block, check, message, payments, read, transfer


@given(st.integers(1, FEN_MAX))
def test_every_amount_comes_back_as_it_was_written(fen: int) -> None:
    [payment] = read(payments(transfer(amount=format_amount(fen))))
    assert payment.amount_fen == fen


@given(st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{1,7})?", fullmatch=True))
def test_a_decimal_number_is_read_exactly_or_not_at_all(text: str) -> None:
    with localcontext(prec=60):
        exact = Decimal(text) * 10**5
        finer = exact != exact.to_integral_value()
        assert decimal_units(text) == (None if finer else int(exact))


@given(st.text())
def test_text_that_is_no_number_has_no_units(text: str) -> None:
    units = decimal_units(text)
    assert units is None or decimal_units(format_units(units)) == units


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20))
def test_a_control_sum_holds_exactly_when_it_is_the_sum(amounts: list[int]) -> None:
    lines = [transfer(f"A{n}", format_units(units)) for n, units in enumerate(amounts)]
    right, wrong = (format_units(sum(amounts) + error) for error in (0, 1))
    assert check(message(block(*lines, control_sum=right))).blocks[0].refusal is None
    refused = check(message(block(*lines, control_sum=wrong))).blocks[0].refusal
    assert refused is not None
    assert refused.code == "AM17"
