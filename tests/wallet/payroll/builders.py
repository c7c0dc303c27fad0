"""Builders of pain.001 texts with visible defaults, right unless a test says otherwise."""

from datetime import date
from io import BytesIO

from jiaozi.protocol.numbers import account_number, format_number
from jiaozi.wallet.payroll import (
    Payment,
    PayrollCheck,
    PayrollLimits,
    RejectedPayment,
    check_file,
    read_payments,
)

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
TODAY = date(2026, 1, 31)
PAYER = account_number(1001, 10**7)
PAYEE = account_number(1002, 2 * 10**7)
UETR = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


def _element(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{text}</{name}>"


def transfer(
    end_to_end_id: str | None = "A1",
    amount: str | None = "100.00",
    *,
    payee: str = format_number(PAYEE),
    currency: str = ' Ccy="CNY"',
    instruction_id: str | None = None,
    uetr: str | None = None,
    name: str | None = "王小明",
    remittance: str | None = None,
    extra: str = "",
) -> str:
    """One CdtTrfTxInf; None leaves an element out."""
    ids = _element("InstrId", instruction_id) + _element("EndToEndId", end_to_end_id)
    money = "" if amount is None else f"<Amt><InstdAmt{currency}>{amount}</InstdAmt></Amt>"
    return (
        f"<CdtTrfTxInf><PmtId>{ids}{_element('UETR', uetr)}</PmtId>{money}"
        f"<Cdtr>{_element('Nm', name)}</Cdtr>"
        f"<CdtrAcct><Id><Othr><Id>{payee}</Id></Othr></Id></CdtrAcct>"
        f"<RmtInf>{_element('Ustrd', remittance)}</RmtInf>{extra}</CdtTrfTxInf>"
    )


def block(
    *transfers: str,
    block_id: str | None = "B1",
    method: str | None = "TRF",
    count: str | None = None,
    control_sum: str | None = None,
    day: str = "<Dt>2026-01-31</Dt>",
    payer: str = format_number(PAYER),
    extra: str = "",
) -> str:
    """One PmtInf."""
    return (
        f"<PmtInf>{_element('PmtInfId', block_id)}{_element('PmtMtd', method)}"
        f"{_element('NbOfTxs', count)}{_element('CtrlSum', control_sum)}"
        f"<ReqdExctnDt>{day}</ReqdExctnDt><Dbtr><Nm>Acme</Nm></Dbtr>"
        f"<DbtrAcct><Id><Othr><Id>{payer}</Id></Othr></Id></DbtrAcct>{extra}"
        f"{''.join(transfers)}</PmtInf>"
    )


def header(
    *,
    message_id: str | None = "M1",
    created_at: str | None = "2026-01-31T09:00:00+08:00",
    count: str | None = "1",
    control_sum: str | None = None,
    extra: str = "",
) -> str:
    """The GrpHdr."""
    return (
        f"<GrpHdr>{_element('MsgId', message_id)}{_element('CreDtTm', created_at)}"
        f"{_element('NbOfTxs', count)}{_element('CtrlSum', control_sum)}"
        f"<InitgPty><Nm>Acme</Nm></InitgPty>{extra}</GrpHdr>"
    )


def document(
    content: str,
    *,
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>',
    namespace: str = NAMESPACE,
) -> bytes:
    """The file around GrpHdr and PmtInf."""
    return (
        f'{prolog}<Document xmlns="{namespace}">'
        f"<CstmrCdtTrfInitn>{content}</CstmrCdtTrfInitn></Document>"
    ).encode()


def message(*blocks: str, **stated: str | None) -> bytes:
    """A message whose header counts right unless told otherwise."""
    counted = {"count": str("".join(blocks).count("<CdtTrfTxInf>")), **stated}
    return document(header(**counted) + "".join(blocks))


def payments(*transfers: str) -> bytes:
    """A message of one good block."""
    return message(block(*transfers))


def check(data: bytes, limits: PayrollLimits | None = None) -> PayrollCheck:
    """The first pass over a file in memory."""
    return check_file(BytesIO(data), payer=PAYER, today=TODAY, limits=limits or PayrollLimits())


def read(data: bytes, limits: PayrollLimits | None = None) -> list[Payment | RejectedPayment]:
    """Both passes over a file in memory."""
    return list(read_payments(BytesIO(data), check(data, limits)))
