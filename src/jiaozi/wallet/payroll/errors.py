"""Refusals of a whole payroll file.

Each one says what is wrong, that nothing was paid, and what to do. A fault of one payment or of
one block is no exception: it is a `StatusReason`, and the rest of the file goes on.
"""

from dataclasses import dataclass
from typing import ClassVar

from jiaozi.wallet.payroll.model import ReasonCode


@dataclass(kw_only=True, eq=False)
class PayrollRefused(Exception):
    """The file is refused as a whole.

    Attributes:
        detail: What is wrong, as a clause without a full stop.
        path: The element it is about, from the message's own names; empty if it is about none.
        reason: The ISO reason for a status report.
        message_id: The message's own id, when it was read before the fault.
    """

    code: ClassVar[str]
    advice: ClassVar[str]

    detail: str
    path: str = ""
    reason: ReasonCode = ReasonCode.FORMAT_INVALID
    message_id: str | None = None

    def __str__(self) -> str:
        return f"{self.detail}. Nothing was paid: {self.advice}."


class FileTooLarge(PayrollRefused):
    """More bytes, payments, blocks, depth or names than the limits allow."""

    code = "payroll_too_large"
    advice = "split it into smaller messages, each with an id of its own"


class DoctypeForbidden(PayrollRefused):
    """The file has a document type declaration, of whatever kind."""

    code = "payroll_doctype_forbidden"
    advice = "remove the <!DOCTYPE ...>; a payment message needs none"


class NotWellFormed(PayrollRefused):
    """The file is not XML in UTF-8 from its first byte to its last."""

    code = "payroll_not_well_formed"
    advice = "export it again, complete and in UTF-8"


class NotPain001(PayrollRefused):
    """The file is XML, but not the message that is read here."""

    code = "payroll_not_pain001"
    advice = "export it as pain.001.001.09"


class FieldInvalid(PayrollRefused):
    """A field that the whole message hangs on is missing, repeated or not of its type."""

    code = "payroll_field_invalid"
    advice = "correct the field and run it again"


class TotalsDiffer(PayrollRefused):
    """The header's count or sum is not that of the payments: some may be missing or doubled."""

    code = "payroll_totals_differ"
    advice = "compare the file with its source, then export it again"


class FileChanged(PayrollRefused):
    """The file is no longer the one that was checked."""

    code = "payroll_file_changed"
    advice = "run it again with the file as it was; what is paid is not paid twice"

    def __str__(self) -> str:
        return f"{self.detail}. Nothing from there on was paid: {self.advice}."
