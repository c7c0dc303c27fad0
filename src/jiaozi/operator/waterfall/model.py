"""A sweep on its way into a deposit. Pure.

::

    settled --the holder chose a deposit--> settled, directed --credit--> credited

The registry has settled it before this operator learns of it. A sweep without a deposit waits: its
money is in the vault, and the wallet does not close before it is paid out. Once directed, the
deposit does not change, so that no crash pays into two (migrations/0017_waterfall.sql).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from jiaozi.protocol.numbers import format_number


class SweepState(StrEnum):
    """Where a sweep stands."""

    SETTLED = "settled"
    CREDITED = "credited"


class ToldSweep(NamedTuple):
    """A sweep as the feed tells it: the columns of the table."""

    identity: bytes
    wallet: int
    order_id: bytes
    amount_fen: int
    height: int
    position: int
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep whose deposit is chosen."""

    identity: bytes
    wallet: int
    amount_fen: int
    deposit_id: str
    state: SweepState

    @property
    def core_key(self) -> str:
        """The key of this sweep's credit in the core's books."""
        return f"sweep/{format_number(self.wallet)}/{self.identity.hex()}"
