"""What every holder of a purse can do: this program's own file, or a card behind a reader."""

from dataclasses import dataclass
from typing import Protocol

from jiaozi.protocol.offline.certificate import Chain, Device
from jiaozi.protocol.offline.enrolment import Enrolment
from jiaozi.protocol.offline.view import PurseNumbers
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.errors import WalletError


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseView(PurseNumbers):
    """Where a purse stands, and the certificates that it stands under."""

    chain: Chain
    device: Device


class PurseDevice(Protocol):
    """A purse. What a method returns stands on the device before it does."""

    def view(self) -> PurseView:
        """Show where it stands."""

    def ask(self, amount_fen: int, expires_ms: int) -> bytes:
        """Make a request for a payment."""

    def pay(self, request: bytes) -> bytes:
        """Pay what another purse asks for; the same request again gives the same payment."""

    def collect(self, payment: bytes) -> bytes:
        """Take a payment and return its acknowledgement."""

    def acknowledge(self, acknowledgement: bytes, payment: bytes) -> None:
        """Note that a payment has arrived."""

    def unload(self, amount_fen: int, wallet: int) -> bytes:
        """Pay to a wallet, through an operator."""

    def waiting(self) -> list[bytes]:
        """Return the payments that nobody has acknowledged, to be said again."""

    def hand_in(self) -> bytes:
        """Say what an operator needs to settle."""

    def take_load(self, load: bytes) -> None:
        """Take money that the registry has moved here."""

    def synchronise(self, checkpoint: bytes, time: bytes) -> None:
        """Go on from what the registry says that the purse holds."""

    def raise_floor(self, time: bytes) -> None:
        """Learn the time from a header."""

    def learn_revocations(self, frame: bytes) -> None:
        """Take a frame of the revocation list."""

    def frames_after(self, number: int) -> list[bytes]:
        """Return frames of the list for another device that is at a number."""

    def enrolment(self, enrolment: Enrolment) -> bytes:
        """Say to an operator whose it is to be."""

    def renew(self, chain: Chain) -> None:
        """Take a later certificate for the same key."""


def acknowledge_waiting(device: PurseDevice, acknowledgement: bytes) -> None:
    """Note that whichever payment an acknowledgement is about has arrived.

    Raises:
        Refusal: It is about none that waits: ``other_device``, or why it cannot be read.
    """
    refusal = refuse(Code.OTHER_DEVICE)
    for payment in device.waiting():
        try:
            device.acknowledge(acknowledgement, payment)
        except Refusal as refused:
            refusal = refused
        else:
            return
    raise refusal


def held_fen_of(device: PurseDevice) -> int | None:
    """Return what a device holds; None of one that is out of reach now that all is done."""
    try:
        return device.view().balance_fen
    except WalletError:
        return None


def share_revocations(first: PurseDevice, second: PurseDevice) -> None:
    """Bring whichever of two devices is behind with the revocation list up to the other.

    Raises:
        Refusal: ``list_unfit`` when one is too far behind: it has to be synchronised.
    """
    at_first, at_second = first.view().list_number, second.view().list_number
    ahead, behind, number = (
        (first, second, at_second) if at_first > at_second else (second, first, at_first)
    )
    for frame in ahead.frames_after(number):
        behind.learn_revocations(frame)
