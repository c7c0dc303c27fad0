"""Send back what came in, or a part of it, by a payment linked to the original.

What is left is what came in less all that was sent back: by the operator's history, and by the
journal, which also knows what has no answer yet. The journal claims each return, so that two of
them at once do not send back more than came.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from jiaozi.protocol.ids import AHEAD_MAX_MS, OrderId, id_time_ms
from jiaozi.protocol.money import format_yuan
from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.wallet.answers import take
from jiaozi.wallet.errors import AlreadyPaid, AnswerMalformed, NotReturnable
from jiaozi.wallet.history import read_history
from jiaozi.wallet.model import Claim, JournaledOrder
from jiaozi.wallet.pay import Payee, pay_claimed
from jiaozi.wallet.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What one payer's order brought in, and what was sent back of it.

    Attributes:
        identity: Of the order: what a return is linked to.
        here_fen: Sent back by orders of this journal that settled, or may yet.
        elsewhere_fen: Sent back by orders that the operator's history alone knows.
    """

    order_id: OrderId
    identity: bytes
    payer: AccountNumber
    amount_fen: int
    here_fen: int
    elsewhere_fen: int

    @property
    def left_fen(self) -> int:
        """What can be sent back yet."""
        return self.amount_fen - self.here_fen - self.elsewhere_fen

    @property
    def subject(self) -> bytes:
        """What returns of it claim: one order may have several payers."""
        return sha256(b"return" + self.identity + format_number(self.payer).encode()).digest()


async def find_original(wallet: Wallet, order_id: OrderId) -> Original:
    """Find what an order brought in; of several by one id the newest.

    Raises:
        NotReturnable: No settled order of this id has paid this wallet.
        NoAnswer: The operator does not show the history.
        AnswerMalformed: Likewise.
    """
    found: list[dict[str, Any]] = []
    earliest_ms = max(0, id_time_ms(order_id) - AHEAD_MAX_MS)
    async for entry in read_history(wallet, from_ms=earliest_ms, direction="in"):
        is_payment = take(entry, "type", str) in ("payment", "mandate_payment")
        if is_payment and take(entry, "order_id", str) == order_id.hex():
            found.append(entry)
    if not found:
        raise NotReturnable(detail=f"No payment by order {order_id.hex()} came in")
    identity, payer = take(found[0], "identity", str), take(found[0], "counterparty", str)
    legs = [each for each in found if (each["identity"], each["counterparty"]) == (identity, payer)]
    try:
        original = Original(
            order_id=order_id,
            identity=bytes.fromhex(identity),
            payer=parse_number(payer),
            amount_fen=sum(take(each, "amount_fen", int) for each in legs),
            here_fen=0,
            elsewhere_fen=0,
        )
    except ValueError as error:
        raise AnswerMalformed(detail="An entry of the history is unreadable") from error
    return await _with_returns(wallet, original)


async def return_payment(
    wallet: Wallet,
    original: Original,
    *,
    amount_fen: int | None = None,
    pin: str | None = None,
) -> JournaledOrder:
    """Send back an amount, or all that is left.

    Raises:
        NotReturnable: Nothing, or less than that, is left.
        Refusal: As `pay`.
    """
    amount_fen = original.left_fen if amount_fen is None else amount_fen
    if not 0 < amount_fen <= original.left_fen:
        left = format_yuan(original.left_fen)
        raise NotReturnable(detail=f"Of this payment {left} yuan are left to send back")
    claim = Claim(original.subject, amount_fen, original.amount_fen - original.elsewhere_fen)
    try:
        return await pay_claimed(
            wallet, Payee(original.payer, amount_fen), claim, link=original.identity, pin=pin
        )
    except AlreadyPaid as error:
        raise NotReturnable(detail="Another return of this payment is under way") from error


async def _with_returns(wallet: Wallet, original: Original) -> Original:
    """Add what was sent back: the journal's orders, and those that the history alone knows."""
    own = {
        each.order_id.hex(): each.amount_fen
        for each in wallet.journal.claimed(original.subject)
        if each.counts
    }
    elsewhere_fen = 0
    async for entry in read_history(wallet, link=original.identity.hex(), direction="out"):
        is_back = take(entry, "counterparty", str) == format_number(original.payer)
        is_known = take(entry, "order_id", str) in own
        if is_back and not is_known and take(entry, "state", str) == "settled":
            elsewhere_fen += take(entry, "amount_fen", int)
    return replace(original, here_fen=sum(own.values()), elsewhere_fen=elsewhere_fen)
