"""Shares of a secret: any M of N give it back, fewer say nothing about it.

Shamir's construction over GF(2^8), byte by byte, with the field of AES (x^8 + x^4 + x^3 + x + 1)::

    f(x)   = secret + c1 x + ... + c(M-1) x^(M-1)      ; coefficients random, for each byte
    share  = (x, f(x)), x = 1 ... N
    secret = the sum of f(xi) times the product of xj / (xi + xj), over M shares

The construction tells no right set of shares from a wrong one: whoever combines them compares what
comes out, as the root's public key is compared with that of genesis.

Source: A. Shamir, How to share a secret, CACM 22(11), 1979; the field: FIPS 197, section 4.2.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import xor

SHARES_MAX = 255
"""The field has so many points beside zero, where the secret is."""


def split(
    secret: bytes, *, needed: int, count: int, random: Callable[[int], bytes]
) -> dict[int, bytes]:
    """Split a secret into shares, by their points.

    Args:
        secret: Any bytes.
        needed: How many shares give it back, at least 2.
        count: How many there are.
        random: Returns that many random bytes.

    Raises:
        ValueError: More needed than there are, fewer than 2, or more than `SHARES_MAX`.
    """
    if not 2 <= needed <= count <= SHARES_MAX:
        raise ValueError(f"{needed} of {count} shares cannot be")
    coefficients = [secret, *(random(len(secret)) for _ in range(needed - 1))]
    return {point: _evaluate(coefficients, point) for point in range(1, count + 1)}


def combine(shares: Mapping[int, bytes]) -> bytes:
    """Give back the secret of as many shares as are needed, or of more.

    Raises:
        ValueError: There is none, a point is not one of a share, or lengths differ.
    """
    if not shares or not shares.keys() <= set(range(1, SHARES_MAX + 1)):
        raise ValueError("no shares")
    [length, *others] = {len(each) for each in shares.values()}
    if others:
        raise ValueError("shares of several secrets")
    weights = {point: _weight(point, shares.keys() - {point}) for point in shares}
    return bytes(
        reduce(xor, (_times(weights[point], share[index]) for point, share in shares.items()))
        for index in range(length)
    )


def _evaluate(coefficients: Sequence[bytes], point: int) -> bytes:
    """Evaluate the polynomials of all bytes at a point (Horner)."""
    values = bytes(len(coefficients[0]))
    for each in reversed(coefficients):
        values = bytes(
            _times(value, point) ^ byte for value, byte in zip(values, each, strict=True)
        )
    return values


def _weight(point: int, others: set[int]) -> int:
    """Return Lagrange's factor of a point at zero; plus and minus are both xor."""
    weight = 1
    for other in others:
        weight = _times(weight, _divide(other, other ^ point))
    return weight


def _times(one: int, other: int) -> int:
    return _EXP[_LOG[one] + _LOG[other]] if one and other else 0


def _divide(one: int, other: int) -> int:
    return _EXP[_LOG[one] - _LOG[other] + 255]


def _tables() -> tuple[list[int], list[int]]:
    """Return powers of the generator 3, twice over, and their logarithms."""
    powers, logarithms, value = [0] * 510, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        value ^= value << 1
        if value > 255:
            value ^= 0x11B
    return powers, logarithms


_EXP, _LOG = _tables()
