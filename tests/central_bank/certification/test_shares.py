"""Shares: any M of N give the secret back, fewer say nothing about it."""

import secrets
from collections import Counter
from functools import reduce
from itertools import combinations
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.central_bank.certification.shares import combine, split


def times(one: int, other: int) -> int:
    """Multiplication in the field of AES as FIPS 197 §4.2.1 writes it: shift, and reduce."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 0x100:
            one ^= 0x11B
        other >>= 1
    return product


@given(st.data(), st.binary(min_size=1, max_size=40), st.integers(2, 8), st.integers(0, 6))
def test_any_m_of_n_shares_give_the_secret_back(
    data: st.DataObject, secret: bytes, needed: int, more: int
) -> None:
    shares = split(secret, needed=needed, count=needed + more, random=secrets.token_bytes)
    size = data.draw(st.integers(needed, needed + more))
    chosen = data.draw(st.permutations(sorted(shares)))[:size]
    assert combine({point: shares[point] for point in chosen}) == secret


def test_every_choice_of_3_of_5_shares_gives_the_secret_back_and_none_of_2() -> None:
    secret = secrets.token_bytes(32)
    shares = split(secret, needed=3, count=5, random=secrets.token_bytes)
    for size in (3, 4, 5):
        for chosen in combinations(shares, size):
            assert combine({each: shares[each] for each in chosen}) == secret
    for size in (1, 2):
        for chosen in combinations(shares, size):
            assert combine({each: shares[each] for each in chosen}) != secret


def test_fewer_than_m_shares_fit_every_secret_equally_well() -> None:
    """Over all 256 choices of the one coefficient, a share of any secret takes every value once."""
    for secret in (0, 1, 0x53, 255):
        seen = Counter(
            split(bytes([secret]), needed=2, count=3, random=lambda _, c=c: bytes([c]))[3][0]  # type: ignore[misc]
            for c in range(256)
        )
        assert seen == Counter(range(256))


def test_shares_are_the_points_of_a_polynomial_over_the_field_of_aes() -> None:
    assert times(0x57, 0x83) == 0xC1, "the example of FIPS 197 §4.2"
    secret, one, two = bytes(range(256)), secrets.token_bytes(256), secrets.token_bytes(256)
    drawn = iter((one, two))
    shares = split(secret, needed=3, count=255, random=lambda _: next(drawn))
    for point in (1, 2, 3, 0x83, 255):
        expected = bytes(
            reduce(xor, (s, times(a, point), times(b, times(point, point))))
            for s, a, b in zip(secret, one, two, strict=True)
        )
        assert shares[point] == expected


def test_a_share_of_another_secret_gives_something_else() -> None:
    secret = secrets.token_bytes(32)
    shares = split(secret, needed=2, count=2, random=secrets.token_bytes)
    other = split(secrets.token_bytes(32), needed=2, count=2, random=secrets.token_bytes)
    assert combine({1: shares[1], 2: other[2]}) != secret


@pytest.mark.parametrize(("needed", "count"), [(1, 3), (0, 0), (4, 3), (2, 256)])
def test_shares_that_would_protect_nothing_are_not_made(needed: int, count: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        split(b"secret", needed=needed, count=count, random=secrets.token_bytes)


@pytest.mark.parametrize("shares", [{}, {0: b"a"}, {256: b"a"}, {1: b"a", 2: b"bc"}])
def test_what_is_no_set_of_shares_is_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="shares"):
        combine(shares)
