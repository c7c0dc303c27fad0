"""Purses over a small registry, with every message kept: lost, doubled, reordered, replayed."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from jiaozi.protocol.offline import loading, synchronisation
from jiaozi.protocol.offline.log import loaded_entry
from jiaozi.protocol.offline.messages import Payment, decode_payment, read_payment
from jiaozi.protocol.offline.operator_messages import read_load
from jiaozi.protocol.offline.proofs import DoubleLoadFound, DoubleSpendFound, verify_proof
from jiaozi.protocol.offline.purse import Purse, read_purse
from jiaozi.protocol.refusals import Refusal
from tests.protocol.builders import ALICE
from tests.protocol.offline_builders import ANCHOR, PAYER, Party, load_message, parts_of_message
from tests.protocol.offline_registry import Desk, Registry

DEVICES = 5
MONEY_FEN, GUARANTEE_FEN = 10**9, 10**6
ROOMY: dict[str, Any] = dict.fromkeys(
    ("balance_fen", "out_fen", "in_fen"), 10**6
) | {"out_count": 1_000, "in_count": 1_000}  # fmt: skip


@dataclass
class World:
    """What was said, and what each honest purse must hold by it."""

    parties: list[Party] = field(default_factory=list)
    registry: Registry = field(default_factory=Registry)
    loads: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    said_loads: list[tuple[int, bytes]] = field(default_factory=list)
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    payments: list[tuple[int, bytes]] = field(default_factory=list)
    acknowledgements: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    answers: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    spoken: dict[bytes, tuple[int, Payment]] = field(default_factory=dict)
    copies: list[tuple[int, Purse]] = field(default_factory=list)
    tampered: set[int] = field(default_factory=set)
    counted: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    included: dict[bytes, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parties = [Party(PAYER + n, **ROOMY) for n in range(DEVICES)]
        self.registry = Registry(wallets={ALICE: MONEY_FEN}, guarantee_fen=GUARANTEE_FEN)
        self.desk = Desk(self.registry)
        self.keys = [each.signer.public_key for each in self.parties]
        for each in self.parties:
            self.registry.enrol(each.signer.public_key, each.purse.chain)

    def load(self, device: int, amount_fen: int) -> None:
        row = self.registry.rows[self.keys[device]]
        if row.is_convicted or row.shadow_fen < 0:
            return
        self.registry.load(self.keys[device], ALICE, amount_fen)
        self.loads[device].append(amount_fen)
        message = load_message(PAYER + device, row.loads, amount_fen)
        self.said_loads.append((device, message))

    def take_load(self, device: int, message: bytes) -> None:
        party = self.parties[device]
        try:
            party.purse = loading.take_load(party.purse, message)
        except DoubleLoadFound:
            raise AssertionError("an honest operator is accused") from None

    def load_twice(self, device: int, message: bytes) -> None:
        """The operator signs another load under a number that the purse has passed."""
        before, load = self.parties[device].purse, read_load(message, ANCHOR)[0]
        other = load_message(PAYER + device, load.number, load.amount_fen + 1)
        if load.number > before.loads:
            return
        if loaded_entry(message) not in before.entries:
            assert loading.take_load(before, other) is before
            return
        with pytest.raises(DoubleLoadFound) as found:
            loading.take_load(before, other)
        assert verify_proof(found.value.proof, ANCHOR).loads

    def ask(self, device: int, amount_fen: int) -> bytes:
        request = self.parties[device].ask(amount_fen)
        self.requests.append((device, request))
        return request

    def pay(self, device: int, payee: int, request: bytes) -> bytes:
        payment = self.parties[device].pay(request)
        self._speak(device, payment)
        self.payments.append((payee, payment))
        return payment

    def unload(self, device: int, amount_fen: int, wallet: int = ALICE) -> None:
        self._speak(device, self.parties[device].unload(amount_fen, wallet))

    def collect(self, device: int, message: bytes) -> None:
        party = self.parties[device]
        try:
            said = party.collect(message)
        except DoubleSpendFound as found:
            proof = verify_proof(found.proof, ANCHOR)
            self.registry.convict(proof.device, found.proof)
            return
        _, payer, signed = read_payment(message, ANCHOR)
        self.counted[device].add(signed.identity)
        self.acknowledgements.append((self.keys.index(payer.key), said, message))

    def hand_in(self, device: int) -> bool:
        """Hand in a log and keep the answer, which may never be taken."""
        answer = self.desk.hand_in(self.parties[device].hand_in())
        if answer is None:
            return False
        settled = {
            identity
            for identity, each in self.registry.records.items()
            if self.keys[device] == self.registry.held_by(each)
        }
        self.included.setdefault(answer[0], settled)
        self.answers.append((device, *answer))
        return True

    def synchronise(self, device: int, checkpoint: bytes, time: bytes) -> None:
        party = self.parties[device]
        party.purse = synchronisation.synchronise(party.purse, checkpoint, time)
        self.counted[device] = set(self.included[checkpoint])

    def restart(self, device: int) -> None:
        party = self.parties[device]
        party.purse = read_purse(party.purse.encoded(), ANCHOR)

    def roll_back(self, device: int, copy: Purse) -> None:
        self.parties[device].purse = copy
        self.tampered.add(device)

    def is_honest(self, device: int) -> bool:
        return device not in self.tampered

    def check(self) -> None:
        """After every step: the registry adds up, and each honest purse holds what it must."""
        self.registry.check()
        paid: dict[int, int] = defaultdict(int)
        for device, payment in self.spoken.values():
            paid[device] += payment.amount_fen
        for device, party in enumerate(self.parties):
            if self.is_honest(device):
                loaded_fen = sum(self.loads[device][: party.purse.loads])
                came_fen = sum(self.amount_of(each) for each in self.counted[device])
                assert party.purse.balance_fen == loaded_fen + came_fen - paid[device]
                assert self.keys[device] not in self.registry.proofs

    def amount_of(self, identity: bytes) -> int:
        return self.spoken[identity][1].amount_fen

    def _speak(self, device: int, message: bytes) -> None:
        encoded = parts_of_message(message)[0]
        payment, signed = decode_payment(encoded)
        self.spoken[signed.identity] = (device, payment)


def refused(act: Callable[..., object], *args: Any) -> bool:  # noqa: ANN401
    """Do something that a purse may refuse; then nothing has changed."""
    try:
        act(*args)
    except Refusal:
        return True
    return False
