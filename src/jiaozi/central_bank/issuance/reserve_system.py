"""The port to the system in which operators hold their reserves.

The registry keeps a reserves ledger of its own and posts it in the same block as the currency
(rules.md §D.1); the audit needs nothing else. By default those are the reserves: `BuiltInReserves`.
Where the central bank's payment system (RTGS) holds the real ones, an adapter of it stands here and
`issue` runs the saga:

====  ==========================================  =============================================
step  what                                        when it crashes after this step
====  ==========================================  =============================================
1     `lock`: the amount leaves what the          run again with the same order: the lock is
      operator can use                            found by the order's id
2     the order is sent to the registry           run again: the registry gives the first outcome
3a    settled: `confirm`, the lock is used up     run again: confirmed once
3b    refused or dead: `release`                  run again: released once
====  ==========================================  =============================================

While the registry's answer is unknown, the lock stays. Destroying runs the other way round: first
the registry, then `credit`.
"""

from typing import Protocol

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.numbers import OperatorCode


class ReserveSystem(Protocol):
    """Where the reserves are. Every call is idempotent by the order's id."""

    async def lock(self, order: OrderId, operator: OperatorCode, amount_fen: int) -> None:
        """Take an amount out of what an operator can use, for this order alone.

        Does nothing for an order whose lock is there or was used up; locks again after a release.

        Raises:
            Refusal: ``reserve_insufficient``; nothing is locked.
        """

    async def confirm(self, order: OrderId) -> None:
        """Use up the lock of an order that settled."""

    async def release(self, order: OrderId) -> None:
        """Give back the lock of an order that can never settle; without a lock, do nothing."""

    async def credit(self, order: OrderId, operator: OperatorCode, amount_fen: int) -> None:
        """Give an operator the reserves for money that was destroyed."""


class BuiltInReserves:
    """The registry's own ledger: its writer moves reserves and currency in one block.

    There is nothing to do before or after that block, so nothing can come between.
    """

    async def lock(self, order: OrderId, operator: OperatorCode, amount_fen: int) -> None:
        """Leave it to the writer, which refuses what the reserve does not cover."""

    async def confirm(self, order: OrderId) -> None:
        """Leave it to the writer."""

    async def release(self, order: OrderId) -> None:
        """Leave it to the writer."""

    async def credit(self, order: OrderId, operator: OperatorCode, amount_fen: int) -> None:
        """Leave it to the writer."""
