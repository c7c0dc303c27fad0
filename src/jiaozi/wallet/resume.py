"""Finish what a crash or a lost answer left open.

Each open order is sent again, byte for byte; the registry answers a repeated order with its first
outcome. What it does not take any more is asked for by its id. Nothing is signed here, so nothing
is paid that was not ordered, and nothing twice.
"""

from collections.abc import Callable

from jiaozi.wallet.client import ORDERS_MAX
from jiaozi.wallet.exchange import send_exchange
from jiaozi.wallet.model import Exchange, JournaledOrder, Purpose, SignedOrder, State
from jiaozi.wallet.redeem import send_redemption
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet


async def resume(wallet: Wallet, on_resumed: Callable[[JournaledOrder | Exchange], None]) -> None:
    """Go through all that is open, oldest first, and report each as it now stands.

    When the operator answers nothing at all, the rest is left as it is.

    Raises:
        AnswerMalformed: What was not reported stays as it was.
        JournalUnavailable: Likewise.
    """
    for stored in wallet.journal.open_exchanges():
        on_resumed(await send_exchange(wallet, stored))
    after = b""
    while batch := wallet.journal.open_orders(after=after, limit=ORDERS_MAX):
        after = batch[-1].order_id
        resumed = await _resume_batch(wallet, batch)
        for each in resumed:
            on_resumed(each)
        if all(each.standing.state is State.OPEN for each in resumed):
            return


async def _resume_batch(wallet: Wallet, batch: list[SignedOrder]) -> list[JournaledOrder]:
    standings = {
        each.order_id: await send_redemption(wallet, each)
        for each in batch
        if each.purpose is Purpose.REDEEM
    }
    others = [each for each in batch if each.purpose is not Purpose.REDEEM]
    if others:
        standings |= await submit(wallet, others)
    return [JournaledOrder(order=each, standing=standings[each.order_id]) for each in batch]
