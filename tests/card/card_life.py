"""A card's life in messages, each of which may be broken off and said again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jiaozi.protocol.card_commands import Phase
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.enrolment import Enrolment
from jiaozi.protocol.offline.operator_messages import Checkpoint, sign_checkpoint
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.sales import SaleState
from tests.card.purse_cards import PIN, PUK, chain_for, load_for
from tests.card.tills import shop_in
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, NOW_MS, OPERATOR, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    OPERATORS_CERTIFICATE,
    THIRD,
    Party,
    frame_of,
    time_message,
)

MERCHANT, REVOKED = 104, 105
LOADED_FEN, OTHERS_FEN, ASKED_FEN, PAID_FEN, SOLD_FEN, UNLOADED_FEN = 900, 500, 100, 300, 50, 200
TOTAL_FEN = LOADED_FEN + OTHERS_FEN


@dataclass
class Life:
    """Whom a card deals with. A ``say_`` is done by the card, its ``hear_`` by who is told.

    Said again, a message says and moves the same.
    """

    directory: Path
    merchant: Party = field(default_factory=lambda: Party(MERCHANT))
    other: Party = field(default_factory=lambda: Party(THIRD, fen=OTHERS_FEN))
    unloaded_fen: int = 0

    def __post_init__(self) -> None:
        self.request = self.merchant.ask(PAID_FEN)

    @property
    def others_hold_fen(self) -> int:
        """What everybody but the card holds."""
        held_fen = self.merchant.purse.balance_fen + self.other.purse.balance_fen
        with shop_in(self.directory) as shop:
            return held_fen + shop.purse.view().balance_fen + self.unloaded_fen

    def say_issue(self, purse: CardPurse) -> bytes:
        if purse.phase is Phase.IN_USE:
            return purse.view().device.key
        key = purse.personalise(ANCHOR, PIN, PUK)
        purse.enrolment(Enrolment(operator=OPERATOR, profile=Profile.CARD, wallet=ALICE))
        purse.renew(chain_for(key))
        return key

    def hear_issue(self, key: bytes) -> None:
        self.key = key

    def say_load(self, purse: CardPurse) -> bytes:
        purse.take_load(load_for(self.key, 1, LOADED_FEN))
        return b""

    def say_time(self, purse: CardPurse) -> bytes:
        purse.raise_floor(time_message(NOW_MS + 1))
        return b""

    def say_list(self, purse: CardPurse) -> bytes:
        purse.learn_revocations(frame_of([revocation_entry(signer_of(REVOKED).public_key, END_MS)]))
        return b""

    def say_ask(self, purse: CardPurse) -> bytes:
        return purse.ask(ASKED_FEN, END_MS)

    def hear_ask(self, request: bytes) -> None:
        self.paid = self.other.pay(request)

    def say_collect(self, purse: CardPurse) -> bytes:
        return purse.collect(self.paid)

    def hear_collect(self, acknowledgement: bytes) -> None:
        self.other.acknowledge(acknowledgement, self.paid)

    def say_pay(self, purse: CardPurse) -> bytes:
        return purse.pay(self.request)

    def hear_pay(self, payment: bytes) -> None:
        self.payment, self.acknowledgement = payment, self.merchant.collect(payment)

    def say_acknowledge(self, purse: CardPurse) -> bytes:
        purse.acknowledge(self.acknowledgement, self.payment)
        return b""

    def say_sale(self, purse: CardPurse) -> bytes:
        """Pay at a point of sale, which goes on with a sale that broke off."""
        with shop_in(self.directory) as shop:
            if not shop.sales.since(0) or shop.sales.unfinished():
                shop.till.take(shop.till.begin(SOLD_FEN, NOW_MS), purse)
            [sale] = shop.sales.since(0)
        assert sale.state is SaleState.TAKEN
        assert sale.payment is not None
        return sale.payment

    def say_unload(self, purse: CardPurse) -> bytes:
        """Unload, or say the unload that waits."""
        if purse.view().balance_fen == MESSAGES["unload"].left_fen:
            return purse.waiting()[-1]
        return purse.unload(UNLOADED_FEN, ALICE)

    def hear_unload(self, _: bytes) -> None:
        self.unloaded_fen = UNLOADED_FEN

    def say_synchronise(self, purse: CardPurse) -> bytes:
        """Do what a desk does once everything is settled."""
        if purse.view().entries:
            log = read_log(purse.hand_in(), ANCHOR)
            assert log.fault is None
            checkpoint = Checkpoint(
                device=self.key, number=1, position=log.statement.position,
                head=log.statement.head, counter=log.counter, loads=log.loads,
                balance_fen=sum(log.balances_fen),
            )  # fmt: skip
            signer = signer_of(CERTIFY_SEED)
            signed = sign_checkpoint(checkpoint, signer, OPERATORS_CERTIFICATE, NETWORK)
            purse.synchronise(signed, time_message())
        return b""

    def hear(self, _: bytes) -> None:
        """Nobody has to be told more."""


@dataclass(frozen=True)
class Message:
    """One message of a life.

    Attributes:
        left_fen: What the card holds once it has said it.
        pays: What it says waits until somebody acknowledges it.
        may_differ: Said again it is another one: a request has a challenge of its own.
    """

    left_fen: int
    say: Callable[[Life, CardPurse], bytes]
    hear: Callable[[Life, bytes], None] = Life.hear
    pays: bool = False
    may_differ: bool = False


MESSAGES: Mapping[str, Message] = {
    "issue": Message(0, Life.say_issue, Life.hear_issue),
    "load": Message(900, Life.say_load),
    "time": Message(900, Life.say_time),
    "list": Message(900, Life.say_list),
    "ask": Message(900, Life.say_ask, Life.hear_ask, may_differ=True),
    "collect": Message(1000, Life.say_collect, Life.hear_collect),
    "pay": Message(700, Life.say_pay, Life.hear_pay, pays=True),
    "acknowledge": Message(700, Life.say_acknowledge),
    "sale": Message(650, Life.say_sale),
    "unload": Message(450, Life.say_unload, Life.hear_unload, pays=True),
    "synchronise": Message(450, Life.say_synchronise),
}
