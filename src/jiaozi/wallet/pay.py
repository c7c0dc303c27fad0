"""Pay one or several wallets by one order, all or nothing.

The order is signed, stored in the journal, and only then sent. A lost answer leaves it open; it is
never signed a second time: `resume` sends the same bytes until its outcome is known.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jiaozi.protocol import orders
from jiaozi.protocol.ids import DAY_MS, new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead
from jiaozi.wallet.errors import AlreadyPaid
from jiaozi.wallet.model import Claim, JournaledOrder, Note, Purpose, SignedOrder
from jiaozi.wallet.notes import reference_of
from jiaozi.wallet.second_factor import made_whole
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet

LIFETIME_MS = 10 * 60_000
"""An order that a person waits for: soon either settled or dead."""
PAYROLL_LIFETIME_MS = DAY_MS
"""An order of a file: time enough to resume the file the same day."""


class Payee(NamedTuple):
    """A wallet and what it is to get."""

    number: AccountNumber
    amount_fen: int


async def pay_claimed(
    wallet: Wallet,
    payee: Payee,
    claim: Claim,
    *,
    note: Note | None = None,
    link: bytes | None = None,
    pin: str | None = None,
) -> JournaledOrder:
    """Pay something that may be paid only so far, by one order; as `pay`.

    Raises:
        AlreadyPaid: The orders for it that settled, or may yet, would pass its limit.
    """
    order = sign_payment(wallet, [payee], kept_note=note, link=link)
    order = await made_whole(wallet, order, pin)
    if not wallet.journal.store_claimed(order, claim):
        raise AlreadyPaid(detail="An order for this has settled or may settle yet")
    standings = await submit(wallet, [order])
    return JournaledOrder(order=order, standing=standings[order.order_id])


async def pay(
    wallet: Wallet,
    payees: Sequence[Payee],
    *,
    note: str | None = None,
    pin: str | None = None,
) -> JournaledOrder:
    """Pay every payee by one order and return it with what became of it.

    A refusal by the registry is returned, not raised: it is the order's outcome. With a PIN the
    operator signs the order too.

    Raises:
        Refusal: The order could never be taken (a bad number or amount, a payment to oneself), or
            as `countersigned`; nothing was stored or sent.
        NoAnswer: The operator did not sign in time; nothing was stored or sent.
        JournalUnavailable: It was not stored and not sent; or sent, and stays open.
        AnswerMalformed: It was sent and stays open.
    """
    order = await made_whole(wallet, sign_payment(wallet, payees, note=note), pin)
    wallet.journal.store([order])
    standings = await submit(wallet, [order])
    return JournaledOrder(order=order, standing=standings[order.order_id])


def sign_payment(
    wallet: Wallet,
    payees: Sequence[Payee],
    *,
    note: str | None = None,
    purpose: Purpose = Purpose.PAYMENT,
    lifetime_ms: int = LIFETIME_MS,
    kept_note: Note | None = None,
    link: bytes | None = None,
) -> SignedOrder:
    """Sign a payment order; it is not stored yet and must not be sent before.

    ``kept_note`` is a note that has a salt already; ``link`` the identity of what is returned.
    """
    random, now_ms = wallet.edge.random, wallet.edge.now_ms()
    if note is not None:
        kept_note = Note(salt=random(SALT_LENGTH), text=note)
    head = OrderHead(
        id=new_order_id(now_ms, random(10)),
        type=OrderType.PAYMENT,
        expires_ms=now_ms + lifetime_ms,
        reference=None if kept_note is None else reference_of(kept_note),
        link=link,
    )
    legs = [
        Leg(wallet.number, payee.number, payee.amount_fen, random(SALT_LENGTH)) for payee in payees
    ]
    return SignedOrder(
        order_id=head.id,
        purpose=purpose,
        submission=orders.sign_order(head, [wallet.signer], wallet.network, legs=legs),
        expires_ms=head.expires_ms,
        note=kept_note,
    )
