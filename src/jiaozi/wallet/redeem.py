"""Redeem digital yuan into a deposit: a signed order to the operator's vault, credited by it.

The wallet signs and stores the order; the operator has it settled and then credits the deposit.
Handing in the same order again credits it once.
"""

from jiaozi.protocol import numbers, orders
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.inquire import inquire, inquire_after
from jiaozi.wallet.model import DEAD, OPEN, JournaledOrder, Purpose, SignedOrder, Standing
from jiaozi.wallet.pay import LIFETIME_MS
from jiaozi.wallet.second_factor import made_whole
from jiaozi.wallet.wallet import Wallet


async def redeem(
    wallet: Wallet, *, deposit_id: str, amount_fen: int, pin: str | None = None
) -> JournaledOrder:
    """Redeem an amount into a deposit and return the order with what became of it.

    With a PIN the operator signs the order too, as it has to above the wallet's own amount.

    Raises:
        Refusal: The order could never be taken, or as `countersigned`; nothing was stored or sent.
        NoAnswer: The operator did not sign in time; nothing was stored or sent.
        JournalUnavailable: It was not stored and not sent; or sent, and stays open.
        AnswerMalformed: It was sent and stays open.
    """
    order = await made_whole(wallet, _sign_redeem(wallet, deposit_id, amount_fen), pin)
    wallet.journal.store([order])
    standing = await send_redemption(wallet, order)
    return JournaledOrder(order=order, standing=standing)


async def send_redemption(wallet: Wallet, order: SignedOrder) -> Standing:
    """Hand in a redeem order that stands in the journal, and note what became of it."""
    assert order.deposit_id is not None
    reply = await wallet.client.redeem(order.submission, deposit_id=order.deposit_id)
    match reply.answer:
        case None:
            standing = OPEN
        case NotTaken(refusal=refusal):
            standing = await inquire_after(wallet, order, refusal)
        case Standing() as told if told != DEAD:
            standing = told
        case _:
            standing = await inquire(wallet, order)
    wallet.journal.record({order.order_id: standing})
    return standing


def _sign_redeem(wallet: Wallet, deposit_id: str, amount_fen: int) -> SignedOrder:
    random, now_ms = wallet.edge.random, wallet.edge.now_ms()
    vault = numbers.vault_of(wallet.operator)
    head = OrderHead(
        id=new_order_id(now_ms, random(10)),
        type=OrderType.REDEEM,
        expires_ms=now_ms + LIFETIME_MS,
    )
    leg = Leg(wallet.number, vault, amount_fen, random(SALT_LENGTH))
    return SignedOrder(
        order_id=head.id,
        purpose=Purpose.REDEEM,
        submission=orders.sign_order(head, [wallet.signer], wallet.network, legs=[leg]),
        expires_ms=head.expires_ms,
        deposit_id=deposit_id,
    )
