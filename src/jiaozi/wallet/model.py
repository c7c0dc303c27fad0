"""What a wallet knows of the orders it signed: values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Refusal


class State(StrEnum):
    """What became of an order.

    ``OPEN`` may settle yet; the others are for good. ``DEAD`` was never taken and never can be: the
    registry had not seen it at a signed height past its expiry.
    """

    OPEN = "open"
    SETTLED = "settled"
    REFUSED = "refused"
    DEAD = "dead"


class Purpose(StrEnum):
    """What an order was signed for; it decides by which route it is sent again."""

    PAYMENT = "payment"
    REDEEM = "redeem"
    PAYROLL = "payroll"
    LIFE = "life"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of an order, with why it was refused and where it stands in the blocks.

    A refusal without height had no effect and used up no id. An open order may bear the refusal
    that its last sending met with: the reason why nothing is known of an earlier one.
    """

    state: State
    refusal: Refusal | None = None
    height: int | None = None
    position: int | None = None


OPEN = Standing(state=State.OPEN)
DEAD = Standing(state=State.DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the holder's own eyes; its salted hash is the order's reference."""

    salt: bytes
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
    """A signed order, ready to be stored and then sent.

    Attributes:
        submission: The bytes that are sent, the same ones every time.
        deposit_id: Where a redeem is credited.
    """

    order_id: OrderId
    purpose: Purpose
    submission: bytes
    expires_ms: int
    deposit_id: str | None = None
    note: Note | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledOrder:
    """An order as the journal holds it."""

    order: SignedOrder
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class PayrollKey:
    """A payment of a payroll message, and what it pays to whom."""

    message_id: str
    payment_id: str
    payee: AccountNumber
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A deposit on its way into the wallet; known by an id that is used once."""

    exchange_id: OrderId
    deposit_id: str
    amount_fen: int
    standing: Standing = OPEN


class Claim(NamedTuple):
    """What an order takes of something that may be paid only so far.

    Attributes:
        subject: 32 bytes that name it: the identity of a payment request, or of what is returned.
        limit_fen: What all orders for it may come to.
    """

    subject: bytes
    amount_fen: int
    limit_fen: int


class ClaimedOrder(NamedTuple):
    """An order that was made for a subject."""

    order_id: OrderId
    amount_fen: int
    state: State

    @property
    def counts(self) -> bool:
        """Whether it has settled, or may yet."""
        return self.state in (State.OPEN, State.SETTLED)


class OwnRequest(NamedTuple):
    """A payment request that this wallet made; without amount the payer chooses one."""

    request_id: OrderId
    reference: bytes
    amount_fen: int | None
    expires_ms: int
    note: str
    text: str
