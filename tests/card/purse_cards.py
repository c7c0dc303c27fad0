"""Cards with a purse: as a process in a reader, or spoken to directly, with visible defaults."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from jiaozi.card.dialogue import Dialogue
from jiaozi.card.purse import PurseApplication
from jiaozi.card.storage import Storage
from jiaozi.local.card_readers import Slot
from jiaozi.protocol.apdu import Command, Response
from jiaozi.protocol.card_commands import Instruction
from jiaozi.protocol.offline.certificate import Chain, Profile
from jiaozi.protocol.offline.enrolment import Enrolment
from jiaozi.protocol.offline.operator_messages import Load, sign_load
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.storage.privilege import dying_with_us
from jiaozi.wallet import readers
from jiaozi.wallet.errors import CardAbsent, CardPulled
from jiaozi.wallet.offline.card import CardPurse
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, OPERATOR, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    OPERATORS_CERTIFICATE,
    PAYER,
    chain_of,
    device_of,
)

PIN, PUK, WRONG = "246813", "97531864", "135792"
INSERTED_S = 30.0


def transmitter(dialogue: Dialogue) -> readers.Card:
    """A card that is spoken to as through a reader, without PC/SC."""
    scard = SimpleNamespace(
        SCARD_PCI_T1=0,
        SCARD_S_SUCCESS=0,
        SCardTransmit=lambda _handle, _protocol, command: (0, [*dialogue.answer(bytes(command))]),
    )
    return readers.Card(cast("ModuleType", scard), 0, "no reader")


class DirectCard:
    """A card with its directory, in this process; `power_on` after what a crash left."""

    def __init__(self, directory: Path, storage: Callable[[Path], Storage] = Storage) -> None:
        self.directory = directory
        self.power_on(storage)

    def power_on(self, storage: Callable[[Path], Storage] = Storage) -> None:
        self.storage = storage(self.directory)
        self.dialogue = Dialogue(PurseApplication(self.storage))

    def power_off(self) -> None:
        self.storage.__exit__()

    def purse(self, pin: str | None = None) -> CardPurse:
        """What a terminal holds once the card is at it."""
        self.dialogue.reset()
        return CardPurse.select(
            transmitter(self.dialogue), pin=None if pin is None else lambda: pin
        )


class PulledCard:
    """A card that is pulled at one call: before it has heard it, or before its answer is out."""

    def __init__(self, card: CardPurse, call: str, *, is_heard: bool) -> None:
        self._card, self._call, self._is_heard = card, call, is_heard

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a card can do
        method = getattr(self._card, name)
        if name != self._call:
            return method

        def pulled(*given: object) -> object:
            if self._is_heard:
                method(*given)
            raise CardPulled(detail="The card left the reader")

        return pulled


def issue(
    purse: CardPurse, *, fen: int = 0, wallet: int | None = ALICE,
    **changes: Any,  # noqa: ANN401 - fields of a device or limits
) -> bytes:  # fmt: skip
    """Do what a desk does, and return the card's key."""
    key = purse.personalise(ANCHOR, PIN, PUK)
    purse.enrolment(Enrolment(operator=OPERATOR, profile=Profile.CARD, wallet=wallet))
    purse.renew(chain_for(key, **changes))
    if fen:
        purse.take_load(load_for(key, 1, fen))
    return key


def chain_for(key: bytes, **changes: Any) -> Chain:  # noqa: ANN401
    """The certificates of a card's key."""
    return chain_of(replace(device_of(PAYER, **changes), key=key))


def load_for(key: bytes, number: int, amount_fen: int) -> bytes:
    """Money for a card."""
    load = Load(device=key, number=number, amount_fen=amount_fen, order=bytes(32))
    return sign_load(load, signer_of(CERTIFY_SEED), OPERATORS_CERTIFICATE, NETWORK)


def start_card(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the process of a card that goes into the slot at a port."""
    command = [sys.executable, "-m", "jiaozi.card", str(directory), "--port", str(port)]
    return subprocess.Popen([*dying_with_us("KILL"), *command], stdout=subprocess.DEVNULL)


def await_card(slot: Slot) -> None:
    """Return when a card answers; pcscd may not have missed the one before it yet."""
    deadline_s = time.monotonic() + INSERTED_S
    while True:
        try:
            with readers.card_in(slot.reader, wait_s=INSERTED_S) as card:
                CardPurse.select(card)
        except (CardPulled, CardAbsent):
            assert time.monotonic() < deadline_s, "no card came"
        else:
            return


def refused(code: Code) -> Any:  # noqa: ANN401 - pytest's own type is not public
    """What is in the block, the purse refuses so."""
    return pytest.raises(Refusal, check=lambda refusal: refusal.code is code)


def allow(card: DirectCard, payment_fen: int, sum_fen: int) -> None:
    """Let so much be paid without the PIN."""
    card.purse(PIN).set_allowance(payment_fen, sum_fen)


def say(card: DirectCard, instruction: Instruction, data: bytes = b"", **changes: int) -> Response:
    """Say one command as it is, and return the whole answer."""
    fields = {"cla": instruction.cla, "ins": int(instruction)}
    parameters = instruction.parameters or 0
    fields |= {"p1": parameters >> 8, "p2": parameters & 0xFF, "expected": 65_536} | changes
    return Response.decode(card.dialogue.answer(Command(data=data, **fields).encode()))
