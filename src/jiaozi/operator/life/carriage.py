"""Whose wallets this operator carries: its own, and those of failed operators it was given.

A number begins with the code of the operator that opened the wallet. The list is in memory, for
every order at the gateway asks; the follower adds to it what the feed says.
"""

from collections.abc import Iterable

from jiaozi.protocol.numbers import WALLET_SERIAL_MIN, operator_of


class Carriage:
    """The codes whose wallets are carried here."""

    def __init__(self, operator: int, carried: Iterable[int] = ()) -> None:
        self._own = operator
        self._codes = {operator, *carried}

    @property
    def operator(self) -> int:
        """This operator's own code."""
        return self._own

    def carries(self, number: int) -> bool:
        """Say whether an account number is of an operator whose wallets are carried here."""
        return operator_of(number) in self._codes

    def carries_wallet(self, number: int) -> bool:
        """Say so of a number that is a wallet's and not an institution's own."""
        return self.carries(number) and number // 10 % 10**11 >= WALLET_SERIAL_MIN

    def reassigned(self, failed: int, carrier: int) -> None:
        """Take in that officers gave a failed operator's wallets to a carrier."""
        if carrier == self._own:
            self._codes.add(failed)
        elif failed != self._own:
            self._codes.discard(failed)
