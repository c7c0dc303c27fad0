"""A rulebook: the caps of each wallet class, under one hash.

A cap that is None does not exist: it is not a large number. What a cap counts and when it binds is
the registry's (rules.md §E).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimits:
    """The caps of a wallet class in fen; None where there is none."""

    balance_cap_fen: int | None = None
    single_fen: int | None = None
    day_fen: int | None = None
    year_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Caps by holder and wallet class; ``hash`` is the SHA-256 of the file."""

    hash: bytes
    name: str
    limits: Mapping[tuple[int, int], ClassLimits]
    """By `Holder` and wallet class."""

    def limits_of(self, holder: int, wallet_class: int) -> ClassLimits | None:
        """Return the caps of a class; None when the rulebook has no such class."""
        return self.limits.get((holder, wallet_class))
