"""The port to core banking: what exchange and redeem ask of a bank's books.

A real core is connected by another implementation of `CoreBanking`. Each call that changes
something bears a key of the caller's; the same call again, after a crash or a lost answer, has no
further effect. A call that contradicts an earlier one under the same key is a broken invariant.
"""

from dataclasses import dataclass
from typing import Protocol

from jiaozi.operator.customers.model import Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A deposit account; ``held_fen`` of its balance is set aside."""

    deposit_id: str
    balance_fen: int
    held_fen: int

    @property
    def available_fen(self) -> int:
        """What can be held or drawn."""
        return self.balance_fen - self.held_fen


@dataclass(kw_only=True, eq=False)
class CoreContradiction(Exception):
    """A key was used for two different things: nothing was done, and a person must look."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"The core's books contradict the request under {self.key}: {self.problem}."


class CoreBanking(Protocol):
    """What an operator asks of its core; amounts in fen, keys of at most 128 characters."""

    async def accounts_of(self, phone: Phone) -> list[Deposit]:
        """Return the deposit accounts that a phone is on record for."""

    async def hold(self, key: str, deposit_id: str, amount_fen: int) -> None:
        """Set money aside.

        Raises:
            Refusal: ``deposit_insufficient``: nothing is held, or the key was released before.
            CoreContradiction: The key holds something else.
        """

    async def capture(self, key: str) -> None:
        """Take what is held under a key out of the deposit.

        Raises:
            CoreContradiction: Nothing is held under it, or it was released.
        """

    async def release(self, key: str) -> None:
        """Give back what is held under a key, and let nothing be held under it any more.

        A hold that is under way, or comes later, is refused.

        Raises:
            CoreContradiction: It was captured.
        """

    async def credit(self, key: str, deposit_id: str, amount_fen: int) -> None:
        """Pay into a deposit.

        Raises:
            CoreContradiction: The key paid something else, or there is no such deposit.
        """
