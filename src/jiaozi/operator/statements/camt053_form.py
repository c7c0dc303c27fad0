"""A statement as camt.053.001.12: bank to customer statement, written as it is read.

Balances and sums come before the entries, because they are known before. There is one entry for
each settled leg, in the order of the blocks: ``NtryRef`` is the leg's place in them, ``EndToEndId``
the order's id, ``Ustrd`` its reference, ``AddtlTxInf`` its identity and what it returns. The
verification code stands in ``AddtlStmtInf``.

Source: ISO 20022 camt.053.001.12, BankToCustomerStatementV12; code set ExternalBalanceType1Code.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from jiaozi.operator.history.model import Line
from jiaozi.operator.statements.forms import type_of, yuan
from jiaozi.operator.statements.model import Head, StatementEntry, moment
from jiaozi.protocol.numbers import format_number, operator_of

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.12"
CURRENCY = "CNY"
HOLDER_CHARACTERS_MAX = 140

_SPECIAL = re.compile("[&<>\r]|[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_TAIL = "</Stmt></BkToCstmrStmt></Document>\n"


class Camt053Form:
    """Writes one statement."""

    media_type: ClassVar[str] = "application/xml"
    suffix: ClassVar[str] = "xml"
    entries_max: ClassVar[int | None] = None

    def __init__(self, head: Head) -> None:
        self._head = head

    def begin(self) -> bytes:
        """Return group header, account, balances and sums."""
        head, totals = self._head, self._head.totals
        issued = _time(head.issued_ms)
        message_id = f"{format_number(head.wallet)}-{head.issued_ms}"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>\n'
            f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{issued}</CreDtTm></GrpHdr>\n"
            f"<Stmt><Id>{message_id}</Id><CreDtTm>{issued}</CreDtTm>"
            f"<FrToDt><FrDtTm>{_time(head.from_ms)}</FrDtTm>"
            f"<ToDtTm>{_time(head.until_ms)}</ToDtTm></FrToDt>\n"
            f"{self._account()}"
            f"{_balance('OPBD', totals.opening_fen, head.from_ms)}"
            f"{_balance('CLBD', totals.closing_fen, head.until_ms)}"
            f"{self._summary()}"
        ).encode()

    def add(self, entries: Sequence[StatementEntry]) -> bytes:
        """Return some entries."""
        return "".join([_entry(each) for each in entries]).encode()

    def end(self, code: str) -> bytes:
        """Return the verification code and what closes the message."""
        return f"<AddtlStmtInf>{code}</AddtlStmtInf>{_TAIL}".encode()

    def _account(self) -> str:
        holder = (self._head.holder or "")[:HOLDER_CHARACTERS_MAX]
        owner = f"<Ownr><Nm>{_escaped(holder)}</Nm></Ownr>" if holder else ""
        return (
            f"<Acct><Id><Othr><Id>{format_number(self._head.wallet)}</Id></Othr></Id>"
            f"<Ccy>{CURRENCY}</Ccy>{owner}<Svcr><FinInstnId><Othr><Id>{self._head.operator:04d}</Id>"
            "</Othr></FinInstnId></Svcr></Acct>\n"
        )

    def _summary(self) -> str:
        totals = self._head.totals
        net_fen = totals.incoming_fen - totals.outgoing_fen
        total_fen = totals.incoming_fen + totals.outgoing_fen
        return (
            f"<TxsSummry><TtlNtries><NbOfNtries>{totals.entries}</NbOfNtries>"
            f"<Sum>{yuan(total_fen)}</Sum><TtlNetNtry><Amt>{yuan(abs(net_fen))}</Amt>"
            f"<CdtDbtInd>{_sign(net_fen >= 0)}</CdtDbtInd></TtlNetNtry></TtlNtries>"
            f"<TtlCdtNtries><Sum>{yuan(totals.incoming_fen)}</Sum></TtlCdtNtries>"
            f"<TtlDbtNtries><Sum>{yuan(totals.outgoing_fen)}</Sum></TtlDbtNtries></TxsSummry>\n"
        )


def _balance(code: str, amount_fen: int, time_ms: int) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{CURRENCY}">{yuan(amount_fen)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<Dt><DtTm>{_time(time_ms)}</DtTm></Dt></Bal>\n"
    )


def _entry(entry: StatementEntry) -> str:
    line = entry.line
    amount, sign, booked = yuan(line.amount_fen), _sign(line.incoming), _time(line.time_ms)
    reference = f"<RmtInf><Ustrd>{line.reference.hex()}</Ustrd></RmtInf>" if line.reference else ""
    returned = f" returns {line.link.hex()}" if line.link else ""
    return (
        f"<Ntry><NtryRef>{line.height}.{line.position}.{line.leg}</NtryRef>"
        f'<Amt Ccy="{CURRENCY}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{booked}</DtTm></BookgDt>"
        f"<ValDt><DtTm>{booked}</DtTm></ValDt>"
        f"<BkTxCd><Prtry><Cd>{type_of(line)}</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{line.order_id.hex()}</EndToEndId></Refs>"
        f'<Amt Ccy="{CURRENCY}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"{_counterparty(line)}{reference}"
        f"<AddtlTxInf>identity {line.identity.hex()}{returned}</AddtlTxInf>"
        "</TxDtls></NtryDtls></Ntry>\n"
    )


def _counterparty(line: Line) -> str:
    """Return the other end: its account, and the operator that its number names."""
    account = "DbtrAcct" if line.incoming else "CdtrAcct"
    agent = "DbtrAgt" if line.incoming else "CdtrAgt"
    return (
        f"<RltdPties><{account}><Id><Othr><Id>{format_number(line.counterparty)}</Id></Othr></Id>"
        f"</{account}></RltdPties><RltdAgts><{agent}><FinInstnId><Othr>"
        f"<Id>{operator_of(line.counterparty):04d}</Id>"
        f"</Othr></FinInstnId></{agent}></RltdAgts>"
    )


def _sign(is_credit: bool) -> str:
    return "CRDT" if is_credit else "DBIT"


def _time(time_ms: int) -> str:
    return moment(time_ms).isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _REFERENCES.get(match[0], "\ufffd"), text)
