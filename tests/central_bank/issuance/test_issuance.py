"""Issuance: orders that the registry takes, and reserves that move exactly once."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jiaozi.central_bank.certification.approve import (
    Approval,
    order_of,
    sign_approval,
    submission_of,
)
from jiaozi.central_bank.issuance.issue import Dead, destroy, issue
from jiaozi.central_bank.issuance.propose import Desk, reference_of
from jiaozi.central_bank.issuance.reserve_system import BuiltInReserves
from jiaozi.central_bank.registry.control import from_genesis
from jiaozi.central_bank.registry.signers import check_certified
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol import numbers, orders
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS, OrderId, id_time_ms
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal, refuse
from tests.central_bank.certification.ceremonies import NOW_MS, RULEBOOK_HASH, hold, officer, vault

OPERATOR = 1001


def desk() -> Desk:
    return Desk(NOW_MS, lambda size: b"\x05" * size)


def leg_of(order: Order) -> tuple[int, int, int]:
    [leg] = order.legs
    return leg.debit, leg.credit, leg.amount


def test_money_orders_move_between_the_right_accounts() -> None:
    vault_number, reserve = numbers.vault_of(OPERATOR), numbers.reserve_of(OPERATOR)
    fund = order_of(desk().fund_reserve(OPERATOR, 7, "RTGS-1"))
    assert fund.type is OrderType.FUND_RESERVE
    assert leg_of(fund) == (numbers.SETTLEMENT, reserve, 7)
    assert fund.reference == reference_of("RTGS-1") != reference_of("RTGS-2")
    assert leg_of(order_of(desk().issue(OPERATOR, 8))) == (numbers.ISSUANCE, vault_number, 8)
    assert leg_of(order_of(desk().destroy(OPERATOR, 9))) == (vault_number, numbers.ISSUANCE, 9)


def test_decisions_say_what_was_decided(tmp_path: Path) -> None:
    key = hold(tmp_path / "c").genesis.key_of(Use.OPERATOR_VAULT, OPERATOR)
    certificate = next((tmp_path / "c" / "certificates").iterdir()).read_bytes()
    for approval, order_type, body in (
        (desk().set_quota(OPERATOR, 5), OrderType.QUOTA, {"operator": OPERATOR, "quota_fen": 5}),
        (
            desk().put_in_force(RULEBOOK_HASH, NOW_MS + DAY_MS),
            OrderType.RULEBOOK,
            {"rulebook_hash": RULEBOOK_HASH, "starts_at_ms": NOW_MS + DAY_MS},
        ),
        (desk().certify(certificate), OrderType.CERTIFY, {"certificate": certificate}),
        (desk().revoke(key), OrderType.REVOKE, {"key": key}),
    ):
        order = order_of(approval)
        assert (order.type, order.body) == (order_type, body)


def test_order_that_officers_sign_lives_for_a_day() -> None:
    order = order_of(desk().issue(OPERATOR, 1))
    assert id_time_ms(order.id) == NOW_MS
    assert order.expires_ms == NOW_MS + DAY_MS


@pytest.mark.parametrize("amount_fen", [0, -1, 2**63])
def test_amount_out_of_range_is_not_proposed(amount_fen: int) -> None:
    with pytest.raises(Refusal) as caught:
        desk().issue(OPERATOR, amount_fen)
    assert caught.value.code is Code.AMOUNT_OUT_OF_RANGE


def test_registry_takes_an_issue_of_two_officers_and_the_vault_and_no_fewer(
    tmp_path: Path,
) -> None:
    network = hold(tmp_path / "c")
    rulebook = Rulebook(hash=RULEBOOK_HASH, name="test", limits={})
    control = from_genesis(network, {RULEBOOK_HASH: rulebook})
    signers = [
        vault(tmp_path / "c", OPERATOR),
        officer(tmp_path / "c", "officer-1"),
        officer(tmp_path / "c", "officer-3"),
    ]

    def check(approval: Approval) -> None:
        order = orders.parse(submission_of(approval))
        check_certified(order, OPERATOR, control, NOW_MS, vault_key=signers[0].public_key)

    approval = desk().issue(OPERATOR, 5)
    for signer in signers[:2]:
        approval = sign_approval(approval, signer, network.id)
        with pytest.raises(Refusal) as caught:
            check(approval)
        assert caught.value.code is Code.SIGNER_MISSING
    check(sign_approval(approval, signers[2], network.id))
    foreign = sign_approval(approval, vault(tmp_path / "c", 1002), network.id)
    with pytest.raises(Refusal):
        check(foreign)


@dataclass
class Payments:
    """A payment system at the edge of the network: it locks, and can break after any step."""

    available_fen: int = 1_000
    locks: dict[OrderId, int] = field(default_factory=dict)
    used: dict[OrderId, int] = field(default_factory=dict)
    credited: set[OrderId] = field(default_factory=set)
    breaks_after: str = ""

    async def lock(self, order: OrderId, operator: int, amount_fen: int) -> None:
        if order not in self.locks and order not in self.used:
            if amount_fen > self.available_fen:
                raise refuse(Code.RESERVE_INSUFFICIENT, self.available_fen)
            self.available_fen -= amount_fen
            self.locks[order] = amount_fen
        self._break("lock")

    async def confirm(self, order: OrderId) -> None:
        if order in self.locks:
            self.used[order] = self.locks.pop(order)
        self._break("confirm")

    async def release(self, order: OrderId) -> None:
        self.available_fen += self.locks.pop(order, 0)
        self._break("release")

    async def credit(self, order: OrderId, operator: int, amount_fen: int) -> None:
        if order not in self.credited:
            self.credited.add(order)
            self.available_fen += amount_fen
        self._break("credit")

    def _break(self, step: str) -> None:
        if self.breaks_after == step:
            self.breaks_after = ""
            raise ConnectionError(step)


@dataclass
class Registry:
    """Answers every order with one outcome, the same at every repetition."""

    outcome: Outcome | Dead = SETTLED
    answers_lost: int = 0
    taken: set[OrderId] = field(default_factory=set)

    async def settle(self, submission: bytes) -> Outcome | Dead:
        self.taken.add(orders.parse(submission).id)
        if self.answers_lost:
            self.answers_lost -= 1
            raise refuse(Code.UNKNOWN)
        return self.outcome


def signed(approval: Approval, tmp_path: Path) -> Approval:
    network = hold(tmp_path / "c")
    for signer in (
        vault(tmp_path / "c", OPERATOR),
        officer(tmp_path / "c", "officer-1"),
        officer(tmp_path / "c", "officer-2"),
    ):
        approval = sign_approval(approval, signer, network.id)
    return approval


@pytest.mark.parametrize("step", ["", "lock", "answer", "confirm"])
async def test_issue_uses_reserves_once_through_a_crash_at_every_step(
    tmp_path: Path, step: str
) -> None:
    approval = signed(desk().issue(OPERATOR, 400), tmp_path)
    payments = Payments(breaks_after=step)
    registry = Registry(answers_lost=1 if step == "answer" else 0)
    if step:
        with pytest.raises((ConnectionError, Refusal)):
            await issue(approval, reserves=payments, settle=registry.settle)
    for _ in range(2):
        outcome = await issue(approval, reserves=payments, settle=registry.settle)
        assert outcome == SETTLED
    assert (payments.available_fen, sum(payments.used.values())) == (600, 400)
    assert payments.locks == {}
    assert len(registry.taken) == 1


@pytest.mark.parametrize("outcome", [(int(Code.QUOTA_EXCEEDED), 5, 0), Dead.DEAD])
@pytest.mark.parametrize("step", ["", "lock", "answer", "release"])
async def test_issue_that_can_never_settle_gives_the_reserves_back_once(
    tmp_path: Path, step: str, outcome: Outcome | Dead
) -> None:
    approval = signed(desk().issue(OPERATOR, 400), tmp_path)
    payments = Payments(breaks_after=step)
    registry = Registry(outcome, answers_lost=1 if step == "answer" else 0)
    if step:
        with pytest.raises((ConnectionError, Refusal)):
            await issue(approval, reserves=payments, settle=registry.settle)
    for _ in range(2):
        assert await issue(approval, reserves=payments, settle=registry.settle) == outcome
    assert (payments.available_fen, payments.used, payments.locks) == (1_000, {}, {})


async def test_lock_stays_while_the_answer_is_unknown(tmp_path: Path) -> None:
    approval = signed(desk().issue(OPERATOR, 400), tmp_path)
    payments = Payments()
    with pytest.raises(Refusal):
        await issue(approval, reserves=payments, settle=Registry(answers_lost=1).settle)
    assert payments.available_fen == 600
    assert sum(payments.locks.values()) == 400


async def test_issue_beyond_the_reserves_is_not_sent(tmp_path: Path) -> None:
    approval = signed(desk().issue(OPERATOR, 1_001), tmp_path)
    registry, payments = Registry(), Payments()
    with pytest.raises(Refusal) as caught:
        await issue(approval, reserves=payments, settle=registry.settle)
    assert caught.value.code is Code.RESERVE_INSUFFICIENT
    assert (registry.taken, payments.available_fen) == (set(), 1_000)


@pytest.mark.parametrize("step", ["", "answer", "credit"])
async def test_destroy_credits_reserves_once_through_a_crash_at_every_step(
    tmp_path: Path, step: str
) -> None:
    approval = signed(desk().destroy(OPERATOR, 400), tmp_path)
    payments = Payments(breaks_after=step)
    registry = Registry(answers_lost=1 if step == "answer" else 0)
    if step:
        with pytest.raises((ConnectionError, Refusal)):
            await destroy(approval, reserves=payments, settle=registry.settle)
    for _ in range(2):
        assert await destroy(approval, reserves=payments, settle=registry.settle) == SETTLED
    assert payments.available_fen == 1_400


@pytest.mark.parametrize("outcome", [(int(Code.INSUFFICIENT_FUNDS), 5), Dead.DEAD])
async def test_destroy_that_did_not_settle_credits_nothing(
    tmp_path: Path, outcome: Outcome | Dead
) -> None:
    approval = signed(desk().destroy(OPERATOR, 400), tmp_path)
    payments = Payments()
    settle = Registry(outcome).settle
    assert await destroy(approval, reserves=payments, settle=settle) == outcome
    assert payments.available_fen == 1_000


async def test_built_in_reserves_leave_everything_to_the_registry(tmp_path: Path) -> None:
    approval = signed(desk().issue(OPERATOR, 400), tmp_path)
    registry = Registry()
    outcome = await issue(approval, reserves=BuiltInReserves(), settle=registry.settle)
    assert outcome == SETTLED
    assert registry.taken == {order_of(approval).id}


async def test_order_of_another_type_is_not_taken_for_an_issue(tmp_path: Path) -> None:
    approval = signed(desk().destroy(OPERATOR, 400), tmp_path)
    registry, payments = Registry(), Payments()
    with pytest.raises(Refusal):
        await issue(approval, reserves=payments, settle=registry.settle)
    with pytest.raises(Refusal):
        await destroy(desk().issue(OPERATOR, 1), reserves=payments, settle=registry.settle)
    assert (registry.taken, payments.available_fen) == (set(), 1_000)
