"""The second factor: a PIN at the operator, which then signs one order too (rules.md §E.6).

::

    sign       as for any order; that signature is never stored or sent
    ask        payload and legs go to the operator with the PIN, without any signature of ours
    join       our signature beside the operator's, over the same payload
    store, send, note the answer: as for any order

Nobody else has the order with our signature before it stands in the journal. So whatever is lost
until then, a countersignature too, moves nothing and never can; afterwards `resume` sends the very
bytes that both signed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jiaozi.protocol import cose, orders
from jiaozi.protocol.cose import Signature
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.orders import ORDER_BYTES_MAX, Order
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import AnswerMalformed, WalletError
from jiaozi.wallet.model import JournaledOrder, SignedOrder, State
from jiaozi.wallet.open import Registration
from jiaozi.wallet.wallet import Wallet

CHANGE_ID_LENGTH = 16


class PinNotGiven(WalletError):
    """The PIN cannot be read, or nobody is there to type it."""

    code = "pin_not_given"
    advice = "Nothing was sent. Name a file that holds it (--help lists how), or use a terminal"


async def set_pin(wallet: Wallet, new: str, *, old: str | None = None) -> None:
    """Set the wallet's PIN at its operator; another one takes the present one.

    Raises:
        Refusal: ``pin_unfit``, ``pin_exists``, ``pin_missing``, ``pin_wrong`` or ``pin_locked``.
        NoAnswer: It may have been set.
    """
    await wallet.client.set_pin(wallet.edge.random(CHANGE_ID_LENGTH), new=new, old=old)


async def reset_pin(
    wallet: Wallet, new: str, registration: Registration, code: str, evidence: Mapping[str, Any]
) -> int:
    """Ask for another PIN in place of a forgotten one; return when it takes effect.

    Raises:
        Refusal: ``pin_unfit``, ``pin_missing``, or what was shown does not prove who asks.
        NoAnswer: It may have been asked for.
    """
    change_id = wallet.edge.random(CHANGE_ID_LENGTH)
    return await wallet.client.reset_pin(
        change_id, new, registration.registration_id, code, evidence
    )


async def countersigned(wallet: Wallet, order: SignedOrder, pin: str) -> SignedOrder:
    """Return an order with the operator's signature beside the wallet's, to be stored and sent.

    Args:
        wallet: Whose.
        order: Signed, and neither stored nor sent before.
        pin: For this very order.

    Raises:
        Refusal: The order could never be taken; ``pin_wrong`` and its kin.
        NoAnswer: Nothing was signed that anybody could send.
        AnswerMalformed: What came back is no signature under this order.
    """
    draft = orders.parse(order.submission)
    answer = await wallet.client.countersign(
        draft.message.payload, [leg.encoded() for leg in draft.legs], pin=pin
    )
    return beside(wallet, order, answer)


def beside(wallet: Wallet, order: SignedOrder, countersignature: bytes) -> SignedOrder:
    """Return an order with a signature of the operator's beside the wallet's.

    Raises:
        AnswerMalformed: It is no signature under this order.
    """
    draft = orders.parse(order.submission)
    payload, aad = draft.message.payload, external_aad(Domain.ORDER, wallet.network)
    theirs = _read(countersignature, draft, aad)
    ours = cose.signature_by(payload, wallet.signer, aad)
    submission = orders.submission(cose.join(payload, [ours, theirs]), draft.legs)
    orders.parse(submission)
    return replace(order, submission=submission)


async def made_whole(wallet: Wallet, order: SignedOrder, pin: str | None) -> SignedOrder:
    """Return an order that can be taken, signed by the operator too where there is a PIN.

    Raises:
        Refusal: It could never be taken; or as `countersigned`.
        NoAnswer: As `countersigned`.
        AnswerMalformed: As `countersigned`.
    """
    orders.parse(order.submission)
    return order if pin is None else await countersigned(wallet, order, pin)


def needs_pin(journaled: JournaledOrder) -> bool:
    """Say whether an order was refused, for good, because the operator had to sign too."""
    standing = journaled.standing
    return (
        standing.state is State.REFUSED
        and standing.refusal is not None
        and standing.refusal.code is Code.SECOND_FACTOR_REQUIRED
    )


def _read(answer: bytes, draft: Order, aad: bytes) -> Signature:
    """Read the operator's signature and check that it is one under this payload."""
    try:
        message = cose.decode(answer, size_max=ORDER_BYTES_MAX)
    except Refusal as refusal:
        raise AnswerMalformed(detail=f"The countersignature is none: {refusal}") from refusal
    [*signatures] = message.signatures
    is_theirs = len(signatures) == 1 and signatures[0].key not in draft.keys
    if message.payload != draft.message.payload or not is_theirs or not cose.verify(message, aad):
        raise AnswerMalformed(detail="The countersignature is not under this order")
    return signatures[0]
