"""Reads pain.001.001.09 in two passes, so that nothing is paid from a file that is not whole.

::

    check = check_file(file, payer=..., today=...)   the whole file; PayrollRefused or what it says
    read_payments(file, check)                       the same bytes again, payment by payment

The first pass knows all that can stop the whole message or a block of it: broken XML, totals that
differ, a doubled block. Only the second hands out payments. Both judge each payment by the same
rules, so the totals of the check are exactly those of what is handed out.

Source: ISO 20022 pain.001.001.09, CustomerCreditTransferInitiationV09.
"""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from jiaozi.protocol.numbers import AccountNumber
from jiaozi.wallet.payroll.chunks import sealed_chunks, verified_chunks
from jiaozi.wallet.payroll.errors import PayrollRefused
from jiaozi.wallet.payroll.model import (
    Payment,
    PayrollCheck,
    PayrollLimits,
    RejectedPayment,
    StatusReason,
)
from jiaozi.wallet.payroll.records import Kind, read_records
from jiaozi.wallet.payroll.rules import PaymentRules
from jiaozi.wallet.payroll.tally import MessageTally

DEFAULT_LIMITS = PayrollLimits()


def check_file(
    file: BinaryIO,
    *,
    payer: AccountNumber,
    today: date,
    limits: PayrollLimits = DEFAULT_LIMITS,
) -> PayrollCheck:
    """Read a message to its end and say what may be paid; nothing is handed out yet.

    Args:
        file: Seekable; read from its start.
        payer: The wallet that is to pay; a block that names another one is refused.
        today: The business day in UTC+8; a block for a later day is refused.
        limits: What is more than this is refused.

    Raises:
        DoctypeForbidden: There is a document type declaration.
        NotPain001: Another root than pain.001.001.09's.
        NotWellFormed: Not XML in UTF-8, or not to its end.
        FileTooLarge: More bytes, payments, blocks, depth or names than is allowed.
        FieldInvalid: The group header is missing, repeated or wrong; there is no payment.
        TotalsDiffer: NbOfTxs or CtrlSum of the group header is not that of the payments.
    """
    digests: list[bytes] = []
    message = MessageTally(payer=payer, today=today, limits=limits)
    try:
        for record in read_records(sealed_chunks(file, digests, bytes_max=limits.file_bytes_max)):
            message.take(record)
        return message.check(tuple(digests))
    except PayrollRefused as refused:
        refused.message_id = message.message_id
        raise


def read_payments(file: BinaryIO, check: PayrollCheck) -> Iterator[Payment | RejectedPayment]:
    """Yield every payment of a checked message in its order, the refused ones with the reason.

    Args:
        file: The file that was checked; read from its start, chunk by chunk as payments are taken.
        check: What `check_file` returned for it.

    Raises:
        FileChanged: The next bytes are not those that were checked. What was yielded stands.
    """
    rules = PaymentRules(payer=check.payer, amount_fen_max=check.limits.amount_fen_max)
    position = 0
    blocks = iter(check.blocks)
    block = next(blocks)
    try:
        for record in read_records(verified_chunks(file, check.prefix_digests)):
            if record.kind is Kind.PAYMENT:
                position += 1
                yield _unless_refused(rules.judge(record, position), block.refusal)
            elif record.kind is Kind.BLOCK:
                block = next(blocks, block)
    except PayrollRefused as refused:
        refused.message_id = check.header.message_id
        raise


def _unless_refused(
    verdict: Payment | RejectedPayment, refusal: StatusReason | None
) -> Payment | RejectedPayment:
    """Turn a good payment of a refused block into a rejected one."""
    if refusal is None or isinstance(verdict, RejectedPayment):
        return verdict
    return RejectedPayment(
        verdict.position, refusal, verdict.end_to_end_id, verdict.instruction_id, verdict.uetr
    )
