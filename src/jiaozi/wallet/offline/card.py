"""A purse on a card behind a reader: a `jiaozi.wallet.offline.device.PurseDevice`.

::

    with card_in(reader) as card:
        purse = CardPurse.select(card, pin=ask_for_pin)
        payment = purse.pay(request)

The purse's refusals come through as they are. The card says itself when it wants the PIN: then it
is asked for, shown, and the command said again; a wrong one is not tried twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Protocol, Self, TypeVar

from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import EXTENDED_EXPECTED_MAX, Command, Response, Status
from jiaozi.protocol.card_commands import (
    APPLICATION,
    PART_BYTES,
    Instruction,
    Phase,
    Protection,
    read_list,
    read_numbers,
    read_refusal,
)
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Anchor, Chain, read_chain
from jiaozi.protocol.offline.enrolment import Enrolment
from jiaozi.protocol.offline.log import LOG_BYTES_MAX
from jiaozi.protocol.offline.proofs import ProofFound
from jiaozi.protocol.offline.view import PurseNumbers
from jiaozi.wallet.errors import (
    CardFailed,
    CardNotPurse,
    CardPinBlocked,
    CardPinNeeded,
    CardPinUnfit,
    CardPinWrong,
    CardUnreadable,
    WalletError,
)
from jiaozi.wallet.offline.device import PurseView

_INDEX_MAX = 0xFFFF
_Read = TypeVar("_Read")


class Transmitter(Protocol):
    """What carries commands to a card, such as `jiaozi.wallet.readers.Card`."""

    def transmit(self, command: Command) -> Response:
        """Let the card carry out a command and return its whole answer."""


class CardPurse:
    """The purse application of the card in a reader."""

    def __init__(
        self,
        card: Transmitter,
        phase: Phase,
        pin: Callable[[], str] | None = None,
        keep_proof: Callable[[bytes], None] | None = None,
    ) -> None:
        self._card, self.phase, self._pin, self._keep_proof = card, phase, pin, keep_proof

    @classmethod
    def select(
        cls,
        card: Transmitter,
        *,
        pin: Callable[[], str] | None = None,
        keep_proof: Callable[[bytes], None] | None = None,
    ) -> Self:
        """Choose the purse on a card.

        Args:
            card: In a reader.
            pin: Asks the holder, once the card wants the PIN; without it such commands fail.
            keep_proof: Takes what the card finds against somebody: a card has no room for it.

        Raises:
            CardNotPurse: The card has no such application.
            CardPulled: The card is gone.
            CardUnreadable: Its answer is none.
        """
        answer = cls(card, Phase.BLANK)._ask(Instruction.SELECT, APPLICATION)
        [phase] = _read(lambda data: read_list(data, int), answer)
        if phase not in tuple(Phase):
            raise CardUnreadable(detail="The card is in no phase that is known here")
        return cls(card, Phase(phase), pin, keep_proof)

    def personalise(self, anchor: Anchor, pin: str, puk: str) -> bytes:
        """Let a blank card make its key; one that has no certificate yet keeps it.

        Returns:
            The public key.

        Raises:
            CardPinUnfit: A new PIN or PUK is too easy to guess.
            CardNotPurse: The card is in use.
        """
        data = cbor.encode([anchor.network, anchor.root_key, pin.encode(), puk.encode()])
        return self._ask(Instruction.PERSONALISE, data)

    def enrolment(self, enrolment: Enrolment) -> bytes:
        """Let the card say to an operator whose it is to be."""
        limits = [enrolment.limits.get(name) for name in LIMIT_NAMES]
        data = cbor.encode([enrolment.operator, int(enrolment.profile), enrolment.wallet, limits])
        return self._ask(Instruction.ENROL, data)

    def renew(self, chain: Chain) -> None:
        """Take certificates for the card's key: the first make its purse."""
        self._ask(Instruction.CERTIFY, cbor.encode(chain.parts))
        self.phase = Phase.IN_USE

    def anchor(self) -> Anchor:
        """Return the network and root key that the card believes in."""
        return self._identity()[0]

    def view(self) -> PurseView:
        """Show where it stands."""
        anchor, chain = self._identity()
        shown = _read(lambda data: read_numbers(PurseNumbers, data), self._ask(Instruction.VIEW))
        return PurseView(chain=chain, device=read_chain(chain, anchor), **asdict(shown))

    def protection(self) -> Protection:
        """Show tries that are left, and what may be paid without the PIN."""
        answer = self._ask(Instruction.PROTECTION)
        return _read(lambda data: read_numbers(Protection, data), answer)

    def show_pin(self, pin: str) -> None:
        """Show the PIN: it is good for one payment, and until the card is out of reach.

        Raises:
            CardPinWrong: With the tries that are left.
            CardPinBlocked: It was wrong too often.
        """
        self._ask(Instruction.VERIFY_PIN, pin.encode())

    def change_pin(self, old: str, new: str) -> None:
        """Set another PIN in place of the present one.

        Raises:
            CardPinUnfit: The new one is too easy to guess.
            CardPinWrong: The old one is not the card's.
            CardPinBlocked: It was wrong too often.
        """
        self._ask(Instruction.CHANGE_PIN, cbor.encode([old.encode(), new.encode()]))

    def unblock_pin(self, puk: str, new: str) -> None:
        """Set a new PIN by the PUK; raises as `change_pin`."""
        self._ask(Instruction.UNBLOCK_PIN, cbor.encode([puk.encode(), new.encode()]))

    def set_allowance(self, payment_fen: int, sum_fen: int) -> None:
        """Set what may be paid without the PIN: one payment, and all until it is shown.

        Raises:
            Refusal: ``purse_payment_limit`` or ``purse_out_limit``.
        """
        self._ask(Instruction.SET_ALLOWANCE, cbor.encode([payment_fen, sum_fen]))

    def ask(self, amount_fen: int, expires_ms: int) -> bytes:
        """Make a request for a payment."""
        return self._ask(Instruction.ASK, cbor.encode([amount_fen, expires_ms]))

    def pay(self, request: bytes) -> bytes:
        """Pay what another purse asks for; the same request again gives the same payment."""
        return self._ask(Instruction.PAY, request)

    def collect(self, payment: bytes) -> bytes:
        """Take a payment and return its acknowledgement."""
        return self._ask(Instruction.COLLECT, payment)

    def acknowledge(self, acknowledgement: bytes, payment: bytes) -> None:
        """Note that a payment has arrived."""
        self._ask(Instruction.ACKNOWLEDGE, cbor.encode([acknowledgement, payment]))

    def unload(self, amount_fen: int, wallet: int) -> bytes:
        """Pay to a wallet, through an operator."""
        return self._ask(Instruction.UNLOAD, cbor.encode([amount_fen, wallet]))

    def waiting(self) -> list[bytes]:
        """Return the payments that nobody has acknowledged, to be said again."""
        return list(self._each(Instruction.WAITING))

    def hand_in(self) -> bytes:
        """Say what an operator needs to settle."""
        log = b""
        for part in self._each(Instruction.HAND_IN):
            log += part
            if len(part) < PART_BYTES or len(log) > LOG_BYTES_MAX:
                break
        return log

    def take_load(self, load: bytes) -> None:
        """Take money that the registry has moved here."""
        self._ask(Instruction.LOAD, load)

    def synchronise(self, checkpoint: bytes, time: bytes) -> None:
        """Go on from what the registry says that the purse holds."""
        self._ask(Instruction.SYNCHRONISE, cbor.encode([checkpoint, time]))

    def raise_floor(self, time: bytes) -> None:
        """Learn the time from a header."""
        self._ask(Instruction.RAISE_FLOOR, time)

    def learn_revocations(self, frame: bytes) -> None:
        """Take a frame of the revocation list."""
        self._ask(Instruction.LEARN, frame)

    def frames_after(self, number: int) -> list[bytes]:
        """Return frames of the list for another device that is at a number."""
        return list(self._each(Instruction.FRAMES, cbor.encode([number])))

    def _identity(self) -> tuple[Anchor, Chain]:
        answer = self._ask(Instruction.CHAIN)
        network, root_key, operator, device = _read(
            lambda data: read_list(data, bytes, bytes, bytes, bytes), answer
        )
        return Anchor(network=NetworkId(network), root_key=root_key), Chain(
            operator=operator, device=device
        )

    def _each(self, instruction: Instruction, data: bytes = b"") -> Iterator[bytes]:
        """Yield what the card holds at 0, 1, ... until there is nothing more."""
        for index in range(_INDEX_MAX):
            response = self._transmit(instruction, data, index)
            if response.status == Status.REFERENCE_NOT_FOUND:
                return
            yield self._data(instruction, response)

    def _ask(self, instruction: Instruction, data: bytes = b"") -> bytes:
        response = self._transmit(instruction, data, instruction.parameters or 0)
        return self._data(instruction, response)

    def _data(self, instruction: Instruction, response: Response) -> bytes:
        """Return what an answer says, or raise why there is none."""
        if response.status == Status.DONE:
            return response.data
        if response.status == Status.REFUSED:
            refusal = _read(read_refusal, response.data)
            if isinstance(refusal, ProofFound) and self._keep_proof is not None:
                self._keep_proof(refusal.proof)
            raise refusal
        raise _failure(instruction, response)

    def _transmit(self, instruction: Instruction, data: bytes, parameters: int) -> Response:
        command = Command(
            cla=instruction.cla,
            ins=instruction,
            p1=parameters >> 8,
            p2=parameters & 0xFF,
            data=data,
            expected=EXTENDED_EXPECTED_MAX,
        )
        response = self._card.transmit(command)
        if response.status == Status.NOT_AUTHORISED and self._pin is not None:
            self.show_pin(self._pin())
            response = self._card.transmit(command)
        return response


def _failure(instruction: Instruction, response: Response) -> WalletError:
    """Return what a status word means."""
    if response.tries is not None:
        which = "PUK" if instruction is Instruction.UNBLOCK_PIN else "PIN"
        left = {0: "and blocked now", 1: "1 try is left"}
        told = left.get(response.tries, f"{response.tries} tries are left")
        return CardPinWrong(detail=f"The {which} is wrong, {told}", tries_left=response.tries)
    is_about_pin = instruction.data.startswith(("[PIN", "[PUK", "[network"))
    if response.status == Status.DATA_REFUSED and is_about_pin:
        return CardPinUnfit(detail="The card does not take that for a PIN")
    told = f"The card answers {instruction.name} unexpectedly"
    unexpected = CardFailed if response.status in tuple(Status) else CardUnreadable
    error, detail = _MEANINGS.get(response.status, (unexpected, told))
    return error(detail=f"{detail} ({response.status:04X})")


def _read(read: Callable[[bytes], _Read], data: bytes) -> _Read:
    try:
        return read(data)
    except ValueError as error:
        raise CardUnreadable(detail=f"The card's answer cannot be read: {error}") from error


_MEANINGS: Mapping[int, tuple[type[WalletError], str]] = {
    Status.NOT_AUTHORISED: (CardPinNeeded, "The card wants its PIN"),
    Status.PIN_BLOCKED: (CardPinBlocked, "The card's PIN is blocked"),
    Status.NOT_FOUND: (CardNotPurse, "This is no card of this system"),
    Status.CONDITIONS_NOT_MET: (CardNotPurse, "The card is not in the state for this"),
    Status.MEMORY_FAILED: (CardFailed, "The card could not store its state"),
}
