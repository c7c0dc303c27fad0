"""What the parts of the audit pass to one another, and what an audit finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from jiaozi.protocol.order_types import OrderType

DIFFERENCES_MAX = 100
"""An audit ends when it has found so many."""


class Rule(StrEnum):
    """What does not hold; the word stands in the report."""

    GENESIS = "genesis"
    CHAIN = "chain"
    BLOCK_TIME = "block_time"
    BLOCK_SIGNATURE = "block_signature"
    BODY = "body"
    ORDERS_ROOT = "orders_root"
    ORDER = "order"
    ORDER_SIGNATURE = "order_signature"
    ORDER_TIME = "order_time"
    ORDER_ID = "order_id"
    OUTCOME = "outcome"
    SIGNERS = "signers"
    EFFECT = "effect"
    BALANCE = "balance"
    LIMIT = "limit"
    BALANCE_CAP = "balance_cap"
    LEDGER = "ledger"
    SUPPLY = "supply"
    STATE_HASH = "state_hash"
    REGISTRY_STATE = "registry_state"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the rules say: what, where, and in words."""

    rule: Rule
    detail: str
    height: int
    position: int | None = None

    def __str__(self) -> str:
        place = "" if self.position is None else f", order {self.position}"
        return f"{self.rule} at height {self.height}{place}: {self.detail}"


@dataclass(kw_only=True, eq=False)
class AuditStopped(Exception):
    """The audit could not go on, for a reason that says nothing about the registry's books."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(kw_only=True, eq=False)
class Differs(Exception):
    """The registry settled what it should have refused."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return self.detail


class Enough(Exception):
    """The audit cannot or need not go on; what it found is in its findings."""


class Findings:
    """The differences found so far, in the order of the chain."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []

    def add(self, rule: Rule, detail: str, height: int, position: int | None = None) -> None:
        """Take in a difference.

        Raises:
            Enough: It is the last one that is reported.
        """
        self.differences.append(Difference(rule, detail, height, position))
        if len(self.differences) >= DIFFERENCES_MAX:
            raise Enough


class Figures(NamedTuple):
    """What the registry itself says of the money after a block, in fen."""

    issued: int
    destroyed: int
    vault: int
    wallet: int
    escrow: int
    offline: int
    guarantee: int


class RawBlock(NamedTuple):
    """A block as a source gives it; figures where the source has them."""

    height: int
    header: bytes
    body: bytes
    figures: Figures | None = None


class CheckedHeader(NamedTuple):
    """A header whose signature holds for the key that it names."""

    height: int
    time_ms: int
    previous: bytes
    identity: bytes
    suite: int
    key: bytes
    state: tuple[int, bytes] | None


class CheckedOrder(NamedTuple):
    """A well-formed order in a block, in values that go between processes quickly."""

    position: int
    type: OrderType
    id: bytes
    scope: int
    legs: tuple[tuple[int, int, int], ...]
    """Debit, credit and amount of each."""
    signers: tuple[tuple[int, bytes], ...]
    """Suite and key of each signature."""
    body: dict[str, Any]
    reference: bytes | None
    settled: bool
    inner: tuple[Any, ...] | None = None
    """What the message in the body says, as `devices` reads it."""


Fault = tuple[Rule, str, int | None]
"""A rule, what is wrong, and the position in the block."""


class CheckedBlock(NamedTuple):
    """What the bytes of one block decide; no header when there is none to go on from."""

    header: CheckedHeader | None
    orders: list[CheckedOrder]
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an audit is."""

    height: int
    tip: int
    orders: int


ProgressShown = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The verdict: nothing differs, or what does.

    Attributes:
        network: The network's id, for comparing with one learnt by another way.
        from_height: Of the verified state from which the audit went on; 0 is genesis.
        height: Of the last block that was checked.
        blocks: How many were checked now.
        orders: How many orders they held.
        accounts: How many the rebuilt ledgers have.
        shortfall_fen: What proven losses of offline devices lack that no guarantee has covered.
        claimed_lacks_fen: What devices lack whose rest was claimed, and a payment surfaced after
            it: nothing is proven, and the offline account holds so much less than is on devices.
        notice: Why a saved state was not used, when there was one.
    """

    network: bytes
    from_height: int
    height: int
    blocks: int
    orders: int
    accounts: int
    issued_fen: int
    destroyed_fen: int
    shortfall_fen: int
    claimed_lacks_fen: int
    elapsed_s: float
    differences: tuple[Difference, ...]
    notice: str | None = None

    @property
    def outstanding_fen(self) -> int:
        """Money outstanding: issued and not destroyed."""
        return self.issued_fen - self.destroyed_fen

    @property
    def orders_per_s(self) -> float:
        """How fast orders were checked."""
        return self.orders / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def verdict(self) -> str:
        """``ok``, or the first difference in words."""
        return str(self.differences[0]) if self.differences else "ok"
