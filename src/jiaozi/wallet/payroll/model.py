"""What a payroll message says, and what became of each payment in it.

Values only: the reader (`pain001`) makes them, the writers (`pain001_writer`, `pain002`) print
them. Nothing here reads, writes or decides.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jiaozi.protocol.money import FEN_MAX, Fen
from jiaozi.protocol.numbers import AccountNumber

CURRENCY = "CNY"
"""ISO 4217 code of the only currency that a wallet holds."""

NOT_PROVIDED = "NOTPROVIDED"
"""What ISO 20022 messages carry where an identification is mandatory and there is none."""


class ReasonCode(StrEnum):
    """Why a message, a block of payments or a payment was refused.

    Source: ISO 20022 external code set ExternalStatusReason1Code, of which these are a part.
    """

    DEBTOR_ACCOUNT_INVALID = "AC02"
    CREDITOR_ACCOUNT_INVALID = "AC03"
    DEBTOR_ACCOUNT_CLOSED = "AC05"
    ACCOUNT_BLOCKED = "AC06"
    PAYMENT_NOT_SUPPORTED = "AG03"
    AMOUNT_ZERO = "AM01"
    AMOUNT_TOO_LARGE = "AM02"
    CURRENCY_NOT_ALLOWED = "AM03"
    FUNDS_INSUFFICIENT = "AM04"
    CURRENCY_MISSING = "AM11"
    AMOUNT_INVALID = "AM12"
    AMOUNT_ABOVE_LIMIT = "AM14"
    GROUP_SUM_INVALID = "AM16"
    BLOCK_SUM_INVALID = "AM17"
    GROUP_COUNT_INVALID = "AM19"
    BLOCK_COUNT_INVALID = "AM20"
    CONTENT_INVALID = "CH16"
    DECIMALS_INVALID = "CH20"
    ELEMENT_MISSING = "CH21"
    DATE_INVALID = "DT01"
    DATE_IN_FUTURE = "DT04"
    BLOCK_NOT_UNIQUE = "DU02"
    PAYMENT_NOT_UNIQUE = "DU03"
    END_TO_END_ID_NOT_UNIQUE = "DU04"
    INSTRUCTION_ID_NOT_UNIQUE = "DU05"
    FORMAT_INVALID = "FF01"
    END_TO_END_ID_INVALID = "FF08"


class PaymentStatus(StrEnum):
    """What became of a payment.

    Source: ISO 20022 external code set ExternalPaymentTransactionStatus1Code.
    """

    SETTLED = "ACSC"
    PENDING = "PDNG"
    REFUSED = "RJCT"


@dataclass(frozen=True, slots=True)
class StatusReason:
    """A reason for people and for machines.

    Attributes:
        code: An ISO reason, or a proprietary one of up to 35 characters.
        text: One sentence that says what is wrong.
        path: The element it is about, from the message's own names; empty if it is about none.
    """

    code: ReasonCode | str
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class PayrollLimits:
    """How much of a file is taken; whatever is above is refused before anything is paid."""

    file_bytes_max: int = 512 * 2**20
    payments_max: int = 200_000
    blocks_max: int = 1_000
    amount_fen_max: int = FEN_MAX


@dataclass(frozen=True, slots=True)
class PayrollHeader:
    """Who sent the message, and when (GroupHeader85).

    Attributes:
        message_id: The sender's id of the message, up to 35 characters.
        created_at: With the sender's offset; one without is read as UTC+8.
        initiating_party: The sender's name, up to 140 characters.
    """

    message_id: str
    created_at: datetime
    initiating_party: str | None


@dataclass(frozen=True, slots=True)
class PayrollBlock:
    """One PmtInf: payments from one wallet on one day (PaymentInstruction30).

    Attributes:
        block_id: PmtInfId, up to 35 characters.
        payment_count: Payments in the block, refused ones too.
        payable_count: Payments that `read_payments` yields as `Payment`; 0 in a refused block.
        payable_fen: The sum of those.
        refusal: Why no payment of this block is taken; None when the block is good.
    """

    block_id: str
    payment_count: int
    payable_count: int
    payable_fen: int
    refusal: StatusReason | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One credit transfer that may be paid (CreditTransferTransaction34).

    Attributes:
        position: Its place in the message, counted from 1.
        end_to_end_id: The payer's id, unique in the message, up to 35 characters.
        amount_fen: Above zero.
        payee: A well-formed wallet number, not the payer's own; whether it exists is not known yet.
        payee_name: As the payer wrote it, up to 140 characters; nobody has checked it.
        remittance: A line for the payee, up to 140 characters.
        instruction_id: A second id of the payer, unique in the message, up to 35 characters.
        uetr: A version 4 UUID in lower case.
    """

    position: int
    end_to_end_id: str
    amount_fen: Fen
    payee: AccountNumber
    payee_name: str | None = None
    remittance: str | None = None
    instruction_id: str | None = None
    uetr: str | None = None


@dataclass(frozen=True, slots=True)
class RejectedPayment:
    """One credit transfer that must not be paid, with the ids under which the payer knows it.

    Attributes:
        position: Its place in the message, counted from 1.
        end_to_end_id: None when missing or no valid id; the others likewise.
    """

    position: int
    reason: StatusReason
    end_to_end_id: str | None = None
    instruction_id: str | None = None
    uetr: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What became of a payment that was sent.

    Attributes:
        reason: Why it was refused or is pending.
        reference: The order's id at the registry, up to 35 characters.
    """

    payment: Payment
    status: PaymentStatus
    reason: StatusReason | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PayrollCheck:
    """A message that was read to its end and may be paid.

    Attributes:
        payer: The wallet that pays.
        payment_count: Payments in the message, refused ones too.
        prefix_digests: SHA-256 of the file up to the end of each chunk, by which the second pass
            proves that it reads the bytes of the first.
    """

    header: PayrollHeader
    blocks: tuple[PayrollBlock, ...]
    payer: AccountNumber
    payment_count: int
    limits: PayrollLimits
    prefix_digests: tuple[bytes, ...]

    @property
    def payable_count(self) -> int:
        """Payments that `read_payments` yields as `Payment`."""
        return sum(block.payable_count for block in self.blocks)

    @property
    def payable_fen(self) -> int:
        """The sum of the payable payments: what the wallet is about to spend."""
        return sum(block.payable_fen for block in self.blocks)

    @property
    def refused_count(self) -> int:
        """Payments that `read_payments` yields as `RejectedPayment`."""
        return self.payment_count - self.payable_count

    @property
    def file_digest(self) -> bytes:
        """SHA-256 of the file: tells a rerun of one file from another file of the same id."""
        return self.prefix_digests[-1]
