"""A block in the making: orders with their outcomes, who learns of them, and the seal.

Every operator that an order concerns gets an entry in its feed: the settled orders that debit or
credit its accounts, the refused ones of its own wallets, and the payments to its wallets that
failed for a reason on the payee's side, with the cause.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.store import FeedRow, Tip
from jiaozi.protocol import cbor, feed, merkle
from jiaozi.protocol.blocks import (
    NO_PREVIOUS,
    Header,
    SignedHeader,
    encode_outcome,
    leaf,
    sign_header,
)
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import last_expiry_day
from jiaozi.protocol.order_types import HaltScope, OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Outcome
from jiaozi.protocol.suites import Signer

ENTRY = Struct(">IIB")
"""Position in the block, bit mask of the visible legs, cause: one stored feed entry."""

_SETTLED_BYTES = encode_outcome(SETTLED)


class Reader(NamedTuple):
    """An operator that learns of an order, with the legs it sees and a cause."""

    operator: int
    visible: int
    cause: int


class Sealed(NamedTuple):
    """A finished block: what is stored and, once committed, answered."""

    signed: SignedHeader
    body: bytes
    feeds: list[FeedRow]


class Draft:
    """Collects a block's orders in the order in which they were posted; ``signer`` signs it."""

    def __init__(self, height: int, signer: Signer) -> None:
        self.height = height
        self.signer = signer
        self.used: dict[int, list[tuple[int, bytes, int, bytes, bytes | None, int, int]]] = {}
        self._parts: list[bytes] = []
        self._leaves: list[bytes] = []
        self._entries: dict[int, list[bytes]] = {}
        self._digests: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        """Return how many orders the block has."""
        return len(self._leaves)

    def add(self, order: Order, outcome: Outcome, readers: Iterable[Reader]) -> int:
        """Add an order with its final outcome and return its position."""
        settled = outcome == SETTLED
        encoded = _SETTLED_BYTES if settled else encode_outcome(outcome)
        position = self._put(order, encoded, readers)
        day = last_expiry_day(order.id)
        row = (
            day, order.id, order.scope, order.identity, None if settled else encoded,
            self.height, position,
        )  # fmt: skip
        self.used.setdefault(day, []).append(row)
        return position

    def add_own(self, order: Order, readers: Iterable[Reader]) -> None:
        """Add an order of the registry's own, which settles and uses up no id."""
        self._put(order, _SETTLED_BYTES, readers)

    def _put(self, order: Order, encoded: bytes, readers: Iterable[Reader]) -> int:
        position = len(self._leaves)
        hashed = leaf(order.cose, encoded)
        self._leaves.append(hashed)
        self._parts += (order.encoded, encoded)
        for operator, visible, cause in readers:
            self._entries.setdefault(operator, []).append(ENTRY.pack(position, visible, cause))
            self._digests.setdefault(operator, []).append(
                feed.digest(position, hashed, visible, cause)
            )
        return position

    def seal(
        self, tip: Tip | None, time_ms: int, operators: Iterable[int], network: NetworkId,
        state: tuple[int, bytes] | None = None, genesis: bytes = b"",
    ) -> Sealed:  # fmt: skip
        """Sign the header and finish body and feeds."""
        body = genesis or b"".join(self._parts)
        heads = dict(tip.feeds) if tip else {}
        before = dict(heads)
        for operator, digests in self._digests.items():
            heads[operator] = feed.advance(heads.get(operator, feed.START), self.height, digests)
        listed = sorted(operators)
        leaves = [feed.head_leaf(each, heads.get(each, feed.START)) for each in listed]
        header = Header(
            height=self.height,
            time_ms=time_ms,
            previous=tip.identity if tip else NO_PREVIOUS,
            orders_root=merkle.root(self._leaves),
            count=len(self._leaves),
            body_hash=sha256(body).digest(),
            feeds_root=merkle.root(leaves),
            state=state,
        )
        rows = [
            FeedRow(
                operator=operator,
                first_sequence=before.get(operator, feed.START).sequence + 1,
                head=heads[operator],
                entries=b"".join(entries),
                proof=_proof(leaves, listed.index(operator)),
            )
            for operator, entries in self._entries.items()
        ]
        return Sealed(sign_header(header, self.signer, network), body, rows)


def readers_of_settled(order: Order, caller: int, accounts: Mapping[int, Account]) -> list[Reader]:
    """Return who learns of a settled order: each operator sees the legs of its own accounts."""
    if not order.legs:
        return [Reader(each, 0, 0) for each in _readers_without_legs(order, caller, accounts)]
    masks: dict[int, int] = {}
    for index, each in enumerate(order.legs):
        for number in (each.debit, each.credit):
            operator = accounts[number].operator
            masks[operator] = masks.get(operator, 0) | 1 << index
    return [Reader(operator, mask, 0) for operator, mask in masks.items() if operator]


def readers_of_devices(operators: Iterable[int], others: Iterable[Reader]) -> list[Reader]:
    """Return the operators of devices that learn of an order and of none of its legs."""
    return [Reader(each, 0, 0) for each in sorted({*operators} - {it.operator for it in others})]


def _readers_without_legs(order: Order, caller: int, accounts: Mapping[int, Account]) -> set[int]:
    """Return the operators that an order about no money concerns."""
    body = order.body
    match order.type:
        case OrderType.REASSIGN:
            return {body["operator"], body["carrier"]}
        case OrderType.HALT if body["scope"] == HaltScope.OPERATOR:
            return {body["subject"]}
        case _ if "number" in body:
            return {accounts[body["number"]].operator}
        case _:
            return {body.get("operator", caller)} - {0}


def readers_of_refused(
    order: Order, caller: int, payee: Account | None, cause: int
) -> list[Reader]:
    """Return who learns of a refused order: the payer's operator, and the payee's of its cause."""
    readers = [Reader(caller, (1 << len(order.legs)) - 1, 0)] if caller else []
    if payee is None:
        return readers
    mask = sum(1 << i for i, each in enumerate(order.legs) if each.credit == payee.number)
    if payee.operator != caller:
        return [*readers, Reader(payee.operator, mask, cause)]
    return [Reader(caller, readers[0].visible, cause)]


def _proof(leaves: list[bytes], index: int) -> bytes:
    return cbor.encode([index, len(leaves), merkle.inclusion_proof(leaves, index)])
