"""Writes pain.001.001.09: a payroll of one company on one day, as an ERP system would export it.

One message of one block. Payments are streamed, and the totals of both headers are those of the
payments that were written.

Source: ISO 20022 pain.001.001.09, CustomerCreditTransferInitiationV09.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from tempfile import TemporaryFile
from typing import BinaryIO

from jiaozi.protocol.numbers import AccountNumber, format_number, operator_of
from jiaozi.wallet.payroll.model import CURRENCY, Payment
from jiaozi.wallet.payroll.records import NAMESPACE
from jiaozi.wallet.payroll.writing import copy_bytes, element, format_amount


@dataclass(frozen=True, slots=True)
class PayrollInstruction:
    """What a company says once for all payments of a message.

    Attributes:
        message_id: Up to 35 characters, new for every message; names the block as well.
        created_at: With an offset.
        payer: The company's wallet.
        payer_name: Up to 140 characters.
        requested_on: The business day (UTC+8) on which to pay.
    """

    message_id: str
    created_at: datetime
    payer: AccountNumber
    payer_name: str
    requested_on: date


def write_pain001(
    file: BinaryIO, instruction: PayrollInstruction, payments: Iterable[Payment]
) -> None:
    """Write a payment message; nothing is written before the last payment was taken.

    The position of a payment is not written: it follows from the order. Texts are escaped but not
    shortened; `pain001` refuses the payments that break its rules.
    """
    count = sum_fen = 0
    with TemporaryFile() as body:
        for payment in payments:
            body.write(_payment(payment).encode())
            count += 1
            sum_fen += payment.amount_fen
        body_bytes = body.tell()
        body.seek(0)
        file.write(_head(instruction, count, sum_fen).encode())
        copy_bytes(body, file, body_bytes)
        file.write(b"</PmtInf></CstmrCdtTrfInitn></Document>\n")


def _head(instruction: PayrollInstruction, count: int, sum_fen: int) -> str:
    payer = instruction.payer
    totals = element("NbOfTxs", str(count)) + element("CtrlSum", format_amount(sum_fen))
    name = element("Nm", instruction.payer_name)
    operator = element("Id", f"{operator_of(payer):04d}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="{NAMESPACE}"><CstmrCdtTrfInitn>\n'
        f"<GrpHdr>{element('MsgId', instruction.message_id)}"
        f"{element('CreDtTm', instruction.created_at.isoformat())}{totals}"
        f"<InitgPty>{name}</InitgPty></GrpHdr>\n"
        f"<PmtInf>{element('PmtInfId', instruction.message_id)}<PmtMtd>TRF</PmtMtd>{totals}"
        f"<ReqdExctnDt>{element('Dt', instruction.requested_on.isoformat())}</ReqdExctnDt>"
        f"<Dbtr>{name}</Dbtr><DbtrAcct>{_account(payer)}</DbtrAcct>"
        f"<DbtrAgt><FinInstnId><Othr>{operator}</Othr></FinInstnId></DbtrAgt>\n"
    )


def _payment(payment: Payment) -> str:
    name = element("Nm", payment.payee_name)
    remittance = element("Ustrd", payment.remittance)
    return (
        f"<CdtTrfTxInf><PmtId>{element('InstrId', payment.instruction_id)}"
        f"{element('EndToEndId', payment.end_to_end_id)}{element('UETR', payment.uetr)}</PmtId>"
        f'<Amt><InstdAmt Ccy="{CURRENCY}">{format_amount(payment.amount_fen)}</InstdAmt></Amt>'
        f"<Cdtr>{name}</Cdtr><CdtrAcct>{_account(payment.payee)}</CdtrAcct>"
        f"{f'<RmtInf>{remittance}</RmtInf>' if remittance else ''}</CdtTrfTxInf>\n"
    )


def _account(number: AccountNumber) -> str:
    return f"<Id><Othr>{element('Id', format_number(number))}</Othr></Id>"
