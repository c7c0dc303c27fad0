"""Accounts as an audit rebuilds them, and what of them limits count.

A million accounts take some 500 MB: what is alike in many of them is kept once, and only wallets of
a holder who has several have a `Group`.
"""

from typing import NamedTuple

from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.state import AccountRecord


class Terms(NamedTuple):
    """What many accounts have in common."""

    kind: int
    operator: int
    suite: int
    wallet_class: int = 0
    holder: int = 0
    closed: bool = False
    freezes: int = 0
    frozen_fen: int = 0
    balance_cap_fen: int | None = None
    single_limit_fen: int | None = None
    day_limit_fen: int | None = None
    year_limit_fen: int | None = None
    second_factor_above_fen: int | None = None


class Today(NamedTuple):
    """The day and year of a block that limits count by, in days since 1970 in UTC+8."""

    day: int
    year_start: int


class Holding:
    """What a wallet, or a group of wallets, holds and has spent on its last day and in its year."""

    __slots__ = ("balance_fen", "day_spent_fen", "spent_on", "year_spent_fen")

    def __init__(self, balance_fen: int = 0) -> None:
        self.balance_fen = balance_fen
        self.restore(0, 0, 0)

    def restore(self, spent_on: int, day_spent_fen: int, year_spent_fen: int) -> None:
        """Set what was spent up to a day."""
        self.spent_on = spent_on
        self.day_spent_fen = day_spent_fen
        self.year_spent_fen = year_spent_fen

    @property
    def spending(self) -> tuple[int, int, int]:
        """The day last spent on, and what was spent on it and in its year."""
        return self.spent_on, self.day_spent_fen, self.year_spent_fen

    def spend(self, amount_fen: int, today: Today) -> None:
        """Add to what was spent; the sums stop at the largest amount there is."""
        if self.spent_on != today.day:
            if self.spent_on < today.year_start:
                self.year_spent_fen = 0
            self.day_spent_fen = 0
            self.spent_on = today.day
        self.day_spent_fen = min(self.day_spent_fen + amount_fen, FEN_MAX)
        self.year_spent_fen = min(self.year_spent_fen + amount_fen, FEN_MAX)


class Group(Holding):
    """The wallets of one holder at one operator, of whom there are at least two."""

    __slots__ = ()


class Account(Holding):
    """One account; its number is the key under which the state holds it."""

    __slots__ = ("group", "group_id", "key", "parent", "terms")

    def __init__(
        self,
        terms: Terms,
        key: bytes,
        group_id: bytes,
        parent: int | None = None,
        balance_fen: int = 0,
    ) -> None:
        super().__init__(balance_fen)
        self.terms = terms
        self.key = key
        self.group_id = group_id
        self.parent = parent
        self.group: Group | None = None

    @property
    def whole(self) -> Holding:
        """All that its holder has at its operator: the group, or a wallet that is alone."""
        return self.group or self

    def join(self, other: "Account") -> None:
        """Become one of a group with another wallet, which may be alone until now."""
        if other.group is None:
            other.group = Group(other.balance_fen)
            other.group.restore(*other.spending)
        self.group = other.group
        self.group.balance_fen += self.balance_fen

    def record(self, number: int) -> AccountRecord:
        """Return the account as it is hashed and compared."""
        terms = self.terms
        return AccountRecord(
            number, terms.kind, terms.operator, terms.wallet_class, terms.holder, terms.suite,
            self.key, self.group_id, self.parent, *terms[5:], self.balance_fen,
        )  # fmt: skip
