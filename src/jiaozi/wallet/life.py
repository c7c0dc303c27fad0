"""Orders about the wallet itself: limits, freezes, mandates, closing, objecting to a new key.

They move no money and go the way of payments: signed, stored in the journal, sent, and sent again
until the outcome is known. What a thief with the key could misuse takes the operator's signature
too, which is given for a PIN (`second_factor`).
"""

from dataclasses import dataclass

from jiaozi.protocol import orders
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.order_types import ORDER_TYPES, FreezeScope, OrderType, Role
from jiaozi.protocol.orders import OrderHead
from jiaozi.wallet.model import JournaledOrder, Purpose, SignedOrder
from jiaozi.wallet.second_factor import PinNotGiven, countersigned
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet

LIFETIME_MS = 3_600_000
CASE_LENGTH = MANDATE_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateTerms:
    """What a platform's key may pay, to one payee."""

    suite: int
    public_key: bytes
    payee: int
    single_limit_fen: int
    day_limit_fen: int
    expires_ms: int


def needs_operator(order_type: OrderType) -> bool:
    """Say whether the operator signs such an order too."""
    return Role.CERTIFY in ORDER_TYPES[order_type].signers


async def order_about_wallet(
    wallet: Wallet, order_type: OrderType, *, pin: str | None = None, **body: int | bytes | None
) -> JournaledOrder:
    """Sign, store and send an order about the wallet; ``number`` is filled in.

    Raises:
        Refusal: The order could never be taken, or as `countersigned`; nothing was stored or sent.
        PinNotGiven: The operator signs it too, for a PIN; nothing was stored or sent.
        NoAnswer: Likewise.
        JournalUnavailable: Nothing was sent.
        AnswerMalformed: What was stored stays open.
    """
    order = _sign(wallet, order_type, **body)
    orders.parse(order.submission)
    if needs_operator(order_type):
        if pin is None:
            raise PinNotGiven(detail="Your operator signs this too, and asks for your PIN")
        order = await countersigned(wallet, order, pin)
    wallet.journal.store([order])
    standings = await submit(wallet, [order])
    return JournaledOrder(order=order, standing=standings[order.order_id])


async def freeze(wallet: Wallet, scope: FreezeScope) -> tuple[bytes, JournaledOrder]:
    """Freeze the wallet at once; returns the case number by which it is lifted too.

    Raises:
        As `order_about_wallet`.
    """
    case = wallet.edge.random(CASE_LENGTH)
    order_type = OrderType.HOLDER_FREEZE
    return case, await order_about_wallet(wallet, order_type, case=case, scope=int(scope))


async def redeem_excess(wallet: Wallet, *, deposit_id: str | None) -> JournaledOrder:
    """Consent to have what would be above the balance cap redeemed, or with None withdraw it.

    The operator is told the deposit first: what the registry redeems has somewhere to go.

    Raises:
        Refusal: ``deposit_unknown``; else as `order_about_wallet`.
    """
    if deposit_id is not None:
        await wallet.client.ask_own("PUT", "/waterfall", {"deposit_id": deposit_id})
    return await order_about_wallet(wallet, OrderType.WATERFALL, on=int(deposit_id is not None))


async def give_mandate(
    wallet: Wallet, terms: MandateTerms, *, pin: str | None
) -> tuple[bytes, JournaledOrder]:
    """Let a platform's key pay; returns the mandate's id too.

    Raises:
        As `order_about_wallet`.
    """
    mandate = wallet.edge.random(MANDATE_ID_LENGTH)
    journaled = await order_about_wallet(
        wallet,
        OrderType.MANDATE,
        pin=pin,
        mandate=mandate,
        suite=terms.suite,
        key=terms.public_key,
        payee=terms.payee,
        single_limit_fen=terms.single_limit_fen,
        day_limit_fen=terms.day_limit_fen,
        expires_at_ms=terms.expires_ms,
    )
    return mandate, journaled


def _sign(wallet: Wallet, order_type: OrderType, **body: int | bytes | None) -> SignedOrder:
    now_ms = wallet.edge.now_ms()
    head = OrderHead(
        id=new_order_id(now_ms, wallet.edge.random(10)),
        type=order_type,
        expires_ms=now_ms + LIFETIME_MS,
    )
    submission = orders.sign_order(
        head, [wallet.signer], wallet.network, legs=(), number=wallet.number, **body
    )
    return SignedOrder(
        order_id=head.id, purpose=Purpose.LIFE, submission=submission, expires_ms=head.expires_ms
    )
