"""What a card keeps: key, anchor, PIN and purse, in one value that is written as a whole.

::

    state = [1, seed, [network, root's key], [PIN, tries left], [PUK, tries left],
             [one payment, sum, spent] without PIN, purse or null]

A secure element holds the same behind its walls; here the file is for its owner alone.
"""

from dataclasses import astuple, dataclass, field
from typing import Any

from jiaozi.card.pin import Secret
from jiaozi.protocol import cbor
from jiaozi.protocol.card_commands import Phase
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.purse import PURSE_BYTES_MAX, Purse, read_purse
from jiaozi.protocol.suites import Ed25519Signer

STATE_BYTES_MAX = PURSE_BYTES_MAX + 4096
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What may be paid without the PIN.

    Attributes:
        payment_fen: One payment.
        sum_fen: All of them, until the PIN is shown.
        spent_fen: How much of the sum is used up.
    """

    payment_fen: int = 0
    sum_fen: int = 0
    spent_fen: int = 0

    def covers(self, amount_fen: int) -> bool:
        """Say whether a payment takes no PIN."""
        return amount_fen <= self.payment_fen and self.spent_fen + amount_fen <= self.sum_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """All that outlives the loss of power.

    Attributes:
        purse: None until the key is certified.
    """

    seed: bytes = field(repr=False)
    anchor: Anchor
    pin: Secret
    puk: Secret
    allowance: Allowance = Allowance()
    purse: Purse | None = None

    @property
    def signer(self) -> Ed25519Signer:
        """The card's key."""
        return Ed25519Signer(self.seed)

    @property
    def phase(self) -> Phase:
        """How far the card is in its life."""
        return Phase.KEYED if self.purse is None else Phase.IN_USE

    def encoded(self) -> bytes:
        """Return the bytes to keep."""
        return cbor.encode(
            [
                _FORMAT,
                self.seed,
                [self.anchor.network, self.anchor.root_key],
                list(astuple(self.pin)),
                list(astuple(self.puk)),
                list(astuple(self.allowance)),
                None if self.purse is None else self.purse.encoded(),
            ]
        )


def read_state(data: bytes) -> CardState:
    """Read what `CardState.encoded` wrote.

    Raises:
        NotCanonical: The bytes are damaged.
        ValueError: They are of another format.
    """
    value: Any = cbor.decode(data, size_max=STATE_BYTES_MAX)
    version, seed, (network, root_key), pin, puk, allowance, purse = value
    if version != _FORMAT:
        raise ValueError(f"a card's state of format {version}")
    anchor = Anchor(network=NetworkId(network), root_key=root_key)
    payment_fen, sum_fen, spent_fen = allowance
    return CardState(
        seed=seed,
        anchor=anchor,
        pin=Secret(*pin),
        puk=Secret(*puk),
        allowance=Allowance(payment_fen=payment_fen, sum_fen=sum_fen, spent_fen=spent_fen),
        purse=None if purse is None else read_purse(purse, anchor),
    )
