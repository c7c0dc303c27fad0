"""Account numbers (rules.md §B.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import numbers

operators = st.integers(1, numbers.OPERATOR_CODE_MAX)
serials = st.integers(numbers.WALLET_SERIAL_MIN, numbers.SERIAL_MAX)


@pytest.mark.parametrize(
    ("digits", "check"),
    [
        ("0794", 5),  # the example of ISO/IEC 7064
        ("13669597", 6),  # the published example of a German VAT number
        ("6943515153", 0),  # a Croatian OIB
    ],
)
def test_b6_check_digits_are_those_of_iso_7064(digits: str, check: int) -> None:
    assert numbers.check_digit(digits) == check


@given(operators, serials)
def test_b6_a_number_holds_prefix_serial_and_check_digit(operator: int, serial: int) -> None:
    number = numbers.account_number(operator, serial)
    text = numbers.format_number(number)
    assert len(text) == 16
    assert int(text[:4]) == operator == numbers.operator_of(number)
    assert int(text[4:15]) == serial
    assert numbers.is_wallet_number(number)
    assert numbers.parse_number(text) == number
    assert numbers.parse_number(" ".join(text[i : i + 4] for i in range(0, 16, 4))) == number


@given(operators, serials, st.integers(0, 15), st.integers(1, 9))
def test_b6_every_single_wrong_digit_is_found(
    operator: int, serial: int, place: int, change: int
) -> None:
    text = numbers.format_number(numbers.account_number(operator, serial))
    wrong = text[:place] + str((int(text[place]) + change) % 10) + text[place + 1 :]
    assert not numbers.is_wallet_number(int(wrong))
    with pytest.raises(ValueError, match="check digit"):
        numbers.parse_number(wrong)


@pytest.mark.parametrize("text", ["", "1", "1" * 15, "1" * 17, "a" * 16, "١" * 16, "-" + "1" * 15])
def test_b6_what_is_not_sixteen_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="16 digits"):
        numbers.parse_number(text)


@pytest.mark.parametrize(
    ("operator", "serial"), [(-1, 0), (10_000, 0), (0, -1), (0, numbers.SERIAL_MAX + 1)]
)
def test_b6_a_number_is_composed_within_its_digits(operator: int, serial: int) -> None:
    with pytest.raises(ValueError, match="4 digits"):
        numbers.account_number(operator, serial)


@given(st.integers(0, numbers.OPERATOR_CODE_MAX))
def test_b6_an_institutions_own_accounts_are_never_wallets(operator: int) -> None:
    own = [f(operator) for f in (numbers.vault_of, numbers.reserve_of, numbers.guarantee_of)]
    assert len(set(own)) == 3
    assert not any(map(numbers.is_wallet_number, own))


@given(st.integers())
def test_b6_no_integer_brings_the_check_down(number: int) -> None:
    if numbers.is_wallet_number(number):
        assert 10**12 <= number < 10**16
