"""Issue a card: it makes its key, an operator certifies it, and it has PIN and PUK of its holder.

Any purse is renewed as a card is. What breaks off is begun again with the same card: it keeps its
key until certificates have come.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from jiaozi.protocol.card_commands import PUK_DIGITS, Phase, digits_fit
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Anchor, Chain, Profile
from jiaozi.protocol.offline.enrolment import Enrolment
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import CardIssued
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import PurseDevice

PUK_LENGTH = 10
assert PUK_LENGTH in PUK_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What a card is to be.

    Attributes:
        wallet: Whose; None for an anonymous card.
        limits: Lower ones than the rulebook's, by their names.
    """

    anchor: Anchor
    operator: int
    wallet: int | None
    limits: Mapping[str, int]
    pin: str = field(repr=False)
    puk: str = field(repr=False)


def new_puk(random: Callable[[int], bytes]) -> str:
    """Return digits that unblock a card."""
    while True:
        puk = f"{int.from_bytes(random(16), 'big') % 10**PUK_LENGTH:0{PUK_LENGTH}}"
        if digits_fit(puk.encode(), PUK_DIGITS):
            return puk


async def issue(
    card: CardPurse, wanted: Issue, certify: Callable[[bytes], Awaitable[Chain]]
) -> bytes:
    """Make a blank card a purse.

    Args:
        card: In a reader.
        wanted: What it is to be.
        certify: Takes the card's enrolment to the operator's desk.

    Returns:
        The card's key.

    Raises:
        CardIssued: It is one already.
        CardPinUnfit: The PIN is too easy to guess.
        Refusal: The operator does not certify it.
        NoAnswer: Begin again with this card.
    """
    if card.phase is Phase.IN_USE:
        raise CardIssued(detail="The card was issued before")
    key = card.personalise(wanted.anchor, wanted.pin, wanted.puk)
    card.renew(await certify(card.enrolment(_enrolment(wanted))))
    return key


async def renew(
    device: PurseDevice,
    operator: int,
    wallet: int | None,
    certify: Callable[[bytes], Awaitable[Chain]],
) -> None:
    """Have a device certified anew, once its certificate is about to end or its key was revoked.

    Else nothing changes. It keeps its limits, unless the rulebook allows less by now: then it gets
    the rulebook's.

    Raises:
        Refusal: The operator does not certify it.
        NoAnswer: Begin again.
    """
    own = device.view().device
    enrolment = Enrolment(
        operator=operator,
        profile=own.profile,
        wallet=wallet,
        limits={name: getattr(own.limits, name) for name in LIMIT_NAMES},
    )
    try:
        chain = await certify(device.enrolment(enrolment))
    except Refusal as refusal:
        if refusal.code is not Code.DEVICE_LIMITS_TOO_HIGH:
            raise
        chain = await certify(device.enrolment(replace(enrolment, limits={})))
    if chain != device.view().chain:
        device.renew(chain)


def _enrolment(wanted: Issue) -> Enrolment:
    return Enrolment(
        operator=wanted.operator,
        profile=Profile.CARD,
        wallet=wanted.wallet,
        limits=wanted.limits,
    )
