"""Payroll by ISO 20022: pain.001 in, one order for each payment, pain.002 out.

This package reads and writes the files. Who keeps the journal, signs and sends the orders is the
wallet's client::

    with path.open("rb") as file:
        check = check_file(file, payer=wallet, today=today)      # nothing is paid yet
        outcomes = (settle(item) for item in read_payments(file, check))
        write_status_report(report_file, report_id, check, outcomes)

**What is refused, and how much of the file with it.** Rules are checked in this order; the first
that is broken is told. Codes are of ISO 20022's ExternalStatusReason1Code.

The whole message (`PayrollRefused`; nothing is paid):

==========================================================================  =====================
broken rule                                                                 code
==========================================================================  =====================
no document type declaration, hence no entities of the file's own           FF01
well-formed XML in UTF-8, to its last byte; root of pain.001.001.09         FF01
no more bytes, payments, blocks, depth, names than the limits               FF01
one GrpHdr; MsgId, CreDtTm and NbOfTxs in it; at least one payment          FF01, CH16, CH21, DT01
NbOfTxs and, if given, CtrlSum of GrpHdr are those of the payments          AM19, AM16
==========================================================================  =====================

A block (`PayrollBlock.refusal`; the other blocks go on):

==========================================================================  =====================
PmtInfId not that of an earlier block                                       DU02
no field repeated or holding elements; PmtInfId; PmtMtd TRF                 FF01, CH21, CH16
ReqdExctnDt one date, not after today                                       DT01, DT04
DbtrAcct is the wallet that pays                                            AC02
at least one payment; NbOfTxs and CtrlSum, if given, are the block's        CH21, AM20, AM17
==========================================================================  =====================

A payment (`RejectedPayment`; the other payments go on):

==========================================================================  =====================
no field repeated or holding elements                                       FF01
EndToEndId, InstrId, UETR well formed                                       FF08, CH16
none of the three used by an earlier payment of the message                 DU04, DU05, DU03
InstdAmt a number from zero, in CNY, of at most two decimals, above zero,   AM12, AM11, AM03,
not above the limit                                                         CH20, AM01, AM02
CdtrAcct a wallet number, and not the payer's                               AC03, AG03
Cdtr/Nm and one RmtInf/Ustrd, if given, a line of up to 140 characters      CH16
==========================================================================  =====================

Elements that are not named here are skipped.
"""

from jiaozi.wallet.payroll.errors import PayrollRefused
from jiaozi.wallet.payroll.model import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    PayrollCheck,
    PayrollLimits,
    RejectedPayment,
)
from jiaozi.wallet.payroll.pain001 import check_file, read_payments
from jiaozi.wallet.payroll.pain001_writer import PayrollInstruction, write_pain001
from jiaozi.wallet.payroll.pain002 import (
    ReportId,
    reason_of,
    write_refusal_report,
    write_status_report,
)

__all__ = [
    "Payment",
    "PaymentOutcome",
    "PaymentStatus",
    "PayrollCheck",
    "PayrollInstruction",
    "PayrollLimits",
    "PayrollRefused",
    "RejectedPayment",
    "ReportId",
    "check_file",
    "read_payments",
    "reason_of",
    "write_pain001",
    "write_refusal_report",
    "write_status_report",
]
