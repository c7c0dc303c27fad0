"""A registry and a desk as small as the rules of §G allow: what purses are settled against."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jiaozi.protocol.offline.certificate import Chain
from jiaozi.protocol.offline.messages import with_chain
from jiaozi.protocol.offline.operator_messages import Checkpoint, sign_checkpoint
from jiaozi.protocol.offline.proofs import double_spend_proof, log_proof
from jiaozi.protocol.offline.replay import HandedLog, HandedPayment, read_log
from jiaozi.protocol.offline.revocations import revocation_entry
from tests.protocol.builders import CERTIFY_SEED, NETWORK, NOW_MS, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    OPERATORS_CERTIFICATE,
    frame_of,
    load_message,
    time_message,
)


@dataclass
class Row:
    """What the registry knows of a device."""

    chain: Chain
    shadow_fen: int = 0
    loads: int = 0
    payments: int = 0
    is_convicted: bool = False
    covered_fen: int = 0


@dataclass
class Registry:
    """Accounts, devices and records keyed by (device, counter, identity); one operator."""

    wallets: dict[int, int] = field(default_factory=dict)
    guarantee_fen: int = 0
    offline_fen: int = 0
    rows: dict[bytes, Row] = field(default_factory=dict)
    records: dict[bytes, HandedPayment] = field(default_factory=dict)
    places: dict[tuple[bytes, str, int], list[bytes]] = field(
        default_factory=lambda: defaultdict(list)
    )
    proofs: dict[bytes, bytes] = field(default_factory=dict)
    list_entries: list[bytes] = field(default_factory=list)

    def enrol(self, key: bytes, chain: Chain) -> None:
        self.rows[key] = Row(chain)

    def load(self, key: bytes, wallet: int, amount_fen: int) -> None:
        """Move money to a device: the registry first."""
        row = self.rows[key]
        assert not row.is_convicted
        assert row.shadow_fen >= 0
        self.wallets[wallet] -= amount_fen
        self.offline_fen += amount_fen
        self._change(row, amount_fen)
        row.loads += 1

    def settle(self, handed: HandedPayment) -> bool:
        """Record a payment once; whoever said another in its place is convicted by that."""
        payment, row = handed.payment, self.rows[handed.device.key]
        if handed.identity in self.records:
            return True
        others = self._others(handed)
        if payment.wallet is not None and not others:
            if row.is_convicted:
                return False
            if self.is_undeliverable(handed):
                self._record(handed)
                return True
            if row.shadow_fen < payment.amount_fen:
                return False
            self.wallets[payment.wallet] += payment.amount_fen
            self.offline_fen -= payment.amount_fen
            row.shadow_fen -= payment.amount_fen
            self._record(handed)
            return True
        left_fen = row.shadow_fen - (payment.amount_fen if payment.payee else 0)
        if (row.is_convicted or others) and -left_fen > self.guarantee_fen:
            return False
        self._record(handed)
        if others:
            chain = row.chain
            pair = with_chain(others[0].encoded, chain), with_chain(handed.encoded, chain)
            self.convict(handed.device.key, double_spend_proof(*pair))
        if payment.payee is not None:
            self._change(row, -payment.amount_fen)
            self._change(self.rows[payment.payee], payment.amount_fen)
        return True

    def is_undeliverable(self, handed: HandedPayment) -> bool:
        """Whether a payment is to a wallet that there is not: it stays on its device."""
        wallet = handed.payment.wallet
        return wallet is not None and wallet not in self.wallets

    def held_by(self, handed: HandedPayment) -> bytes | None:
        """Whose device a settled payment is on: its payee's, or its payer's still."""
        return handed.device.key if self.is_undeliverable(handed) else handed.payment.payee

    def convict(self, key: bytes, proof: bytes) -> None:
        row = self.rows[key]
        self.proofs.setdefault(key, proof)
        if not row.is_convicted:
            row.is_convicted = True
            self.list_entries.append(revocation_entry(key, END_MS))
        self._change(row, 0)

    def frame(self) -> bytes:
        """The whole revocation list, which is short here."""
        return frame_of(self.list_entries)

    @property
    def state(self) -> object:
        """What must not depend on the order in which payments are settled."""
        rows = {
            key: (row.shadow_fen, row.is_convicted, row.covered_fen, row.payments)
            for key, row in self.rows.items()
        }
        return rows, self.wallets, self.guarantee_fen, self.offline_fen, set(self.records)

    def check(self) -> None:
        """The sum of all shadow balances is the offline account."""
        assert sum(row.shadow_fen for row in self.rows.values()) == self.offline_fen
        assert self.guarantee_fen >= 0
        assert all(row.shadow_fen >= 0 for row in self.rows.values() if row.is_convicted)

    def _others(self, handed: HandedPayment) -> list[HandedPayment]:
        key, payment = handed.device.key, handed.payment
        at_counter = self.places[key, "counter", payment.counter]
        at_position = self.places[key, "position", payment.position]
        return [self.records[each] for each in (*at_counter, *at_position)]

    def _record(self, handed: HandedPayment) -> None:
        key, payment = handed.device.key, handed.payment
        self.records[handed.identity] = handed
        self.places[key, "counter", payment.counter].append(handed.identity)
        self.places[key, "position", payment.position].append(handed.identity)
        self.rows[key].payments += 1

    def _change(self, row: Row, amount_fen: int) -> None:
        """Change a shadow balance; of a convicted device the guarantee covers what lacks."""
        row.shadow_fen += amount_fen
        if not row.is_convicted:
            return
        covered_fen = -row.shadow_fen if row.shadow_fen < 0 else -min(
            row.shadow_fen, row.covered_fen
        )  # fmt: skip
        self.guarantee_fen -= covered_fen
        self.offline_fen += covered_fen
        row.covered_fen += covered_fen
        row.shadow_fen += covered_fen


@dataclass
class Desk:
    """The operator's desk: settles what is handed in, and answers with a checkpoint.

    The same log has the same answer; whoever comes back under that answer gets the next.
    """

    registry: Registry
    checkpoints: dict[tuple[bytes, bytes, int, bytes], bytes] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[bytes, HandedPayment] = field(default_factory=dict)
    time_ms: int = NOW_MS

    def load_again(self, seed: int, number: int, amount_fen: int) -> bytes:
        """Say a load, the same bytes for ever."""
        return load_message(seed, number, amount_fen)

    def hand_in(
        self, handed_in: bytes, *, between: Callable[[], None] = lambda: None
    ) -> tuple[bytes, bytes] | None:
        """Settle a log; checkpoint and time, unless the device has to wait."""
        log = read_log(handed_in, ANCHOR)
        if log.fault is not None:
            self.registry.convict(log.device.key, log_proof(handed_in))
        for each in log.payments:
            self.settle([each])
            between()
        return self._answer(log)

    def settle(self, payments: Iterable[HandedPayment]) -> None:
        """Settle what comes, and once more what had to wait."""
        for each in payments:
            self.waiting[each.identity] = each
        for identity, each in [*self.waiting.items()]:
            if self.registry.settle(each):
                del self.waiting[identity]

    def _answer(self, log: HandedLog) -> tuple[bytes, bytes] | None:
        row, key = self.registry.rows[log.device.key], log.device.key
        if row.is_convicted or row.shadow_fen < 0 or row.payments != log.counter:
            return None
        if any(each.identity in self.waiting for each in log.payments):
            return None
        said = log.statement
        place = (key, said.checkpoint, said.position, said.head)
        if place not in self.checkpoints:
            self.numbers[key] += 1
            checkpoint = Checkpoint(
                device=key, number=self.numbers[key], position=said.position, head=said.head,
                counter=log.counter, loads=row.loads, balance_fen=row.shadow_fen,
            )  # fmt: skip
            self.checkpoints[place] = sign_checkpoint(
                checkpoint, signer_of(CERTIFY_SEED), OPERATORS_CERTIFICATE, NETWORK
            )
        return self.checkpoints[place], time_message(self.time_ms)
