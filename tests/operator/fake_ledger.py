"""A registry's books in memory, for the fake registry: real orders, real headers, real proofs.

It knows as much of the rules as an operator can tell apart: who signed, which accounts exist, what
they hold, which ids are used up. Limits, quotas and officers are left to the real one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jiaozi.protocol import blocks, cose, feed, merkle, numbers
from jiaozi.protocol.blocks import BlockItem, Header, SignedHeader
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.feed import Entry, Head
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order, check_window, parse
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal, refuse
from jiaozi.protocol.suites import Signer
from jiaozi.protocol.sweeps import sign_sweep, sweep_leg


@dataclass(slots=True)
class FakeAccount:
    """An account as far as an operator sees it."""

    number: int
    key: bytes
    balance_fen: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    freezes: int = 0
    rebind: tuple[bytes, int] | None = None
    """A new key that waits, and when it may be bound."""

    @property
    def operator(self) -> int:
        return int(numbers.operator_of(self.number))


@dataclass(frozen=True, slots=True)
class Used:
    """An id that is used up."""

    order: Order
    outcome: Outcome
    height: int
    position: int


class FakeLedger:
    """Accounts, blocks and feeds; every batch of orders is a block."""

    def __init__(
        self, network: Network, block_signer: Signer, vaults: Mapping[int, Signer],
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._network = network
        self.signer = block_signer
        self._now_ms = now_ms
        self.accounts = {
            int(numbers.vault_of(operator)): FakeAccount(
                int(numbers.vault_of(operator)), signer.public_key, 10**15
            )
            for operator, signer in vaults.items()
        }
        self.used: dict[tuple[int, bytes], Used] = {}
        self.rebind_wait_ms = 3 * 86_400_000
        self.final: list[Outcome] = []
        """Outcomes for the next orders, in place of those that they deserve."""
        self._heads = dict.fromkeys(vaults, feed.START)
        self._feeds: dict[int, list[tuple[int, bytes]]] = {operator: [] for operator in vaults}
        self._items: dict[int, list[BlockItem]] = {}
        self.headers: list[SignedHeader] = []
        self.append([])

    @property
    def tip(self) -> SignedHeader:
        return self.headers[-1]

    def submit(self, submissions: Sequence[bytes]) -> list[list[Any]]:
        """Take a batch and return its answers as a registry does."""
        fresh: list[tuple[Order, Outcome]] = []
        answers: list[list[Any]] = []
        height = len(self.headers)
        for data in submissions:
            try:
                order = self._checked(parse(data))
            except Refusal as refusal:
                answers.append([0, int(refusal.code), list(refusal.fields.values())])
                continue
            used = self.used.get((order.scope, order.id))
            if used is None:
                used = Used(order, self._post(order), height, len(fresh))
                self.used[order.scope, order.id] = used
                fresh.append((order, used.outcome))
            answers.append([1, list(used.outcome), used.height, used.position])
        if fresh:
            self.append(fresh)
        return answers

    def append(self, orders: Sequence[tuple[Order, Outcome]]) -> None:
        """Put a block on the chain, with a feed for every operator that it concerns."""
        height = len(self.headers)
        items = [BlockItem(o.encoded, o.cose, _legs(o), outcome) for o, outcome in orders]
        entries = {operator: self._entries(operator, orders) for operator in self._heads}
        firsts = {operator: head.sequence + 1 for operator, head in self._heads.items()}
        for operator, rows in entries.items():
            digests = [
                feed.digest(
                    each.position,
                    blocks.leaf(each.cose, blocks.encode_outcome(each.outcome)),
                    feed.visible_mask(each.legs),
                    0,
                )
                for each in rows
            ]
            self._heads[operator] = feed.advance(self._heads[operator], height, digests)
        leaves = [feed.head_leaf(operator, head) for operator, head in self._heads.items()]
        header = Header(
            height=height,
            time_ms=max(self._now_ms(), self.tip.header.time_ms if self.headers else 0),
            previous=self.tip.identity if self.headers else blocks.NO_PREVIOUS,
            orders_root=merkle.root(_leaves(items)),
            count=len(items),
            body_hash=blocks.body_hash(b""),
            feeds_root=merkle.root(leaves),
        )
        signed = blocks.sign_header(header, self.signer, self._network.id)
        self.headers.append(signed)
        self._items[height] = items
        for index, (operator, rows) in enumerate(entries.items()):
            if rows:
                proof = (index, len(leaves), merkle.inclusion_proof(leaves, index))
                encoded = feed.encode_block(signed.encoded, firsts[operator], rows, proof)
                self._feeds[operator].append((height, encoded))

    def feed(self, operator: int, after: int, limit: int) -> list[bytes]:
        """Return the blocks of an operator's feed after a height."""
        return [data for height, data in self._feeds[operator] if height > after][:limit]

    def head(self, operator: int) -> Head:
        """Return where an operator's feed stands."""
        return self._heads[operator]

    def receipt(self, account: int, order_id: bytes, reader: int) -> bytes:
        """Make the receipt of an order for one of its readers.

        Raises:
            Refusal: ``not_found``.
        """
        used = self.used.get((account, order_id))
        if used is None or not any(reader in (leg.debit, leg.credit) for leg in used.order.legs):
            raise refuse(Code.NOT_FOUND)
        items = self._items[used.height]
        shown = [
            leg.encoded() if reader in (leg.debit, leg.credit) else None for leg in used.order.legs
        ]
        path = merkle.inclusion_proof(_leaves(items), used.position)
        header = self.headers[used.height].encoded
        return encode_receipt(items[used.position], shown, used.position, path, header)

    def hide_from_feed(self, operator: int, height: int) -> None:
        """Leave a block out of an operator's feed, as no honest registry does."""
        self._feeds[operator] = [each for each in self._feeds[operator] if each[0] != height]

    def forget(self, account: int, order_id: bytes) -> None:
        """Forget an id, as a registry does when its last day is over."""
        del self.used[account, order_id]

    def sweep(self, payment: bytes, amount_fen: int) -> Order:
        """Redeem some of what a settled payment credited, in a block of its own."""
        paid = parse(payment)
        wallet = paid.legs[0].credit
        vault = numbers.vault_of(numbers.operator_of(wallet))
        leg = sweep_leg(paid.identity, wallet, vault, amount_fen)
        order = sign_sweep(paid, leg, self.signer, self._network.id)
        self.accounts[wallet].balance_fen -= amount_fen
        self.accounts[vault].balance_fen += amount_fen
        self.append([(order, SETTLED)])
        return order

    def wallets(self) -> int:
        """Return how many wallets were opened."""
        return len(self.accounts) - len(self._heads)

    def settled_fen(self, order_type: OrderType) -> int:
        """Return what all settled orders of a type moved."""
        return sum(
            leg.amount
            for used in self.used.values()
            if used.outcome == SETTLED and used.order.type is order_type
            for leg in used.order.legs
        )

    def settled_orders(self, order_type: OrderType) -> int:
        """Return how many orders of a type settled."""
        return sum(
            used.outcome == SETTLED and used.order.type is order_type for used in self.used.values()
        )

    def _checked(self, order: Order) -> Order:
        used = self.used.get((order.scope, order.id))
        if used is not None:
            if used.order.identity != order.identity:
                raise refuse(Code.ID_REUSED)
            return order
        is_about = order.type is not OrderType.OPEN_ACCOUNT and "number" in order.body
        if is_about and order.body["number"] not in self.accounts:
            raise refuse(Code.ACCOUNT_UNKNOWN)
        if not cose.verify(order.message, external_aad(Domain.ORDER, self._network.id)):
            raise refuse(Code.SIGNATURE_INVALID)
        check_window(order, max(self._now_ms(), self.tip.header.time_ms))
        for leg in order.legs:
            if leg.debit not in self.accounts:
                raise refuse(Code.ACCOUNT_UNKNOWN)
            if self.accounts[leg.debit].key not in order.keys:
                raise refuse(Code.SIGNER_FOREIGN)
        return order

    def _post(self, order: Order) -> Outcome:
        if self.final:
            return self.final.pop(0)
        if order.type is OrderType.OPEN_ACCOUNT:
            number = order.body["number"]
            if number in self.accounts:
                return (int(Code.ACCOUNT_EXISTS),)
            self.accounts[number] = FakeAccount(number, order.body["key"], 0, order.body)
            return SETTLED
        if (above := self._second_factor(order)) is not None:
            return (int(Code.SECOND_FACTOR_REQUIRED), above)
        if order.type in (OrderType.REBIND_REQUEST, OrderType.REBIND_COMPLETE):
            return self._rebind(self.accounts[order.body["number"]], order)
        if order.type in (OrderType.SET_CLASS, OrderType.OPERATOR_FREEZE):
            account = self.accounts[order.body["number"]]
            if order.type is OrderType.SET_CLASS:
                account.body = {**account.body, "wallet_class": order.body["wallet_class"]}
            else:
                account.freezes += 1
            return SETTLED
        for leg in order.legs:
            available_fen = self.accounts[leg.debit].balance_fen
            if available_fen < leg.amount:
                return (int(Code.INSUFFICIENT_FUNDS), available_fen)
            if leg.credit not in self.accounts:
                return (int(Code.PAYEE_CANNOT_RECEIVE),)
        for leg in order.legs:
            self.accounts[leg.debit].balance_fen -= leg.amount
            self.accounts[leg.credit].balance_fen += leg.amount
        return SETTLED

    def _rebind(self, account: FakeAccount, order: Order) -> Outcome:
        if order.type is OrderType.REBIND_REQUEST:
            if account.rebind is not None:
                return (int(Code.REBIND_UNDER_WAY),)
            account.rebind = order.body["key"], self._now_ms() + self.rebind_wait_ms
            return SETTLED
        if account.rebind is None:
            return (int(Code.REBIND_UNKNOWN),)
        key, completes_ms = account.rebind
        if self._now_ms() < completes_ms:
            return (int(Code.REBIND_TOO_EARLY), completes_ms)
        account.key, account.rebind = key, None
        return SETTLED

    def _second_factor(self, order: Order) -> int | None:
        """The amount above which an order lacks a second signature."""
        is_asked = order.type in (OrderType.PAYMENT, OrderType.REDEEM)
        if not is_asked or len(order.keys) > 1:
            return None
        above = self.accounts[order.scope].body.get("second_factor_above_fen")
        return above if above is not None and order.total_fen > above else None

    def _entries(self, operator: int, orders: Sequence[tuple[Order, Outcome]]) -> list[Entry]:
        entries = []
        for position, (order, outcome) in enumerate(orders):
            ends = [(leg, (leg.debit, leg.credit)) for leg in order.legs]
            own = numbers.operator_of(order.scope) == operator
            shown: list[bytes | None] = [
                leg.encoded() if any(numbers.operator_of(end) == operator for end in both) else None
                for leg, both in ends
            ]
            if own or (outcome == SETTLED and any(shown)):
                entries.append(Entry(position, order.cose, shown, outcome, None))
        return entries


def _legs(order: Order) -> list[bytes]:
    return [leg.encoded() for leg in order.legs]


def _leaves(items: Sequence[BlockItem]) -> list[bytes]:
    return [blocks.leaf(each.cose, blocks.encode_outcome(each.outcome)) for each in items]
