"""A card with power: its state as it stands on disk, and whether the PIN was shown.

A PIN that was shown is good for one payment, and until power is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from jiaozi.card.pin import PIN_TRIES, PUK_TRIES, Secret
from jiaozi.card.state import CardState, read_state
from jiaozi.card.storage import Storage
from jiaozi.protocol.apdu import CommandRefused, Status
from jiaozi.protocol.card_commands import Phase
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.purse import Purse

_TRIES = {"pin": PIN_TRIES, "puk": PUK_TRIES}


@dataclass(eq=False)
class SecretWrong(Exception):
    """The digits shown are not the card's."""

    tries_left: int


class Session:
    """A card with power.

    Attributes:
        random: Returns that many unpredictable bytes: challenges, salts and the key come of it.
        handed_in: The log that is being handed in, part by part.
    """

    def __init__(self, storage: Storage, random: Callable[[int], bytes]) -> None:
        """Read the card's state.

        Raises:
            NotCanonical: It is damaged.
            ValueError: It is of another format.
            OSError: It cannot be read.
        """
        self._storage, self.random = storage, random
        kept = storage.read()
        self._state = None if kept is None else read_state(kept)
        self.reset()

    def reset(self) -> None:
        """Forget what holds until power is gone."""
        self.is_selected = self._is_pin_shown = False
        self.handed_in = b""

    @property
    def phase(self) -> Phase:
        """How far the card is in its life."""
        return Phase.BLANK if self._state is None else self._state.phase

    @property
    def state(self) -> CardState:
        """The state of a card that has a key."""
        assert self._state is not None, "the phase was checked"
        return self._state

    @property
    def purse(self) -> Purse:
        """The purse of a card in use."""
        assert self.state.purse is not None, "the phase was checked"
        return self.state.purse

    def keep(self, state: CardState) -> None:
        """Go on with another state, which is on disk when this returns.

        Raises:
            CommandRefused: It could not be written; the present state stands.
            OSError: It is not known which of the two stands: this process must end.
        """
        try:
            self._storage.prepare(state.encoded())
        except OSError:
            raise CommandRefused(Status.MEMORY_FAILED) from None
        self._storage.commit()
        self._state = state

    def keep_purse(self, purse: Purse) -> None:
        """Go on with another purse; the same one is not written again."""
        if purse is not self.state.purse:
            self.keep(replace(self.state, purse=purse))

    def show_pin(self, digits: bytes) -> None:
        """Take the PIN: what was paid without it is forgotten.

        Raises:
            SecretWrong: With the tries that are left.
            CommandRefused: `PIN_BLOCKED`.
        """
        self._is_pin_shown = False
        self._prove("pin", digits)
        self._is_pin_shown = True

    def show_puk(self, digits: bytes) -> None:
        """Take the PUK.

        Raises:
            SecretWrong: With the tries that are left.
            CommandRefused: `PIN_BLOCKED`.
        """
        self._prove("puk", digits)

    def require_pin(self) -> None:
        """Let through whoever has shown the PIN.

        Raises:
            CommandRefused: `PIN_BLOCKED` or `NOT_AUTHORISED`.
        """
        if not self.state.pin.tries_left:
            raise CommandRefused(Status.PIN_BLOCKED)
        if not self._is_pin_shown:
            raise CommandRefused(Status.NOT_AUTHORISED)

    def spend(self, purse: Purse, amount_fen: int) -> None:
        """Keep a purse that has paid, with the PIN or within the allowance.

        Raises:
            CommandRefused: `PIN_BLOCKED` or `NOT_AUTHORISED`; nothing was paid.
        """
        state = self.state
        if not self._is_pin_shown and purse.device.profile is not Profile.TAP:
            if not (state.pin.tries_left and state.allowance.covers(amount_fen)):
                self.require_pin()
            spent_fen = state.allowance.spent_fen + amount_fen
            state = replace(state, allowance=replace(state.allowance, spent_fen=spent_fen))
        self.keep(replace(state, purse=purse))
        self._is_pin_shown = False

    def _prove(self, name: Literal["pin", "puk"], digits: bytes) -> None:
        secret: Secret = getattr(self.state, name)
        if not secret.tries_left:
            raise CommandRefused(Status.PIN_BLOCKED)
        tried = secret.tried()
        self.keep(replace(self.state, **{name: tried}))  # type: ignore[arg-type]
        if not secret.is_shown_by(digits):
            raise SecretWrong(tried.tries_left)
        restored = replace(secret, tries_left=_TRIES[name])
        allowance = replace(self.state.allowance, spent_fen=0)
        self.keep(
            replace(self.state, allowance=allowance, **{name: restored})  # type: ignore[arg-type]
        )
