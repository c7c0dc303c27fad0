"""Exchange a deposit into digital yuan: the operator's saga, known by an id that is used once.

The id is stored before it is sent. Asking again under the same id never exchanges twice, so an
exchange without a definite answer is simply asked again.
"""

from dataclasses import replace

from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.refusals import Code
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.model import Exchange, Standing, State
from jiaozi.wallet.wallet import Wallet

_NEVER_TAKEN = frozenset(
    (
        Code.MALFORMED,
        Code.AMOUNT_OUT_OF_RANGE,
        Code.DEPOSIT_UNKNOWN,
        Code.WALLET_UNKNOWN,
        Code.ALREADY_USED,
    )
)
"""Refusals that every other copy of the same request meets with as well."""


async def exchange(wallet: Wallet, *, deposit_id: str, amount_fen: int) -> Exchange:
    """Exchange an amount of a deposit and return what became of it.

    Raises:
        JournalUnavailable: It was not stored and not sent; or sent, and stays open.
        AnswerMalformed: It was sent and stays open.
    """
    stored = Exchange(
        exchange_id=new_order_id(wallet.edge.now_ms(), wallet.edge.random(10)),
        deposit_id=deposit_id,
        amount_fen=amount_fen,
    )
    wallet.journal.store_exchange(stored)
    return await send_exchange(wallet, stored)


async def send_exchange(wallet: Wallet, stored: Exchange) -> Exchange:
    """Send an exchange that stands in the journal, and note what became of it."""
    reply = await wallet.client.exchange(
        stored.exchange_id, deposit_id=stored.deposit_id, amount_fen=stored.amount_fen
    )
    match reply.answer:
        case None:
            standing = stored.standing
        case NotTaken(refusal=refusal):
            state = State.REFUSED if refusal.code in _NEVER_TAKEN else State.OPEN
            standing = Standing(state=state, refusal=refusal)
        case Standing() as told:
            standing = told
    wallet.journal.record_exchange(stored.exchange_id, standing)
    return replace(stored, standing=standing)
