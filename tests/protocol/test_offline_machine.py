"""Whatever is lost, doubled, reordered, replayed, cloned or rolled back: the laws of §G.

Honest value is conserved; nobody honest loses within the guarantee or is accused; every overspend
is proven once logs are in; shadow balances sum to the offline account; order does not matter.
"""

import random
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from jiaozi.protocol.offline.proofs import verify_proof
from jiaozi.protocol.offline.replay import HandedPayment
from tests.protocol.builders import ALICE, BOB
from tests.protocol.offline_builders import ANCHOR
from tests.protocol.offline_registry import Desk, Registry
from tests.protocol.offline_world import DEVICES, GUARANTEE_FEN, MONEY_FEN, World, refused

devices = st.integers(0, DEVICES - 1)
amounts = st.integers(1, 400)
picks = st.integers(0, 10_000)


class PurseMachine(RuleBasedStateMachine):
    """Each rule is one event; a message is taken whenever, as often as and if at all."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        for device in range(DEVICES - 1):
            self.world.load(device, 1_000)
            self.world.take_load(*self.world.said_loads[-1])

    @rule(device=devices, amount=amounts)
    def load(self, device: int, amount: int) -> None:
        self.world.load(device, amount)

    @rule(pick=picks)
    def take_load(self, pick: int) -> None:
        self._any(self.world.said_loads, pick, self.world.take_load)

    @rule(pick=picks)
    def load_twice(self, pick: int) -> None:
        self._any(self.world.said_loads, pick, self.world.load_twice)

    @rule(payee=devices, amount=amounts)
    def ask(self, payee: int, amount: int) -> None:
        refused(self.world.ask, payee, amount)

    @rule(payer=devices, pick=picks)
    def pay(self, payer: int, pick: int) -> None:
        self._any(self.world.requests, pick, lambda *asked: self.world.pay(payer, *asked))

    @rule(pick=picks)
    def collect(self, pick: int) -> None:
        self._any(self.world.payments, pick, self.world.collect)

    @rule(pick=picks)
    def acknowledge(self, pick: int) -> None:
        parties = self.world.parties
        self._any(
            self.world.acknowledgements, pick, lambda at, *said: parties[at].acknowledge(*said)
        )

    @rule(payer=devices, payee=devices, amount=amounts)
    def hop(self, payer: int, payee: int, amount: int) -> None:
        """A payment with nothing lost."""
        refused(self._hop, payer, payee, amount)

    @rule(device=devices, amount=amounts)
    def unload(self, device: int, amount: int) -> None:
        refused(self.world.unload, device, amount)

    @rule(device=devices, amount=amounts)
    def misdirect(self, device: int, amount: int) -> None:
        """An unload to a wallet that there is not: it comes back."""
        refused(self.world.unload, device, amount, BOB)

    @rule(device=devices)
    def hand_in(self, device: int) -> None:
        self.world.hand_in(device)

    @rule(pick=picks)
    def synchronise(self, pick: int) -> None:
        self._any(self.world.answers, pick, self.world.synchronise)

    @rule(device=devices)
    def hand_in_and_synchronise(self, device: int) -> None:
        if self.world.hand_in(device):
            refused(self.world.synchronise, *self.world.answers[-1])

    @rule(device=devices)
    def learn(self, device: int) -> None:
        self.world.parties[device].learn(self.world.registry.frame())

    @rule(device=devices)
    def restart(self, device: int) -> None:
        self.world.restart(device)

    @rule(device=devices)
    def copy(self, device: int) -> None:
        self.world.copies.append((device, self.world.parties[device].purse))

    @rule(pick=picks)
    def roll_back(self, pick: int) -> None:
        self._any(self.world.copies, pick, self.world.roll_back)

    @rule(cheat=st.integers(0, 1), first=devices, second=devices, amount=amounts)
    def spend_twice(self, cheat: int, first: int, second: int, amount: int) -> None:
        """A cloned card pays two payees out of one balance."""
        copy = self.world.parties[cheat].purse
        refused(self._hop, cheat, first, amount)
        self.world.roll_back(cheat, copy)
        refused(self._hop, cheat, second, amount)

    @invariant()
    def holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        finish(self.world)

    def _hop(self, payer: int, payee: int, amount: int) -> None:
        world = self.world
        world.collect(payee, world.pay(payer, payee, world.ask(payee, amount)))

    @staticmethod
    def _any(said: list[Any], pick: int, act: Callable[..., object]) -> None:
        if said:
            refused(act, *said[pick % len(said)])


def finish(world: World) -> None:
    """The evening: every device hands in what it has, and then every law holds."""
    registry = world.registry
    for _ in range(2):
        for device in range(DEVICES):
            answered = world.hand_in(device)
            if answered and world.is_honest(device):
                world.synchronise(*world.answers[-1])
    world.check()
    for device, key in enumerate(world.keys):
        row, party = registry.rows[key], world.parties[device]
        if world.is_honest(device):
            assert party.purse.balance_fen == row.shadow_fen
            assert party.purse.loads == row.loads
        made = [each for at, each in world.spoken.values() if at == device]
        settled = [each.payment for each in registry.records.values() if each.device.key == key]
        is_double = any(are_one_place(*pair) for pair in combinations(settled, 2))
        assert not is_double or row.is_convicted
        assert row.is_convicted == (key in registry.proofs)
        if row.is_convicted:
            assert any(are_one_place(*pair) for pair in combinations(made, 2))
            assert verify_proof(registry.proofs[key], ANCHOR).device == key
        assert row.shadow_fen >= 0, "an overspend that is not proven"
    for identity, (device, payment) in world.spoken.items():
        is_with_honest = any(
            identity in world.counted[at] for at in range(DEVICES) if world.is_honest(at)
        )
        if is_with_honest or (world.is_honest(device) and payment.payee):
            assert identity in registry.records, "an honest payee's money"
    spent_fen = MONEY_FEN + GUARANTEE_FEN - registry.guarantee_fen
    assert registry.wallets[ALICE] + registry.offline_fen == spent_fen
    check_order(world)


def are_one_place(one: Any, other: Any) -> bool:  # noqa: ANN401
    return one.counter == other.counter or one.position == other.position


def check_order(world: World) -> None:
    """The same payments between devices in any order, and twice, come to the same."""
    payments = [each for each in world.registry.records.values() if each.payment.payee]
    states = [settled_in(world, order) for order in orders(payments)]
    assert all(each == states[0] for each in states)


def orders(payments: list[HandedPayment]) -> list[list[HandedPayment]]:
    shuffled = payments * 2
    random.Random(len(payments)).shuffle(shuffled)
    return [payments, payments[::-1], shuffled]


def settled_in(world: World, payments: list[HandedPayment]) -> object:
    registry = Registry(wallets={ALICE: MONEY_FEN}, guarantee_fen=GUARANTEE_FEN)
    for device, key in enumerate(world.keys):
        registry.enrol(key, world.parties[device].purse.chain)
        for amount_fen in world.loads[device]:
            registry.load(key, ALICE, amount_fen)
    for each in payments:
        assert registry.settle(each)
        registry.check()
    return registry.state


def run(examples: int, steps: int, *, at_length: bool) -> None:
    run_state_machine_as_test(
        PurseMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=not at_length,
            phases=(Phase.reuse, Phase.generate, Phase.shrink) if at_length else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_g_purses_keep_the_laws() -> None:
    run(45, 40, at_length=False)


@pytest.mark.chaos
def test_g_purses_keep_the_laws_at_length() -> None:
    run(1_500, 60, at_length=True)


def test_g2_what_the_guarantee_does_not_cover_waits_and_comes_to_the_same() -> None:
    """A double spend of 400, and a guarantee that is funded later."""
    states = []
    for guarantee_fen in (0, 399, 400):
        world = World()
        world.registry.guarantee_fen = guarantee_fen
        world.load(0, 400)
        world.take_load(*world.said_loads[-1])
        copy = world.parties[0].purse
        for payee in (1, 2):
            world.roll_back(0, copy)
            world.collect(payee, world.pay(0, payee, world.ask(payee, 400)))
        assert world.hand_in(1)
        assert world.hand_in(2) is (guarantee_fen == 400)
        assert len(world.desk.waiting) == (guarantee_fen != 400)
        world.registry.guarantee_fen += 400 - guarantee_fen
        assert world.hand_in(2)
        world.check()
        states.append(world.registry.state)
        assert list(world.registry.proofs) == [world.keys[0]]
    assert {repr(each[1:4]) for each in states} == {repr(states[0][1:4])}  # type: ignore[index]


def test_g1_what_no_wallet_can_get_comes_back_once_and_may_be_spent() -> None:
    world = World()
    world.load(0, 400)
    world.take_load(*world.said_loads[-1])
    world.unload(0, 300, BOB)
    for _ in range(2):
        assert world.parties[0].purse.balance_fen == 100
        assert world.hand_in(0)
    world.synchronise(*world.answers[-1])
    assert world.parties[0].purse.balance_fen == 400
    world.collect(1, world.pay(0, 1, world.ask(1, 400)))
    finish(world)
    assert world.parties[1].purse.balance_fen == 400


def test_a_desk_answers_a_log_once_and_whoever_comes_back_anew() -> None:
    """Money that came over the network while the purse lay still comes with the next answer."""
    world = World()
    world.load(0, 400)
    world.take_load(*world.said_loads[-1])
    assert world.hand_in(1)
    world.synchronise(*world.answers[-1])
    world.pay(0, 1, world.ask(1, 300))
    assert world.hand_in(0)
    assert world.hand_in(1)
    world.synchronise(*world.answers[-1])
    assert world.parties[1].purse.balance_fen == 300
    assert isinstance(world.desk, Desk)
