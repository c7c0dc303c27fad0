"""Amounts of money: integer fen, never float.

One yuan is 100 fen. An amount that moves is positive and fits a signed 64-bit integer, because
that is what every party's database holds. Formatting and parsing are for people; messages carry
the integer.
"""

from typing import NewType

Fen = NewType("Fen", int)

FEN_MAX = 2**63 - 1
"""Largest amount, balance or sum that any message or database column may hold."""

_YUAN_DIGITS_MAX = 17


def format_yuan(amount: int) -> str:
    """Return an amount in yuan with two decimals and thousands separators: ``-1,234.05``."""
    sign = "-" if amount < 0 else ""
    yuan, fen = divmod(abs(amount), 100)
    return f"{sign}{yuan:,}.{fen:02d}"


def parse_yuan(text: str) -> Fen:
    """Read a positive amount in yuan, such as ``12``, ``12.5`` or ``1234.05``.

    Raises:
        ValueError: Not digits with at most two decimals, zero, or above `FEN_MAX`.
    """
    whole, point, decimals = text.partition(".")
    plain = whole.isascii() and whole.isdigit() and len(whole) <= _YUAN_DIGITS_MAX
    if not plain or (
        point and not (decimals.isascii() and decimals.isdigit() and len(decimals) <= 2)
    ):
        raise ValueError("an amount in yuan is digits with at most two decimals, such as 12.50")
    amount = int(whole) * 100 + int(decimals.ljust(2, "0") or "0")
    if not 0 < amount <= FEN_MAX:
        raise ValueError(f"an amount is from 0.01 to {format_yuan(FEN_MAX)} yuan")
    return Fen(amount)
