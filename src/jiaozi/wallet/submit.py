"""Send stored orders, judge what came back, note it in the journal.

======================================  ========================================================
what came back                          what the order is then
======================================  ========================================================
an outcome in a block                   settled or refused, for good
a refusal without effect                asked for by its id: another copy may have settled, or
                                        settle yet, until the order is dead (rules.md §C.3)
no definite answer                      open
======================================  ========================================================
"""

from collections.abc import Sequence

from jiaozi.protocol.ids import OrderId
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.client import OrderReply
from jiaozi.wallet.inquire import inquire_after
from jiaozi.wallet.model import OPEN, SignedOrder, Standing
from jiaozi.wallet.wallet import Wallet


async def submit(wallet: Wallet, orders: Sequence[SignedOrder]) -> dict[OrderId, Standing]:
    """Send up to `client.ORDERS_MAX` orders that stand in the journal.

    Args:
        wallet: Theirs.
        orders: Payments; redemptions go by `redeem`.

    Returns:
        What each order is now; the same stands in the journal.

    Raises:
        AnswerMalformed: What is not noted in the journal stays open.
        JournalUnavailable: All stay open.
    """
    replies = await wallet.client.send_orders([each.submission for each in orders])
    standings: dict[OrderId, Standing] = {}
    try:
        for order, reply in zip(orders, replies, strict=True):
            standings[order.order_id] = await _judge(wallet, order, reply)
    finally:
        wallet.journal.record(standings)
    return standings


async def _judge(wallet: Wallet, order: SignedOrder, reply: OrderReply) -> Standing:
    match reply.answer:
        case None:
            return OPEN
        case NotTaken(refusal=refusal):
            return await inquire_after(wallet, order, refusal)
        case Standing() as standing:
            return standing
