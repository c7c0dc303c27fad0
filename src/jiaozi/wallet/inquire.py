"""Ask the registry, through the operator, what became of an order.

An order is dead, so that its money may be spent otherwise, only when the registry has not seen its
id at a signed height whose time is past its expiry (rules.md §C.3). The registry forgets an id
when its last day is over (`ids.last_expiry_day`); from then on its silence proves nothing, and the
operator's history, which forgets nothing, is read instead.
"""

from jiaozi.protocol import blocks, orders
from jiaozi.protocol.ids import DAY_MS, last_expiry_day, new_order_id
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer
from jiaozi.wallet.history import find_in_history
from jiaozi.wallet.model import DEAD, OPEN, SignedOrder, Standing, State
from jiaozi.wallet.wallet import Wallet


async def inquire(wallet: Wallet, order: SignedOrder) -> Standing:
    """Return what the registry holds of an order.

    Open when that is not certain; with the refusal, when the question itself was refused.

    Raises:
        AnswerMalformed: The operator's answer is unreadable or its header not the registry's.
    """
    try:
        found = await wallet.client.outcome(order.order_id)
        if found.standing is not None:
            return _standing(order, found.standing, found.identity)
        now_ms = await _signed_time_ms(wallet, found.header)
        if now_ms <= order.expires_ms:
            return OPEN
        if now_ms // DAY_MS <= last_expiry_day(order.order_id):
            return DEAD
        return await find_in_history(wallet, order)
    except NoAnswer:
        return OPEN
    except Refusal as refusal:
        return Standing(state=State.OPEN, refusal=refusal)


async def inquire_after(wallet: Wallet, order: SignedOrder, refusal: Refusal) -> Standing:
    """Return what the registry holds of an order whose sending was refused without effect.

    Such a refusal is not for good: a copy that was delayed on its way may settle as long as the
    order lives. While nothing is certain the order is open and bears the refusal.

    Raises:
        AnswerMalformed: As `inquire`.
    """
    found = await inquire(wallet, order)
    return Standing(state=State.OPEN, refusal=refusal) if found == OPEN else found


async def registry_time_ms(wallet: Wallet) -> int | None:
    """Return the registry's latest signed time, or None when the operator does not tell it.

    Raises:
        AnswerMalformed: The header is not the registry's.
    """
    nobodys_id = new_order_id(wallet.edge.now_ms(), wallet.edge.random(10))
    try:
        found = await wallet.client.outcome(nobodys_id)
        return await _signed_time_ms(wallet, found.header)
    except (NoAnswer, Refusal):
        return None


def _standing(order: SignedOrder, standing: Standing, identity: bytes | None) -> Standing:
    """Take an outcome for this order, if it is this very one that used up the id."""
    if identity == orders.parse(order.submission).identity:
        return standing
    return Standing(state=State.REFUSED, refusal=refuse(Code.ID_REUSED))


async def _signed_time_ms(wallet: Wallet, header: bytes) -> int:
    try:
        signed = await wallet.block_keys.checked(
            lambda keys: blocks.read_header(header, block_keys=keys, network=wallet.network)
        )
    except Refusal as refusal:
        raise AnswerMalformed(detail=f"The header is not the registry's: {refusal}") from refusal
    return signed.header.time_ms
