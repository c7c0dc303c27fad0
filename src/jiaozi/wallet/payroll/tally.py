"""Adds up a payroll message and compares it with what its headers say.

Sums are of the amounts as written, whether the payment is taken or not: that is what the sender
added up. An amount that is no number adds nothing, so a control sum over it differs.
"""

from dataclasses import dataclass
from datetime import date

from jiaozi.protocol.numbers import AccountNumber
from jiaozi.wallet.payroll.errors import FieldInvalid, FileTooLarge, TotalsDiffer
from jiaozi.wallet.payroll.model import (
    NOT_PROVIDED,
    Payment,
    PayrollBlock,
    PayrollCheck,
    PayrollHeader,
    PayrollLimits,
    ReasonCode,
    StatusReason,
)
from jiaozi.wallet.payroll.records import AMOUNT_FIELD, Kind, Record
from jiaozi.wallet.payroll.rules import (
    PaymentRules,
    block_terms_problem,
    read_header,
    shown_id,
)
from jiaozi.wallet.payroll.values import count_holds, decimal_units, format_units, sum_holds


@dataclass(slots=True)
class _Totals:
    """Of payments as written, and of those that may be paid."""

    count: int = 0
    units: int = 0
    payable_count: int = 0
    payable_fen: int = 0


class MessageTally:
    """Takes the records of a message one by one; `check` draws the conclusion."""

    def __init__(self, *, payer: AccountNumber, today: date, limits: PayrollLimits) -> None:
        self._payer = payer
        self._today = today
        self._limits = limits
        self._rules = PaymentRules(payer=payer, amount_fen_max=limits.amount_fen_max)
        self._header: PayrollHeader | None = None
        self._stated: Record | None = None
        self._whole = _Totals()
        self._in_block = _Totals()
        self._blocks: list[PayrollBlock] = []
        self._block_ids: set[str] = set()

    @property
    def message_id(self) -> str | None:
        """The message's id, as soon as its header was read."""
        return self._header.message_id if self._header else None

    def take(self, record: Record) -> None:
        """Add a record.

        Raises:
            FieldInvalid: A group header is wrong, or the second one.
            FileTooLarge: One payment or block more than is allowed.
        """
        match record.kind:
            case Kind.HEADER:
                self._take_header(record)
            case Kind.PAYMENT:
                self._take_payment(record)
            case Kind.BLOCK:
                self._take_block(record)

    def check(self, prefix_digests: tuple[bytes, ...]) -> PayrollCheck:
        """Conclude after the last record.

        Raises:
            FieldInvalid: There was no group header or no payment.
            TotalsDiffer: The group header says another count or sum.
        """
        if self._header is None or self._stated is None:
            raise _missing("GrpHdr")
        if self._whole.count == 0:
            raise _missing("PmtInf/CdtTrfTxInf")
        _refuse_other_totals(self._stated, self._whole)
        return PayrollCheck(
            header=self._header,
            blocks=tuple(self._blocks),
            payer=self._payer,
            payment_count=self._whole.count,
            limits=self._limits,
            prefix_digests=prefix_digests,
        )

    def _take_header(self, record: Record) -> None:
        if self._header is not None:
            raise FieldInvalid(detail="GrpHdr appears more than once", path="GrpHdr")
        self._header = read_header(record)
        self._stated = record

    def _take_payment(self, record: Record) -> None:
        totals = self._in_block
        totals.count += 1
        position = self._whole.count + totals.count
        if position > self._limits.payments_max:
            raise _too_many("payments", self._limits.payments_max)
        totals.units += decimal_units(record.fields.get(AMOUNT_FIELD, "")) or 0
        verdict = self._rules.judge(record, position)
        if isinstance(verdict, Payment):
            totals.payable_count += 1
            totals.payable_fen += verdict.amount_fen

    def _take_block(self, record: Record) -> None:
        if len(self._blocks) == self._limits.blocks_max:
            raise _too_many("PmtInf blocks", self._limits.blocks_max)
        totals, self._in_block = self._in_block, _Totals()
        self._whole.count += totals.count
        self._whole.units += totals.units
        refusal = self._block_refusal(record, totals)
        block = PayrollBlock(
            block_id=shown_id(record, "PmtInfId") or NOT_PROVIDED,
            payment_count=totals.count,
            payable_count=0 if refusal else totals.payable_count,
            payable_fen=0 if refusal else totals.payable_fen,
            refusal=refusal,
        )
        self._blocks.append(block)

    def _block_refusal(self, record: Record, totals: _Totals) -> StatusReason | None:
        """Return the first rule that a block breaks; its id counts as used either way."""
        block_id = shown_id(record, "PmtInfId")
        if block_id in self._block_ids:
            text = "PmtInfId was used by an earlier block of this message"
            return StatusReason(ReasonCode.BLOCK_NOT_UNIQUE, text, "PmtInfId")
        if block_id is not None:
            self._block_ids.add(block_id)
        terms_problem = block_terms_problem(record, payer=self._payer, today=self._today)
        return terms_problem or _block_totals_problem(record, totals)


def _block_totals_problem(record: Record, totals: _Totals) -> StatusReason | None:
    if totals.count == 0:
        text = "CdtTrfTxInf is missing: the block has no payment"
        return StatusReason(ReasonCode.ELEMENT_MISSING, text, "CdtTrfTxInf")
    if not count_holds(record.fields.get("NbOfTxs"), totals.count):
        text = f"NbOfTxs is not {totals.count}, the number of payments in the block"
        return StatusReason(ReasonCode.BLOCK_COUNT_INVALID, text, "NbOfTxs")
    if not sum_holds(record.fields.get("CtrlSum"), totals.units):
        text = f"CtrlSum is not {format_units(totals.units)}, the sum of the block's payments"
        return StatusReason(ReasonCode.BLOCK_SUM_INVALID, text, "CtrlSum")
    return None


def _refuse_other_totals(stated: Record, found: _Totals) -> None:
    if not count_holds(stated.fields["NbOfTxs"], found.count):
        raise TotalsDiffer(
            detail=f"GrpHdr/NbOfTxs is not {found.count}, the number of payments",
            path="GrpHdr/NbOfTxs",
            reason=ReasonCode.GROUP_COUNT_INVALID,
        )
    if not sum_holds(stated.fields.get("CtrlSum"), found.units):
        raise TotalsDiffer(
            detail=f"GrpHdr/CtrlSum is not {format_units(found.units)}, the sum of the payments",
            path="GrpHdr/CtrlSum",
            reason=ReasonCode.GROUP_SUM_INVALID,
        )


def _missing(path: str) -> FieldInvalid:
    return FieldInvalid(detail=f"{path} is missing", path=path, reason=ReasonCode.ELEMENT_MISSING)


def _too_many(things: str, number_max: int) -> FileTooLarge:
    return FileTooLarge(detail=f"The message has more than {number_max:,} {things}")
