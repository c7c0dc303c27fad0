"""Payment requests: ask to be paid, pay what another wallet asks for, see what came of it.

A request is paid once: its identity is claimed in the journal with the order that pays it, and
before that the operator's history is asked, so that a wallet that was restored elsewhere does not
pay again what its journal does not know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.money import Fen
from jiaozi.protocol.payment_request import PaymentRequest, Terms, read_request, sign_request
from jiaozi.wallet.answers import take
from jiaozi.wallet.errors import AlreadyPaid, RequestExpired, RequestUnproven
from jiaozi.wallet.history import read_history
from jiaozi.wallet.model import Claim, JournaledOrder, Note, OwnRequest
from jiaozi.wallet.open import learn_certify_keys
from jiaozi.wallet.pay import Payee, pay_claimed
from jiaozi.wallet.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A request and whether the payee's operator attests that it is the payee's.

    Attributes:
        is_attested: By a key that the root certified for the payee's operator, for that time.
    """

    request: PaymentRequest
    is_attested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A request of this wallet's own and what came of it.

    Attributes:
        paid_fen: What came in under its reference.
        returned_fen: What of it was sent back.
        order_ids: Of the payments.
    """

    request: OwnRequest
    paid_fen: int
    returned_fen: int
    order_ids: tuple[str, ...]
    is_expired: bool

    @property
    def state(self) -> str:
        """``paid``, ``part`` paid, ``expired`` or ``open``."""
        if self.paid_fen and self.paid_fen >= (self.request.amount_fen or 0):
            return "paid"
        if self.paid_fen:
            return "part"
        return "expired" if self.is_expired else "open"


async def make_request(
    wallet: Wallet, *, amount_fen: Fen | None, note: str, lifetime_ms: int
) -> OwnRequest:
    """Sign a request, keep it and return it; ``text`` is what the payer is given.

    Raises:
        Refusal: The terms are none that a request can have; nothing was kept.
        NoAnswer: The operator did not attest the wallet's key.
        JournalUnavailable: It was not kept and may not be handed out.
    """
    attestation = await wallet.client.attestation()
    now_ms = wallet.edge.now_ms()
    terms = Terms(
        id=new_order_id(now_ms, wallet.edge.random(10)),
        payee=wallet.number,
        amount_fen=amount_fen,
        expires_ms=now_ms + lifetime_ms,
        note=note,
    )
    text = sign_request(terms, attestation, wallet.signer, wallet.network)
    made = read_request(text, wallet.network)
    own = OwnRequest(terms.id, made.reference, amount_fen, terms.expires_ms, note, text)
    wallet.journal.store_request(own)
    return own


async def examine(wallet: Wallet, text: str) -> Examined:
    """Read a request and find out what is proven of it; see `protocol.payment_request`.

    Raises:
        Refusal: It is none, was changed, or is of another network.
        NetworkDiffers: The operator shows another genesis than the wallet's.
        AnswerMalformed: It shows keys that are none.
    """
    request = read_request(text, wallet.network)
    keys = await learn_certify_keys(wallet.client, expected=wallet.network)
    return Examined(request=request, is_attested=request.is_attested(keys, wallet.network))


async def pay_request(
    wallet: Wallet,
    examined: Examined,
    *,
    amount_fen: Fen,
    accept_unproven: bool = False,
    pin: str | None = None,
) -> JournaledOrder:
    """Pay a request once, under its reference.

    Raises:
        RequestExpired: The payee waits no more.
        RequestUnproven: Nobody attests it, and that is not accepted.
        AlreadyPaid: An order for it has settled, or may settle yet.
        ValueError: Another amount than the one that is asked for.
        Refusal: As `pay`, or the operator does not show the history.
        NoAnswer: The operator does not show the history; nothing was sent.
    """
    request = examined.request
    terms = request.terms
    if terms.amount_fen not in (None, amount_fen):
        raise ValueError("the request asks for another amount")
    if terms.expires_ms <= wallet.edge.now_ms():
        raise RequestExpired(detail="The request has expired")
    if not (examined.is_attested or accept_unproven):
        raise RequestUnproven(detail="Nobody attests that the payee made this request")
    async for entry in read_history(wallet, reference=request.reference.hex(), direction="out"):
        if take(entry, "state", str) == "settled":
            raise AlreadyPaid(detail=f"Order {take(entry, 'order_id', str)} has paid this request")
    note = Note(salt=request.salt, text=terms.note)
    claim = Claim(request.identity, amount_fen, amount_fen)
    return await pay_claimed(wallet, Payee(terms.payee, amount_fen), claim, note=note, pin=pin)


async def follow_requests(wallet: Wallet, *, limit: int) -> list[Followed]:
    """Return this wallet's newest requests and what the history shows of each.

    Raises:
        NoAnswer: The operator does not show the history.
        AnswerMalformed: Likewise.
    """
    now_ms = wallet.edge.now_ms()
    followed: list[Followed] = []
    for own in wallet.journal.requests(limit=limit):
        filters = {"reference": own.reference.hex(), "direction": "in"}
        entries = [entry async for entry in read_history(wallet, **filters)]
        followed.append(
            Followed(
                request=own,
                paid_fen=sum(_numbers(entries, "amount_fen")),
                returned_fen=sum(_numbers(entries, "returned_fen")),
                order_ids=tuple(take(each, "order_id", str) for each in entries),
                is_expired=own.expires_ms <= now_ms,
            )
        )
    return followed


def _numbers(entries: list[dict[str, Any]], name: str) -> Iterator[int]:
    return (take(each, name, int) for each in entries)
