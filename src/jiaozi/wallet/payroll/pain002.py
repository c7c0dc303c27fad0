"""Writes pain.002.001.10: what became of a payroll message, block by block, payment by payment.

A report has one line for each payment of the message, in its order, so the sender can tick them
off. The status of a block, and of the whole, follows from its payments::

    all settled              ACSC
    all refused              RJCT
    some settled             PART
    none settled yet         PDNG

Source: ISO 20022 pain.002.001.10, CustomerPaymentStatusReportV10; code set
ExternalPaymentGroupStatus1Code.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryFile
from textwrap import wrap
from typing import BinaryIO

from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.payroll.errors import PayrollRefused
from jiaozi.wallet.payroll.model import (
    NOT_PROVIDED,
    PaymentOutcome,
    PaymentStatus,
    PayrollBlock,
    PayrollCheck,
    ReasonCode,
    RejectedPayment,
    StatusReason,
)
from jiaozi.wallet.payroll.writing import copy_bytes, element

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
ORIGINAL_MESSAGE = "pain.001.001.09"
ADDITIONAL_TEXT_CHARACTERS_MAX = 105

_TAIL = b"</CstmrPmtStsRpt></Document>\n"
_ISO_REASONS = {
    Code.ACCOUNT_CLOSED: ReasonCode.DEBTOR_ACCOUNT_CLOSED,
    Code.ACCOUNT_FROZEN: ReasonCode.ACCOUNT_BLOCKED,
    Code.INSUFFICIENT_FUNDS: ReasonCode.FUNDS_INSUFFICIENT,
    Code.LIMIT_SINGLE: ReasonCode.AMOUNT_ABOVE_LIMIT,
    Code.LIMIT_DAY: ReasonCode.AMOUNT_ABOVE_LIMIT,
    Code.LIMIT_YEAR: ReasonCode.AMOUNT_ABOVE_LIMIT,
}


def reason_of(refusal: Refusal) -> StatusReason:
    """Return the reason for a payment that the registry or an operator refused.

    Where ISO 20022 has no code for it, the word of the catalogue goes out as a proprietary one.
    """
    code = refusal.code
    return StatusReason(_ISO_REASONS.get(code, code.name.lower()), str(refusal))


@dataclass(frozen=True, slots=True)
class ReportId:
    """What tells one report from another.

    Attributes:
        message_id: Up to 35 characters, new for every report.
        created_at: With an offset.
    """

    message_id: str
    created_at: datetime


@dataclass(slots=True)
class _BlockReport:
    """The lines of one block, already in the temporary file."""

    block: PayrollBlock
    body_bytes: int
    statuses: Counter[PaymentStatus] = field(default_factory=Counter)


def write_status_report(
    file: BinaryIO,
    report_id: ReportId,
    check: PayrollCheck,
    outcomes: Iterable[PaymentOutcome | RejectedPayment],
) -> None:
    """Write the report of a message that was taken; nothing is written before the last outcome.

    Args:
        file: Gets the report.
        report_id: Names the report.
        check: What was found in the message.
        outcomes: One for each payment of the message, in its order. What `read_payments` yields
            as rejected is an outcome already.

    Raises:
        ValueError: The outcomes are not those of the message, one for each payment, in order.
    """
    with TemporaryFile() as body:
        blocks = _write_lines(body, check, outcomes)
        body.seek(0)
        file.write(_head(report_id).encode())
        file.write(_message_status(check, blocks).encode())
        for report in blocks:
            file.write(_block_status(report).encode())
            copy_bytes(body, file, report.body_bytes)
            file.write(b"</OrgnlPmtInfAndSts>\n")
        file.write(_TAIL)


def write_refusal_report(file: BinaryIO, report_id: ReportId, refused: PayrollRefused) -> None:
    """Write the report of a message that was refused as a whole: it has no lines."""
    reason = StatusReason(refused.reason, str(refused), refused.path)
    file.write(_head(report_id).encode())
    file.write(
        f"<OrgnlGrpInfAndSts>{element('OrgnlMsgId', refused.message_id or NOT_PROVIDED)}"
        f"{element('OrgnlMsgNmId', ORIGINAL_MESSAGE)}"
        f"{element('GrpSts', PaymentStatus.REFUSED)}{_reason(reason)}"
        "</OrgnlGrpInfAndSts>\n".encode()
    )
    file.write(_TAIL)


def _write_lines(
    body: BinaryIO, check: PayrollCheck, outcomes: Iterable[PaymentOutcome | RejectedPayment]
) -> list[_BlockReport]:
    """Write the lines of all blocks one after the other; return what the heads need to say."""
    reports: list[_BlockReport] = []
    remaining = iter(outcomes)
    position = 0
    for block in check.blocks:
        start = body.tell()
        report = _BlockReport(block, 0)
        for _ in range(block.payment_count):
            position += 1
            outcome = next(remaining, None)
            if outcome is None or _position(outcome) != position:
                raise ValueError(f"payment {position} has no outcome in its place")
            report.statuses[_status(outcome)] += 1
            body.write(_line(outcome).encode())
        report.body_bytes = body.tell() - start
        reports.append(report)
    if next(remaining, None) is not None:
        raise ValueError(f"there are more outcomes than the {position} payments of the message")
    return reports


def _head(report_id: ReportId) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="{NAMESPACE}"><CstmrPmtStsRpt>\n'
        f"<GrpHdr>{element('MsgId', report_id.message_id)}"
        f"{element('CreDtTm', report_id.created_at.isoformat())}</GrpHdr>\n"
    )


def _message_status(check: PayrollCheck, reports: list[_BlockReport]) -> str:
    statuses = sum((report.statuses for report in reports), Counter[PaymentStatus]())
    return (
        f"<OrgnlGrpInfAndSts>{element('OrgnlMsgId', check.header.message_id)}"
        f"{element('OrgnlMsgNmId', ORIGINAL_MESSAGE)}"
        f"{element('OrgnlCreDtTm', check.header.created_at.isoformat())}"
        f"{element('OrgnlNbOfTxs', str(check.payment_count))}"
        f"{element('GrpSts', _status_of_many(statuses))}{_counts(statuses)}"
        "</OrgnlGrpInfAndSts>\n"
    )


def _block_status(report: _BlockReport) -> str:
    block = report.block
    return (
        f"<OrgnlPmtInfAndSts>{element('OrgnlPmtInfId', block.block_id)}"
        f"{element('OrgnlNbOfTxs', str(block.payment_count))}"
        f"{element('PmtInfSts', _status_of_many(report.statuses))}"
        f"{_reason(block.refusal)}{_counts(report.statuses)}\n"
    )


def _status_of_many(statuses: Counter[PaymentStatus]) -> str:
    """Return the status of a group; one without payments can only have been refused."""
    present = {status for status, count in statuses.items() if count}
    match sorted(present):
        case []:
            return PaymentStatus.REFUSED
        case [only]:
            return only
        case _ if PaymentStatus.SETTLED in present:
            return "PART"
        case _:
            return PaymentStatus.PENDING


def _counts(statuses: Counter[PaymentStatus]) -> str:
    return "".join(
        f"<NbOfTxsPerSts>{element('DtldNbOfTxs', str(statuses[status]))}"
        f"{element('DtldSts', status)}</NbOfTxsPerSts>"
        for status in PaymentStatus
        if statuses[status]
    )


def _line(outcome: PaymentOutcome | RejectedPayment) -> str:
    payment = outcome.payment if isinstance(outcome, PaymentOutcome) else outcome
    reference = outcome.reference if isinstance(outcome, PaymentOutcome) else None
    return (
        f"<TxInfAndSts>{element('OrgnlInstrId', payment.instruction_id)}"
        f"{element('OrgnlEndToEndId', payment.end_to_end_id or NOT_PROVIDED)}"
        f"{element('OrgnlUETR', payment.uetr)}{element('TxSts', _status(outcome))}"
        f"{_reason(outcome.reason)}{element('AcctSvcrRef', reference)}</TxInfAndSts>\n"
    )


def _reason(reason: StatusReason | None) -> str:
    if reason is None:
        return ""
    name = "Cd" if isinstance(reason.code, ReasonCode) else "Prtry"
    texts = wrap(reason.text, ADDITIONAL_TEXT_CHARACTERS_MAX)
    additional = "".join(element("AddtlInf", text) for text in texts)
    return f"<StsRsnInf><Rsn>{element(name, reason.code)}</Rsn>{additional}</StsRsnInf>"


def _status(outcome: PaymentOutcome | RejectedPayment) -> PaymentStatus:
    return outcome.status if isinstance(outcome, PaymentOutcome) else PaymentStatus.REFUSED


def _position(outcome: PaymentOutcome | RejectedPayment) -> int:
    return outcome.payment.position if isinstance(outcome, PaymentOutcome) else outcome.position
