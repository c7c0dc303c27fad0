"""The real card program behind a real pcscd, killed at every step that it takes of the system.

The steps of each message of a card's life are counted uncut. Then, for each of them, a card is
brought to just before the message, its program kills itself at that step and is started again, and
whoever waits says the same again. What the card had said stands, and is said in the same bytes;
value is in one place or on its way, never in two; at the end of the life all totals are exact.
"""

import queue
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jiaozi.card.pin import PIN_TRIES
from jiaozi.local.card_readers import Slot, VirtualReaders
from jiaozi.protocol.card_commands import Phase
from jiaozi.wallet.errors import CardAbsent, CardPulled, CardUnreadable
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.readers import card_in
from tests.card.card_life import MESSAGES, TOTAL_FEN, Life
from tests.card.conftest import SLOTS_BESIDE
from tests.card.killed_card import (
    AFTER,
    ANSWER,
    OPEN,
    REPLACE,
    SYNC,
    SYNC_DIRECTORY,
    WITHIN,
    WRITE,
    Cards,
    Order,
    cards,
)
from tests.card.purse_cards import INSERTED_S, PIN, DirectCard, await_card

NAMES = [*MESSAGES]
NOTED_S = 20.0

pytestmark = pytest.mark.usefixtures("unsynced")


class Stage:
    """A card just before one message of its life, and whom it deals with."""

    def __init__(self, directory: Path, name: str) -> None:
        self.card, self.message = directory / "card", MESSAGES[name]
        self.life, self._number = Life(directory), NAMES.index(name)
        self._steps = directory / "steps"
        self._play(NAMES[: self._number])

    @property
    def held_before_fen(self) -> int:
        return MESSAGES[NAMES[self._number - 1]].left_fen if self._number else 0

    @property
    def steps_taken(self) -> list[str]:
        return self._steps.read_text().splitlines() if self._steps.exists() else []

    def order(self, slot: Slot, last: int = 0) -> Order:
        return Order(directory=str(self.card), port=slot.port, steps=str(self._steps), last=last)

    def say(self, purse: CardPurse) -> bytes:
        return self.message.say(self.life, purse)

    def say_again(self, purse: CardPurse, said: bytes | None) -> None:
        """Have the card, started again, say what it said or did not."""
        held_fen = purse.view().balance_fen if purse.phase is Phase.IN_USE else 0
        assert held_fen in (self.held_before_fen, self.message.left_fen)
        assert said is None or held_fen == self.message.left_fen, "what was said stands"
        assert held_fen + self.life.others_hold_fen <= TOTAL_FEN
        if self.message.pays and held_fen == self.message.left_fen:
            said = said or purse.waiting()[-1]
        again = self.say(purse)
        assert said is None or again == said or self.message.may_differ
        self.message.hear(self.life, said or again)
        assert purse.view().balance_fen == self.message.left_fen

    def finish(self) -> None:
        """Let the card live on to the end, in this process, and add up."""
        self._play(NAMES[self._number + 1 :])
        with powered(self.card) as card:
            view, tries = card.purse().view(), card.purse().protection().pin_tries
        assert view.balance_fen + self.life.others_hold_fen == TOTAL_FEN
        assert (view.balance_fen, view.waiting) == (MESSAGES[NAMES[-1]].left_fen, 0)
        assert tries == PIN_TRIES

    def _play(self, names: Iterable[str]) -> None:
        with powered(self.card) as card:
            for message in map(MESSAGES.__getitem__, names):
                message.hear(self.life, message.say(self.life, card.purse(PIN)))


class Walk:
    """Takes cards through their messages, as many at once as there are readers."""

    def __init__(self, slots: Iterable[Slot], cards: Cards, directory: Path) -> None:
        self._cards, self._directory = cards, directory
        self._slots: queue.Queue[Slot] = queue.Queue()
        for slot in slots:
            self._slots.put(slot)
        self.at_once = self._slots.qsize()

    def rehearse(self, name: str) -> list[str]:
        """Return the steps that a card takes for a message."""
        with self._staged(name) as (stage, slot), self._cards.started(stage.order(slot)):
            assert said_by(stage, slot) is not None
            until_s = time.monotonic() + NOTED_S
            while stage.steps_taken[-1] != f"{AFTER} {ANSWER}":
                assert time.monotonic() < until_s
            return stage.steps_taken

    def cut(self, name: str, last: int) -> None:
        """Let a card kill itself at a step of a message, and look what becomes of it."""
        with self._staged(name) as (stage, slot):
            with self._cards.started(stage.order(slot, last)) as await_end:
                said = said_by(stage, slot)
                await_end()
            assert len(stage.steps_taken) == last, "it died where it was to die"
            with self._cards.started(stage.order(slot)):
                await_card(slot)
                with held(slot) as purse:
                    stage.say_again(purse, said)
            stage.finish()

    def cut_all(self, steps: Mapping[str, list[str]], cuts: Iterable[tuple[str, int]]) -> list[str]:
        """Cut messages at steps, and return what went wrong."""
        with ThreadPoolExecutor(self.at_once) as threads:
            begun = {cut: threads.submit(self.cut, *cut) for cut in cuts}
        return [
            f"{name}, {steps[name][last - 1]} ({last}): {error!r}"
            for (name, last), cut in begun.items()
            if (error := cut.exception())
        ]

    @contextmanager
    def _staged(self, name: str) -> Iterator[tuple[Stage, Slot]]:
        slot = self._slots.get()
        try:
            with TemporaryDirectory(dir=self._directory) as directory:
                yield Stage(Path(directory), name), slot
        finally:
            self._slots.put(slot)


@pytest.fixture(scope="module")
def walk(
    reader_service: VirtualReaders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    with cards() as started:
        yield Walk(reader_service.slots[SLOTS_BESIDE:], started, tmp_path_factory.mktemp("killed"))


@pytest.fixture(scope="module")
def steps(walk: Walk) -> dict[str, list[str]]:
    """The steps of each message, uncut."""
    with ThreadPoolExecutor(walk.at_once) as threads:
        return dict(zip(NAMES, threads.map(walk.rehearse, NAMES), strict=True))


def test_a_card_syncs_what_it_wrote_before_it_says_a_word(steps: dict[str, list[str]]) -> None:
    write = "".join(f"{each};" for each in (OPEN, WRITE, SYNC, REPLACE, OPEN, SYNC_DIRECTORY))
    for name in NAMES:
        done = [each.removeprefix(f"{AFTER} ") for each in steps[name] if each.startswith(AFTER)]
        assert re.fullmatch(f"(({write})*{ANSWER};)+", "".join(f"{each};" for each in done)), name
        assert REPLACE in done, name


def test_totals_are_exact_where_a_card_is_killed(walk: Walk, steps: dict[str, list[str]]) -> None:
    """The two that tell most: all written and nothing said, and half of the answer said."""
    cuts = [
        (name, len(taken) - taken[::-1].index(step))
        for name, taken in steps.items()
        for step in (f"{AFTER} {REPLACE}", f"{WITHIN} {ANSWER}")
    ]
    assert walk.cut_all(steps, cuts) == []


@pytest.mark.chaos
@pytest.mark.parametrize("name", NAMES)
def test_totals_are_exact_wherever_a_card_is_killed(
    walk: Walk, steps: dict[str, list[str]], name: str
) -> None:
    cuts = [(name, last) for last in range(1, len(steps[name]) + 1)]
    assert walk.cut_all(steps, cuts) == []


def said_by(stage: Stage, slot: Slot) -> bytes | None:
    """Return what a card says; None if it died before all of it was heard.

    The driver of virtual readers hands half of an answer on as if it were whole.
    """
    said = None
    until_s = time.monotonic() + INSERTED_S
    while not stage.steps_taken:  # pcscd may not have missed the card before it yet
        assert time.monotonic() < until_s, "another card is in the reader"
        with suppress(CardAbsent, CardPulled, CardUnreadable), held(slot) as purse:
            said = stage.say(purse)
    return said


@contextmanager
def held(slot: Slot) -> Iterator[CardPurse]:
    with card_in(slot.reader, wait_s=INSERTED_S) as card:
        yield CardPurse.select(card, pin=lambda: PIN)


@contextmanager
def powered(directory: Path) -> Iterator[DirectCard]:
    card = DirectCard(directory)
    try:
        yield card
    finally:
        card.power_off()
