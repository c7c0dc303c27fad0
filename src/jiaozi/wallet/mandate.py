"""Pay by a mandate: a platform's key, named by a payer, pays one payee within the payer's bounds.

::

    platform -> payer      the public key of a key that it made
    payer    -> registry   a mandate: key, payee, limits, expiry (`life.give_mandate`)
    platform -> payer's operator   payments signed with its key alone, until it is cancelled

A platform has no wallet here and no journal: each order stands in a file of its own before it is
sent, and sending the file again never pays twice.
"""

from dataclasses import dataclass
from pathlib import Path

from jiaozi.protocol import orders
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, Order, OrderHead
from jiaozi.protocol.refusals import Code
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import NoAnswer, WalletError
from jiaozi.wallet.keystore import Keystore, write_whole
from jiaozi.wallet.model import OPEN, Standing
from jiaozi.wallet.pay import LIFETIME_MS


class OrderFileDiffers(WalletError):
    """The file holds another payment than the one that is asked for."""

    code = "order_file_differs"
    advice = "Nothing was sent. Name a new file for another payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class MandatePayment:
    """What a platform pays; the mandate is known by its 16 bytes and its payer."""

    mandate: bytes
    payer: AccountNumber
    payee: AccountNumber
    amount_fen: int


def order_in_file(path: Path, keystore: Keystore, payment: MandatePayment, edge: Edge) -> Order:
    """Return the order that stands in a file, or sign one and put it there.

    Raises:
        OrderFileDiffers: Another payment, or none, stands there.
        Refusal: The payment could never be taken; nothing was written.
        OSError: The file cannot be read or written.
    """
    if not path.exists():
        submission = _sign(keystore, payment, edge)
        orders.parse(submission)
        write_whole(path, submission, replace=False)
    with path.open("rb") as file:
        order = orders.parse(file.read(SUBMISSION_BYTES_MAX + 1))
    if order.type is not OrderType.MANDATE_PAYMENT or _payment(order) != payment:
        raise OrderFileDiffers(detail=f"{path} holds another payment")
    return order


async def send_mandate_payment(client: OperatorClient, order: Order) -> Standing:
    """Send an order that stands in a file; any number of times, it settles once at most.

    Raises:
        Refusal: It was not taken.
        NoAnswer: It has expired: whether it settled before, the payee's history tells.
        AnswerMalformed: What became of it is unknown.
    """
    [reply] = await client.send_orders([order.encoded])
    match reply.answer:
        case None:
            return OPEN
        case NotTaken(refusal=refusal) if refusal.code is Code.EXPIRED:
            raise NoAnswer(detail="The order has expired; the payee's history tells if it settled")
        case NotTaken(refusal=refusal):
            raise refusal
        case Standing() as standing:
            return standing


def _sign(keystore: Keystore, payment: MandatePayment, edge: Edge) -> bytes:
    now_ms = edge.now_ms()
    head = OrderHead(
        id=new_order_id(now_ms, edge.random(10)),
        type=OrderType.MANDATE_PAYMENT,
        expires_ms=now_ms + LIFETIME_MS,
    )
    leg = Leg(payment.payer, payment.payee, payment.amount_fen, edge.random(SALT_LENGTH))
    return orders.sign_order(
        head, [keystore.signer], keystore.public.network, legs=[leg], mandate=payment.mandate
    )


def _payment(order: Order) -> MandatePayment:
    leg = order.legs[0]
    return MandatePayment(
        mandate=order.body["mandate"],
        payer=AccountNumber(leg.debit),
        payee=AccountNumber(leg.credit),
        amount_fen=leg.amount,
    )
