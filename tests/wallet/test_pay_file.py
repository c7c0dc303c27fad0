"""A payroll: every payment once, whatever happens between its first and its last run."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal, refuse
from jiaozi.wallet.model import State
from jiaozi.wallet.pay import PAYROLL_LIFETIME_MS
from jiaozi.wallet.pay_file import pay_file
from jiaozi.wallet.payroll import PaymentStatus, ReportId
from jiaozi.wallet.payroll_report import PayrollSummary, write_report
from jiaozi.wallet.store import PAYROLL_KEPT_MS
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import Clock
from tests.wallet.fake_operator import FakeOperator, Fault
from tests.wallet.payrolls import (
    CREATED_AT,
    checked,
    expected_pay,
    paid_file,
    payee,
    wage,
    write_payroll,
)

_REPORT = {"r": "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"}


@pytest.fixture
def payroll(tmp_path: Path) -> Path:
    return write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(5)])


def report(wallet: Wallet, path: Path) -> tuple[PayrollSummary, list[tuple[str, str]]]:
    """The report's sums, and status and reason of each payment."""
    file, written = BytesIO(path.read_bytes()), BytesIO()
    report_id = ReportId("REPORT-1", CREATED_AT)
    summary = write_report(wallet.journal, file, checked(file), report_id, written)
    lines = ElementTree.fromstring(written.getvalue()).iterfind(".//r:TxInfAndSts", _REPORT)
    return summary, [
        (
            each.findtext("r:TxSts", "", _REPORT),
            each.findtext("r:StsRsnInf/r:Rsn/r:Cd", "", _REPORT)
            or each.findtext("r:StsRsnInf/r:Rsn/r:Prtry", "", _REPORT),
        )
        for each in lines
    ]


def refusing(index: int, outcome: Outcome | Refusal) -> Callable[[Order], Outcome | Refusal]:
    """A registry's rule by which every wage but one is settled."""
    return lambda order: outcome if order.legs[0].credit == payee(index) else SETTLED


async def test_every_payment_of_a_file_is_an_order_of_one_leg(
    wallet: Wallet, operator: FakeOperator, payroll: Path
) -> None:
    assert await paid_file(wallet, payroll) == 5
    assert operator.paid == expected_pay(5)
    assert [len(each.order.legs) for each in operator.taken.values()] == [1] * 5
    summary, lines = report(wallet, payroll)
    assert lines == [("ACSC", "")] * 5
    assert summary.sums_fen[PaymentStatus.SETTLED] == sum(expected_pay(5).values())


async def test_a_file_is_sent_in_batches(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(1201)])
    assert await paid_file(wallet, path) == 1201
    assert operator.posts["/v1/orders"] == 3
    assert operator.paid == expected_pay(1201)


async def test_a_second_run_sends_nothing(
    wallet: Wallet, operator: FakeOperator, payroll: Path
) -> None:
    await paid_file(wallet, payroll)
    posts = operator.posts["/v1/orders"]

    assert await paid_file(wallet, payroll) == 0
    assert operator.posts["/v1/orders"] == posts
    assert report(wallet, payroll)[1] == [("ACSC", "")] * 5


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.LOSE_REQUEST, Fault.DOUBLE])
async def test_lost_and_doubled_answers_pay_each_payment_once(
    wallet: Wallet, operator: FakeOperator, payroll: Path, fault: Fault
) -> None:
    operator.faults.extend([fault] * 3)
    assert await paid_file(wallet, payroll) == 5
    assert operator.paid == expected_pay(5)


async def test_without_answers_the_rest_is_left_for_a_rerun(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(700)])
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    assert await paid_file(wallet, path) == 0
    operator.faults.clear()

    assert wallet.journal.open_count() == 500
    lines = report(wallet, path)[1]
    assert lines == [("PDNG", "unknown")] * 500 + [("PDNG", "not_sent")] * 200
    assert await paid_file(wallet, path) == 700
    assert operator.paid == expected_pay(700)


async def test_one_refused_payment_does_not_hold_up_the_others(
    wallet: Wallet, operator: FakeOperator, payroll: Path
) -> None:
    operator.rule = refusing(2, (int(Code.PAYEE_CANNOT_RECEIVE),))

    assert await paid_file(wallet, payroll) == 4
    lines = report(wallet, payroll)[1]
    assert lines[2] == ("RJCT", "payee_cannot_receive")
    assert lines.count(("ACSC", "")) == 4


async def test_a_refused_payment_is_ordered_anew_only_when_that_is_asked_for(
    wallet: Wallet, operator: FakeOperator, payroll: Path
) -> None:
    operator.rule = refusing(2, (int(Code.INSUFFICIENT_FUNDS), 7))
    await paid_file(wallet, payroll)
    operator.rule = lambda _: SETTLED

    assert await paid_file(wallet, payroll) == 0
    assert report(wallet, payroll)[1][2] == ("RJCT", "AM04")
    assert await paid_file(wallet, payroll, retry_refused=True) == 1
    assert operator.paid == expected_pay(5)
    assert await paid_file(wallet, payroll, retry_refused=True) == 0


@pytest.mark.parametrize("waited_ms", [0, PAYROLL_LIFETIME_MS + 1])
async def test_a_refusal_without_effect_is_ordered_anew_only_when_the_first_order_is_dead(
    wallet: Wallet, operator: FakeOperator, payroll: Path, clock: Clock, waited_ms: int
) -> None:
    """Until its expiry the first order could settle yet, so it is the one that is sent again."""
    operator.rule = refusing(2, refuse(Code.SIGNER_FOREIGN))
    await paid_file(wallet, payroll)
    [first] = wallet.journal.open_orders(after=b"", limit=10)
    operator.rule = lambda _: SETTLED
    clock.now_ms += waited_ms

    assert await paid_file(wallet, payroll, retry_refused=True) == 1
    assert (first.order_id in operator.taken) == (waited_ms == 0)
    assert operator.paid == expected_pay(5)


async def test_a_dead_order_is_replaced_in_the_same_run(
    wallet: Wallet, operator: FakeOperator, payroll: Path, clock: Clock
) -> None:
    operator.faults.extend([Fault.LOSE_REQUEST] * 1000)
    await paid_file(wallet, payroll)
    operator.faults.clear()
    clock.now_ms += PAYROLL_LIFETIME_MS + 1

    assert await paid_file(wallet, payroll) == 5
    assert operator.paid == expected_pay(5)
    assert wallet.journal.open_count() == 0


async def test_an_expired_order_that_had_settled_is_not_replaced(
    wallet: Wallet, operator: FakeOperator, payroll: Path, clock: Clock
) -> None:
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    await paid_file(wallet, payroll)
    operator.faults.clear()
    clock.now_ms += PAYROLL_LIFETIME_MS + 1

    await paid_file(wallet, payroll)
    assert operator.paid == expected_pay(5)


async def test_a_clock_that_is_ahead_forgets_no_payment(
    wallet: Wallet, operator: FakeOperator, payroll: Path, clock: Clock
) -> None:
    await paid_file(wallet, payroll)
    right_ms, operator.clock = clock.now_ms, lambda: right_ms
    clock.now_ms += 2 * PAYROLL_KEPT_MS
    await paid_file(wallet, payroll)
    clock.now_ms = right_ms

    assert await paid_file(wallet, payroll) == 0
    assert operator.paid == expected_pay(5)


async def test_a_payroll_is_forgotten_after_thirteen_months(
    wallet: Wallet, operator: FakeOperator, payroll: Path, clock: Clock
) -> None:
    await paid_file(wallet, payroll)
    clock.now_ms += PAYROLL_KEPT_MS + 1
    assert await paid_file(wallet, payroll) == 5


async def test_another_amount_under_a_paid_id_is_refused(
    wallet: Wallet, operator: FakeOperator, payroll: Path, tmp_path: Path
) -> None:
    await paid_file(wallet, payroll)
    changed = [wage(index, amount_fen=9_999 if index == 3 else None) for index in range(5)]
    other = write_payroll(tmp_path / "changed.xml", changed)

    assert await paid_file(wallet, other) == 0
    assert operator.paid == expected_pay(5)
    assert report(wallet, other)[1] == [("ACSC", "")] * 3 + [("RJCT", "DU04"), ("ACSC", "")]


async def test_a_refused_payment_that_was_corrected_is_paid(
    wallet: Wallet, operator: FakeOperator, payroll: Path, tmp_path: Path
) -> None:
    operator.rule = refusing(3, (int(Code.PAYEE_CANNOT_RECEIVE),))
    await paid_file(wallet, payroll)
    wages = [wage(index) for index in range(5)]
    wages[3] = replace(wages[3], payee=payee(99))
    corrected = write_payroll(tmp_path / "corrected.xml", wages)

    assert await paid_file(wallet, corrected) == 1
    assert operator.paid[payee(99)] == 1003
    assert report(wallet, corrected)[1] == [("ACSC", "")] * 5


async def test_the_same_payment_ids_in_another_message_are_other_payments(
    wallet: Wallet, operator: FakeOperator, payroll: Path, tmp_path: Path
) -> None:
    next_month = write_payroll(
        tmp_path / "next.xml", [wage(index) for index in range(5)], message_id="MSG-2"
    )
    await paid_file(wallet, payroll)
    await paid_file(wallet, next_month)
    assert operator.paid == {number: 2 * fen for number, fen in expected_pay(5).items()}


async def test_a_remittance_line_is_kept_as_a_note_and_travels_as_a_hash(
    wallet: Wallet, operator: FakeOperator, payroll: Path
) -> None:
    await paid_file(wallet, payroll)
    notes = {}
    for each in operator.taken.values():
        journaled = wallet.journal.find(each.order.id)
        assert journaled is not None
        assert journaled.standing.state is State.SETTLED
        note = journaled.order.note
        notes[each.order.legs[0].credit] = note.text if note else None
        assert (each.order.reference is not None) == (note is not None)
    assert notes == {payee(index): wage(index).remittance for index in range(5)}


async def test_progress_counts_every_payment_of_the_file(wallet: Wallet, payroll: Path) -> None:
    advanced: list[int] = []
    with BytesIO(payroll.read_bytes()) as file:
        await pay_file(wallet, file, checked(file), on_progress=advanced.append)
    assert sum(advanced) == 5
