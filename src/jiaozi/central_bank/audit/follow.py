"""The chain, one block after the other: what takes the state before a block to check.

1. Heights have no gaps, each header names the identity of the one before, time does not go back.
2. The key that signed the header is certified for blocks at block time.
3. The signers of each order are those that the table asks for; refused orders as well, for they
   use up an id of an account.
4. No id is used twice within its account.
5. What waited takes effect in time; settled orders have their effect, refused ones none, and none
   settles that is halted.
6. The registry's own figures, where the source has them, are those of the rebuilt ledgers.
7. A state hash in the header is that of the state rebuilt at its height.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from jiaozi.central_bank.audit.halts import halt_fault
from jiaozi.central_bank.audit.model import (
    CheckedBlock,
    CheckedHeader,
    CheckedOrder,
    Differs,
    Enough,
    Figures,
    Findings,
    RawBlock,
    Rule,
)
from jiaozi.central_bank.audit.rebuild import apply
from jiaozi.central_bank.audit.rebuild_wallets import take_effect
from jiaozi.central_bank.audit.signers import certified_fault, signers_fault
from jiaozi.central_bank.audit.state import RESERVE_KINDS, State
from jiaozi.central_bank.audit.sweeps import sweep_missing
from jiaozi.central_bank.audit.used_ids import UsedId, UsedIds
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.state import AccountKind


class NamedState(NamedTuple):
    """A state that a later header names: its hash as rebuilt, and the time of its block."""

    hash: bytes
    time_ms: int


HashState = Callable[[RawBlock], bytes]
StateNamed = Callable[[int, RawBlock], None]


@dataclass(slots=True, kw_only=True)
class Follower:
    """Holds the state after the last block that was taken.

    Attributes:
        network: From genesis.
        tip: The header of the last block.
        state: After that block.
        used_ids: Up to that block.
        findings: Where differences go.
        hash_state: Hashes the state, which is that after the block given.
        on_state_named: Called with the height of a state whose hash was right, and the block whose
            header names it.
        library: The rulebook files at hand, by hash.
        named: States whose hash was computed, by height.
    """

    network: Network
    tip: CheckedHeader
    state: State
    used_ids: UsedIds
    findings: Findings
    hash_state: HashState
    on_state_named: StateNamed
    named: dict[int, NamedState] = field(default_factory=dict)
    library: Mapping[bytes, Rulebook]
    blocks: int = 0
    orders: int = 0

    def __post_init__(self) -> None:
        """Give the state what it reads delays from."""
        self.state.library = self.library

    def take(self, raw: RawBlock, checked: CheckedBlock, hash_at: Set[int]) -> None:
        """Take the next block.

        Args:
            raw: The block as it came.
            checked: What its bytes decide.
            hash_at: Heights at which later headers name the hash of the state.

        Raises:
            Enough: The chain does not go on from here, or enough differs.
        """
        header = self._check_chain(raw, checked)
        self.tip = header
        for rule, detail, position in checked.faults:
            self._find(rule, detail, position)
        take_effect(self.state, header.time_ms)
        self._check_ids(checked.orders)
        for order in checked.orders:
            if self.state.due_sweeps.legs and order.type is not OrderType.SWEEP:
                self._find_missing_sweep(order.position - 1)
            self._take_order(order)
        self._find_missing_sweep(len(checked.orders) - 1)
        self.blocks += 1
        self.orders += len(checked.orders)
        self._check_offline()
        self._check_figures(raw.figures)
        self._check_state_hash(header, raw)
        if header.height in hash_at:
            self.named[header.height] = NamedState(self.hash_state(raw), header.time_ms)

    def _check_chain(self, raw: RawBlock, checked: CheckedBlock) -> CheckedHeader:
        """Check that a block is the next one; without that, nothing after it means anything."""
        expected, header = self.tip.height + 1, checked.header
        if raw.height != expected:
            self.findings.add(Rule.CHAIN, "this block is missing", expected)
            raise Enough
        if header is None:
            for rule, detail, position in checked.faults:
                self.findings.add(rule, detail, expected, position)
            raise Enough
        if header.height != expected:
            detail = f"the header here is that of height {header.height}"
            self.findings.add(Rule.CHAIN, detail, expected)
            raise Enough
        if header.previous != self.tip.identity:
            detail = "the header names another one before it"
            self.findings.add(Rule.CHAIN, detail, expected)
            raise Enough
        if header.time_ms < self.tip.time_ms:
            self.findings.add(Rule.BLOCK_TIME, "block time goes back", expected)
        fault = certified_fault(self.state, header.key, Use.REGISTRY_BLOCK, header.time_ms)
        if fault is not None:
            self.findings.add(Rule.BLOCK_SIGNATURE, fault, expected)
        return header

    def _check_ids(self, orders: list[CheckedOrder]) -> None:
        if not orders:
            return
        height = self.tip.height
        # A sweep is told by its payment and uses up no id of its wallet.
        uses = [
            UsedId(each.id, each.scope, height, each.position)
            for each in orders
            if each.type is not OrderType.SWEEP
        ]
        for use, first_height, first_position in self.used_ids.use(uses):
            detail = f"the id was used by order {first_position} at height {first_height}"
            self._find(Rule.ORDER_ID, detail, use.position)

    def _take_order(self, order: CheckedOrder) -> None:
        time_ms = self.tip.time_ms
        fault = signers_fault(order, self.state, time_ms)
        if fault is not None:
            self._find(Rule.SIGNERS, fault, order.position)
        if order.settled:
            if self.state.halts:
                stopped = halt_fault(order, self.state, time_ms)
                if stopped is not None:
                    self._find(Rule.EFFECT, stopped, order.position)
            try:
                apply(order, self.state, self.network, time_ms)
            except Differs as differs:
                self._find(differs.rule, differs.detail, order.position)

    def _find_missing_sweep(self, position: int) -> None:
        missing = sweep_missing(self.state)
        if missing is not None:
            self._find(Rule.BALANCE_CAP, missing, position)

    def _check_offline(self) -> None:
        held_fen = self.state.sums_fen[AccountKind.OFFLINE]
        shadows_fen = self.state.devices.shadows_fen
        if held_fen != shadows_fen:
            detail = f"{held_fen} fen are offline, the shadow balances come to {shadows_fen}"
            self._find(Rule.LEDGER, detail)

    def _check_figures(self, claimed: Figures | None) -> None:
        if claimed is None:
            return
        rebuilt = self.figures()
        if claimed == rebuilt:
            return
        for name, of_registry, of_blocks in zip(Figures._fields, claimed, rebuilt, strict=True):
            if of_registry != of_blocks:
                detail = f"{name} is {of_registry} fen, the blocks give {of_blocks}"
                self._find(Rule.SUPPLY, detail)

    def figures(self) -> Figures:
        """Return where the money is after the last block."""
        sums = self.state.sums_fen
        return Figures(
            self.state.issued_fen, self.state.destroyed_fen, sums[AccountKind.VAULT],
            sums[AccountKind.WALLET], sums[AccountKind.ESCROW], sums[AccountKind.OFFLINE],
            sums[AccountKind.GUARANTEE],
        )  # fmt: skip

    def _check_state_hash(self, header: CheckedHeader, raw: RawBlock) -> None:
        if header.state is None:
            return
        height, named = header.state
        rebuilt = self.named.get(height)
        if rebuilt is None:
            return
        if rebuilt.hash != named:
            self._find(Rule.STATE_HASH, f"names another state at height {height} than rebuilt")
        elif not self.findings.differences:
            self.used_ids.forget(rebuilt.time_ms)
            self.on_state_named(height, raw)

    def check_ledgers(self) -> None:
        """Add up every account: each ledger sums to nothing, and money outstanding is somewhere."""
        currency = reserves = 0
        for account in self.state.accounts.values():
            if account.terms.kind in RESERVE_KINDS:
                reserves += account.balance_fen
            else:
                currency += account.balance_fen
        if currency:
            self._find(Rule.LEDGER, f"the currency ledger sums to {currency} fen")
        if reserves:
            self._find(Rule.LEDGER, f"the reserves ledger sums to {reserves} fen")
        outstanding = -self.state.sums_fen[AccountKind.ISSUANCE]
        if outstanding != self.state.issued_fen - self.state.destroyed_fen:
            self._find(Rule.LEDGER, f"{outstanding} fen outstanding is not issued less destroyed")

    def _find(self, rule: Rule, detail: str, position: int | None = None) -> None:
        self.findings.add(rule, detail, self.tip.height, position)
