"""What a payroll message must say, and in which order it is checked.

Pure: no file, no clock. A fault of the header is an exception (`FieldInvalid`), a fault of a block
or of a payment is a `StatusReason`, so that the rest can go on. The table of all rules stands in
the package's docstring.
"""

import re
from datetime import date

from jiaozi.protocol.money import Fen, format_yuan
from jiaozi.protocol.numbers import AccountNumber, format_number, is_wallet_number
from jiaozi.wallet.payroll.errors import FieldInvalid
from jiaozi.wallet.payroll.model import (
    CURRENCY,
    NOT_PROVIDED,
    Payment,
    PayrollHeader,
    ReasonCode,
    RejectedPayment,
    StatusReason,
)
from jiaozi.wallet.payroll.records import AMOUNT_FIELD, CURRENCY_FIELD, Fault, Record
from jiaozi.wallet.payroll.values import (
    ID_CHARACTERS_MAX,
    UNITS_PER_FEN,
    Unfit,
    decimal_units,
    is_line,
    optional_line,
    parse_business_day,
    parse_day,
    parse_instant,
    required_line,
    unfit,
)

_END_TO_END_ID = "PmtId/EndToEndId"
_INSTRUCTION_ID = "PmtId/InstrId"
_UETR = "PmtId/UETR"
_DEBTOR = "DbtrAcct/Id/Othr/Id"
_CREDITOR = "CdtrAcct/Id/Othr/Id"
_DAY = "ReqdExctnDt/Dt"
_INSTANT = "ReqdExctnDt/DtTm"

_UUID4 = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")
_SIXTEEN_DIGITS = re.compile(r"[0-9]{16}")
_FAULT_WORDS = {
    Fault.REPEATED: "appears more than once",
    Fault.NOT_PLAIN_TEXT: "holds elements where it should hold text",
    Fault.TOO_LONG: "is far too long",
}


def refuse_faults(record: Record) -> None:
    """Let no ambiguous field through.

    Raises:
        Unfit: A field is repeated, holds elements or is far too long.
    """
    for path, fault in record.faults.items():
        raise unfit(ReasonCode.FORMAT_INVALID, path, _FAULT_WORDS[fault])


def read_header(record: Record) -> PayrollHeader:
    """Read the group header; its totals are compared by who has counted.

    Raises:
        FieldInvalid: A field is ambiguous; MsgId, CreDtTm, NbOfTxs or InitgPty/Nm is wrong.
    """
    try:
        refuse_faults(record)
        message_id = required_line(record, "MsgId")
        created_at = parse_instant(required_line(record, "CreDtTm"))
        if created_at is None:
            raise unfit(ReasonCode.DATE_INVALID, "CreDtTm", "is not a date and time")
        required_line(record, "NbOfTxs")
        return PayrollHeader(message_id, created_at, optional_line(record, "InitgPty/Nm"))
    except Unfit as fault:
        raise FieldInvalid(
            detail=f"GrpHdr/{fault.reason.text}",
            path=f"GrpHdr/{fault.reason.path}",
            reason=ReasonCode(fault.reason.code),
        ) from None


def block_terms_problem(
    record: Record, *, payer: AccountNumber, today: date
) -> StatusReason | None:
    """Return why a block is no request to pay transfers from this wallet by today, if so.

    Its totals, and whether its id is unique, are for who has counted.
    """
    try:
        refuse_faults(record)
        required_line(record, "PmtInfId")
        if required_line(record, "PmtMtd") != "TRF":
            raise unfit(ReasonCode.CONTENT_INVALID, "PmtMtd", "is not TRF")
        if _execution_day(record) > today:
            raise unfit(ReasonCode.DATE_IN_FUTURE, "ReqdExctnDt", f"is after today, {today}")
        if record.fields.get(_DEBTOR) != format_number(payer):
            problem = f"is not {format_number(payer)}, the wallet that is to pay"
            raise unfit(ReasonCode.DEBTOR_ACCOUNT_INVALID, _DEBTOR, problem)
    except Unfit as fault:
        return fault.reason
    return None


def shown_id(record: Record, path: str) -> str | None:
    """Return an id if it is one that a status report can carry."""
    text = record.fields.get(path, "")
    return text if is_line(text, ID_CHARACTERS_MAX) and path not in record.faults else None


class PaymentRules:
    """Judges the payments of one message in their order; remembers the ids it has seen."""

    _UNIQUE = (
        (_END_TO_END_ID, ReasonCode.END_TO_END_ID_NOT_UNIQUE),
        (_INSTRUCTION_ID, ReasonCode.INSTRUCTION_ID_NOT_UNIQUE),
        (_UETR, ReasonCode.PAYMENT_NOT_UNIQUE),
    )

    def __init__(self, *, payer: AccountNumber, amount_fen_max: int) -> None:
        self._payer = payer
        self._amount_fen_max = amount_fen_max
        self._seen: dict[str, set[str]] = {path: set() for path, _ in self._UNIQUE}

    def judge(self, record: Record, position: int) -> Payment | RejectedPayment:
        """Return the payment, or the first rule that it breaks.

        Its ids count as seen either way: of two payments with one id the later one is refused,
        whatever is wrong with the earlier.
        """
        duplicate = self._claim_ids(record)
        try:
            refuse_faults(record)
            return self._payment(record, position, duplicate)
        except Unfit as fault:
            return RejectedPayment(
                position,
                fault.reason,
                end_to_end_id=shown_id(record, _END_TO_END_ID),
                instruction_id=shown_id(record, _INSTRUCTION_ID),
                uetr=_uetr_or_none(record),
            )

    def _payment(self, record: Record, position: int, duplicate: Unfit | None) -> Payment:
        end_to_end_id = _end_to_end_id(record)
        instruction_id = optional_line(record, _INSTRUCTION_ID, ID_CHARACTERS_MAX)
        uetr = _uetr_or_none(record)
        if uetr is None and record.fields.get(_UETR):
            raise unfit(ReasonCode.CONTENT_INVALID, _UETR, "is not a version 4 UUID")
        if duplicate is not None:
            raise duplicate
        return Payment(
            position,
            end_to_end_id,
            amount_fen=_amount_fen(record, self._amount_fen_max),
            payee=_payee(record, self._payer),
            payee_name=optional_line(record, "Cdtr/Nm"),
            remittance=optional_line(record, "RmtInf/Ustrd"),
            instruction_id=instruction_id,
            uetr=uetr,
        )

    def _claim_ids(self, record: Record) -> Unfit | None:
        """Remember the ids; return the refusal when one was seen before."""
        duplicate = None
        for path, code in self._UNIQUE:
            value = record.fields.get(path)
            if not value or value == NOT_PROVIDED:
                continue
            if value in self._seen[path]:
                problem = "was used by an earlier payment of this message"
                duplicate = duplicate or unfit(code, path, problem)
            self._seen[path].add(value)
        return duplicate


def _end_to_end_id(record: Record) -> str:
    text = record.fields.get(_END_TO_END_ID, "")
    if text == NOT_PROVIDED or not is_line(text, ID_CHARACTERS_MAX):
        problem = f"is not an id of 1 to {ID_CHARACTERS_MAX} readable characters of its own"
        raise unfit(ReasonCode.END_TO_END_ID_INVALID, _END_TO_END_ID, problem)
    return text


def _uetr_or_none(record: Record) -> str | None:
    text = record.fields.get(_UETR, "")
    return text if _UUID4.fullmatch(text) and _UETR not in record.faults else None


def _amount_fen(record: Record, amount_fen_max: int) -> Fen:
    text = record.fields.get(AMOUNT_FIELD, "")
    units = decimal_units(text)
    if units is None or units < 0:
        raise unfit(ReasonCode.AMOUNT_INVALID, AMOUNT_FIELD, "is not an amount such as 1234.50")
    currency = record.fields.get(CURRENCY_FIELD)
    if currency is None:
        raise unfit(ReasonCode.CURRENCY_MISSING, CURRENCY_FIELD, "is missing")
    if currency != CURRENCY:
        raise unfit(ReasonCode.CURRENCY_NOT_ALLOWED, CURRENCY_FIELD, f"is not {CURRENCY}")
    if len(text.partition(".")[2]) > 2:
        raise unfit(ReasonCode.DECIMALS_INVALID, AMOUNT_FIELD, "has more than two decimals")
    if units == 0:
        raise unfit(ReasonCode.AMOUNT_ZERO, AMOUNT_FIELD, "is zero")
    if units > amount_fen_max * UNITS_PER_FEN:
        problem = f"is above {format_yuan(amount_fen_max)} yuan"
        raise unfit(ReasonCode.AMOUNT_TOO_LARGE, AMOUNT_FIELD, problem)
    return Fen(units // UNITS_PER_FEN)


def _payee(record: Record, payer: AccountNumber) -> AccountNumber:
    text = record.fields.get(_CREDITOR, "")
    if _SIXTEEN_DIGITS.fullmatch(text) is None or not is_wallet_number(int(text)):
        problem = "is not a wallet number: 16 digits, of which the last is a check digit"
        raise unfit(ReasonCode.CREDITOR_ACCOUNT_INVALID, _CREDITOR, problem)
    if int(text) == payer:
        raise unfit(ReasonCode.PAYMENT_NOT_SUPPORTED, _CREDITOR, "is the wallet that pays")
    return AccountNumber(int(text))


def _execution_day(record: Record) -> date:
    texts = [record.fields[path] for path in (_DAY, _INSTANT) if path in record.fields]
    if len(texts) == 1:
        day = parse_day(texts[0]) if _DAY in record.fields else parse_business_day(texts[0])
        if day is not None:
            return day
    raise unfit(ReasonCode.DATE_INVALID, "ReqdExctnDt", "is not one date, such as 2026-01-31")
