"""Send stored orders, judge what came back, note it in the journal.

======================================  ========================================================
what came back                          what the order is then
======================================  ========================================================
an outcome in a block                   settled or refused, for good
a refusal without effect, sent once     refused: the bytes were looked at and not taken
the same, but it was sent before        asked for by its id: an earlier copy may have settled
no definite answer                      open
======================================  ========================================================
"""

from collections.abc import Sequence

from jiaozi.protocol.ids import OrderId
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.client import OrderReply
from jiaozi.wallet.inquire import inquire
from jiaozi.wallet.model import OPEN, SignedOrder, Standing, State
from jiaozi.wallet.wallet import Wallet


async def submit(
    wallet: Wallet, orders: Sequence[SignedOrder], *, first_time: bool
) -> dict[OrderId, Standing]:
    """Send up to `client.ORDERS_MAX` orders that stand in the journal.

    Args:
        wallet: Theirs.
        orders: Payments; redemptions go by `redeem`.
        first_time: No earlier process may have sent them.

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
            standings[order.order_id] = await _judge(wallet, order, reply, first_time=first_time)
    finally:
        wallet.journal.record(standings)
    return standings


async def _judge(
    wallet: Wallet, order: SignedOrder, reply: OrderReply, *, first_time: bool
) -> Standing:
    match reply.answer:
        case None:
            return OPEN
        case NotTaken(refusal=refusal):
            if first_time and not reply.sent_before:
                return Standing(state=State.REFUSED, refusal=refusal)
            found = await inquire(wallet, order)
            return Standing(state=State.OPEN, refusal=refusal) if found == OPEN else found
        case Standing() as standing:
            return standing
