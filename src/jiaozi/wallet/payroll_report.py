"""What became of a payroll file, told from the file and the journal alone.

So a report can be made at any time, and the report of a rerun tells of the whole file again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from jiaozi.wallet.model import JournaledOrder, State
from jiaozi.wallet.pay_file import payroll_key
from jiaozi.wallet.payroll import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    PayrollCheck,
    RejectedPayment,
    ReportId,
    read_payments,
    reason_of,
    write_status_report,
)
from jiaozi.wallet.payroll.model import ReasonCode, StatusReason
from jiaozi.wallet.store import Journal

_NOT_SENT = StatusReason("not_sent", "Not sent yet. Run the same file again.")
_OPEN = StatusReason("unknown", "Sent, without a definite answer yet. Run the same file again.")


@dataclass(slots=True)
class PayrollSummary:
    """Payments and their sums by what became of them.

    Attributes:
        rejected_count: Payments that break a rule of the file; they are among the refused ones.
    """

    counts: Counter[PaymentStatus] = field(default_factory=Counter)
    sums_fen: Counter[PaymentStatus] = field(default_factory=Counter)
    rejected_count: int = 0

    def take(self, outcome: PaymentOutcome | RejectedPayment) -> None:
        """Count one payment."""
        if isinstance(outcome, RejectedPayment):
            self.counts[PaymentStatus.REFUSED] += 1
            self.rejected_count += 1
        else:
            self.counts[outcome.status] += 1
            self.sums_fen[outcome.status] += outcome.payment.amount_fen


def write_report(
    journal: Journal, file: BinaryIO, check: PayrollCheck, report_id: ReportId, report: BinaryIO
) -> PayrollSummary:
    """Write the pain.002 of a checked file and return its sums.

    Raises:
        FileChanged: The file is no longer the one that was checked.
        JournalUnavailable: The journal cannot be read.
    """
    summary = PayrollSummary()

    def outcomes() -> Iterator[PaymentOutcome | RejectedPayment]:
        for item in read_payments(file, check):
            outcome = (
                _outcome(journal, check.header.message_id, item)
                if isinstance(item, Payment)
                else item
            )
            summary.take(outcome)
            yield outcome

    write_status_report(report, report_id, check, outcomes())
    return summary


def _outcome(journal: Journal, message_id: str, payment: Payment) -> PaymentOutcome:
    found = journal.find_payment(message_id, payment.end_to_end_id)
    if found is None:
        return PaymentOutcome(payment, PaymentStatus.PENDING, _NOT_SENT)
    stored_key, order_id = found
    journaled = journal.find(order_id)
    assert journaled is not None, "the journal's keys point at its orders"
    if stored_key != payroll_key(message_id, payment):
        return _outcome_of_other(payment, journaled)
    reference = order_id.hex()
    refusal = journaled.standing.refusal
    match journaled.standing.state:
        case State.SETTLED:
            return PaymentOutcome(payment, PaymentStatus.SETTLED, None, reference)
        case State.OPEN:
            return PaymentOutcome(payment, PaymentStatus.PENDING, _OPEN, reference)
        case State.DEAD:
            return PaymentOutcome(payment, PaymentStatus.PENDING, _NOT_SENT, reference)
        case State.REFUSED:
            assert refusal is not None, "a refused order has its reason"
            return PaymentOutcome(payment, PaymentStatus.REFUSED, reason_of(refusal), reference)


def _outcome_of_other(payment: Payment, journaled: JournaledOrder) -> PaymentOutcome:
    """Refuse a payment whose id stands for another payee or amount that was paid or may be."""
    if journaled.standing.state in (State.REFUSED, State.DEAD):
        return PaymentOutcome(payment, PaymentStatus.PENDING, _NOT_SENT)
    text = (
        "PmtId/EndToEndId was used in this message for another payee or amount, "
        f"by order {journaled.order.order_id.hex()}"
    )
    reason = StatusReason(ReasonCode.END_TO_END_ID_NOT_UNIQUE, text, "PmtId/EndToEndId")
    return PaymentOutcome(payment, PaymentStatus.REFUSED, reason)
