"""One wallet, two purses and a desk, cut off at any one point of what they do."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.purse import Purse, new_purse, read_purse
from jiaozi.protocol.offline.revocations import revocation_entry
from tests.protocol.builders import ALICE, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    LATER_MS,
    PAYEE,
    PAYER,
    THIRD,
    chain_of,
    device_of,
    frame_of,
    fresh,
    load_message,
    time_message,
)
from tests.protocol.offline_registry import Desk, Registry

Cut = tuple[str, str]
"""A step, and the point in it."""


class PowerLost(Exception):
    """The device, or the way to it, is gone."""


@dataclass
class Power:
    """Goes off once, at the cut."""

    cut: Cut | None = None
    passed: list[Cut] = field(default_factory=list)

    def at(self, *point: str) -> None:
        step, name = point
        self.passed.append((step, name))
        if (step, name) == self.cut:
            self.cut = None
            raise PowerLost


class Device:
    """A purse in a file, and what it says."""

    def __init__(self, seed: int, power: Power) -> None:
        self.signer, self.power = signer_of(seed), power
        self.purse = new_purse(chain_of(device_of(seed)), ANCHOR)
        self.kept, self.beside, self.synced = self.purse.encoded(), b"", b""

    def start(self) -> None:
        """Begin from what the disk kept; what lies beside it may be anything, and is not read."""
        self.purse = read_purse(self.kept, ANCHOR)

    def store(self, step: str, purse: Purse) -> None:
        """Replace the purse: a temporary file, a sync, a renaming."""
        self.power.at(step, "before writing")
        encoded = purse.encoded()
        self.beside = encoded[: len(encoded) // 2]
        self.power.at(step, "written in part")
        self.beside = encoded
        self.power.at(step, "not synced")
        self.synced = encoded
        self.power.at(step, "not renamed")
        self.kept, self.purse = self.synced, purse

    def take(self, step: str, purse: Purse) -> None:
        """A step that has nothing to say."""
        if purse is not self.purse:
            self.store(step, purse)
        self.power.at(step, "renamed")

    def say(self, step: str, made: tuple[Purse, bytes]) -> bytes:
        """A step that ends with a message."""
        purse, message = made
        if purse is not self.purse:
            self.store(step, purse)
        self.power.at(step, "not said")
        self.power.at(step, "not heard")
        return message


class Market:
    """One wallet, two purses and a desk; each step can be done again after a cut."""

    def __init__(self, cut: Cut | None = None) -> None:
        self.power = Power(cut)
        self.payer, self.payee = Device(PAYER, self.power), Device(PAYEE, self.power)
        self.registry = Registry(wallets={ALICE: 1_000})
        for each in (self.payer, self.payee):
            self.registry.enrol(each.signer.public_key, each.purse.chain)
        self.desk = Desk(self.registry, time_ms=LATER_MS)
        self.request = self.acknowledgement = b""

    @property
    def holdings(self) -> tuple[int, int, int]:
        """What wallet and purses hold, as the disks kept it."""
        kept = [read_purse(each.kept, ANCHOR).balance_fen for each in (self.payer, self.payee)]
        return (self.registry.wallets[ALICE], kept[0], kept[1])

    def load(self) -> None:
        self.power.at("load", "before the order")
        if not self.registry.rows[self.payer.signer.public_key].loads:
            self.registry.load(self.payer.signer.public_key, ALICE, 300)
        self.power.at("load", "ordered")
        message = load_message(PAYER, 1, 300)
        self.payer.take("load", loading.take_load(self.payer.purse, message))

    def time(self) -> None:
        self.payer.take("time", news.raise_floor(self.payer.purse, time_message(LATER_MS)))

    def list(self) -> None:
        frame = frame_of([revocation_entry(signer_of(THIRD).public_key, END_MS)])
        self.payer.take("list", news.learn_revocations(self.payer.purse, frame))

    def ask(self) -> None:
        asked = steps.ask(
            self.payee.purse, amount_fen=120, challenge=fresh(), expires_ms=END_MS,
            signer=self.payee.signer,
        )  # fmt: skip
        self.request = self.payee.say("ask", asked)

    def pay(self) -> None:
        waiting = self.payer.purse.waiting
        made = steps.pay(self.payer.purse, self.request, salt=fresh(), signer=self.payer.signer)
        assert not waiting or waiting == [made[1]], "the identical payment"
        self.payer.say("pay", made)

    def collect(self) -> None:
        [payment] = self.payer.purse.waiting
        taken = steps.collect(self.payee.purse, payment, signer=self.payee.signer)
        self.acknowledgement = self.payee.say("collect", taken)

    def acknowledge(self) -> None:
        purse = self.payer.purse
        if purse.waiting:
            [payment] = purse.waiting
            taken = steps.collect(self.payee.purse, payment, signer=self.payee.signer)
            assert taken == (self.payee.purse, self.acknowledgement), "the identical word"
            self.payer.take("acknowledge", steps.acknowledge(purse, taken[1], payment))

    def unload(self) -> None:
        purse = self.payer.purse
        if purse.waiting:
            [message] = purse.waiting
            self.payer.say("unload", (purse, message))
        else:
            self.payer.say("unload", steps.unload(
                purse, amount_fen=50, wallet=ALICE, salt=fresh(), signer=self.payer.signer
            ))  # fmt: skip

    def hand_in(self) -> None:
        handed_in = synchronisation.hand_in(self.payer.purse, signer=self.payer.signer)
        self.power.at("hand in", "not said")
        self.power.at("hand in", "not heard")
        parts = iter(["settled in part", "settled"])
        self.desk.hand_in(handed_in, between=lambda: self.power.at("hand in", next(parts)))

    def synchronise(self) -> None:
        purse = self.payer.purse
        if purse.checkpoint_number:
            return
        handed_in = synchronisation.hand_in(purse, signer=self.payer.signer)
        answer = self.desk.hand_in(handed_in)
        assert answer == self.desk.hand_in(handed_in), "the same log, the same bytes"
        assert answer is not None
        self.power.at("synchronise", "not heard")
        self.payer.take("synchronise", synchronisation.synchronise(purse, *answer))

    @property
    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "load": self.load, "time": self.time, "list": self.list, "ask": self.ask,
            "pay": self.pay, "collect": self.collect, "acknowledge": self.acknowledge,
            "unload": self.unload, "hand in": self.hand_in, "synchronise": self.synchronise,
        }  # fmt: skip

    def play(self, first: str = "load") -> None:
        """Do every step from one on."""
        names = list(self.steps)
        for name in names[names.index(first) :]:
            self.steps[name]()

    def synchronise_all(self) -> None:
        """Nobody says anything again: each device hands in what it has, and takes the answer."""
        for device in (self.payee, self.payer, self.payee):
            answer = self.desk.hand_in(synchronisation.hand_in(device.purse, signer=device.signer))
            assert answer is not None
            device.purse = synchronisation.synchronise(device.purse, *answer)
            device.kept = device.purse.encoded()
            self.registry.check()
