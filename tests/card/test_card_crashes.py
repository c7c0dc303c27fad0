"""Power fails at every write of a card, before, within and after it; nothing is lost or doubled."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from jiaozi.card.pin import PIN_TRIES, Secret
from jiaozi.card.state import read_state
from jiaozi.card.storage import Storage
from jiaozi.protocol.offline.operator_messages import Checkpoint, sign_checkpoint
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import CardFailed, CardPinWrong
from jiaozi.wallet.offline.card import CardPurse
from tests.card.dying_card import Cut, DyingStorage, Fault, PowerLost
from tests.card.purse_cards import PIN, PUK, WRONG, DirectCard, chain_for, issue, load_for
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    OPERATORS_CERTIFICATE,
    PAYEE,
    THIRD,
    Party,
    time_message,
)

_Said = TypeVar("_Said")
WRITES_MAX = 60


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks do not fail here, and waiting for them is most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Terminal:
    """Does a step with the card, and the same again where the power went."""

    def __init__(self, directory: Path, fault: Fault) -> None:
        self.card = DirectCard(directory, lambda where: DyingStorage(where, fault))

    def do(
        self,
        step: Callable[[CardPurse], _Said],
        *,
        again: Callable[[CardPurse], _Said] | None = None,
    ) -> _Said:
        try:
            return step(self.card.purse(PIN))
        except PowerLost:
            self.card.power_off()
            self.card.power_on()
            return (again or step)(self.card.purse(PIN))


def live(directory: Path, fault: Fault) -> int:
    """A card's whole life; returns what all parties have in the end."""
    terminal, merchant, other = Terminal(directory, fault), Party(PAYEE), Party(THIRD, fen=500)
    key = terminal.do(lambda purse: purse.personalise(ANCHOR, PIN, PUK))
    terminal.do(lambda purse: purse.renew(chain_for(key)))
    terminal.do(lambda purse: purse.take_load(load_for(key, 1, 900)))
    terminal.do(lambda purse: purse.set_allowance(50, 50))
    request = merchant.ask(300)
    payment = terminal.do(lambda purse: purse.pay(request))
    acknowledgement = merchant.collect(payment)
    terminal.do(lambda purse: purse.acknowledge(acknowledgement, payment))
    paid = other.pay(terminal.do(lambda purse: purse.ask(100, END_MS)))
    other.acknowledge(terminal.do(lambda purse: purse.collect(paid)), paid)
    unloaded = terminal.do(lambda purse: purse.unload(200, ALICE), again=said_before)
    terminal.do(synchronise, again=synchronise_if_needed)
    view = terminal.do(lambda purse: purse.view())
    assert (view.balance_fen, view.entries, view.waiting) == (500, 0, 0)
    assert unloaded
    return view.balance_fen + merchant.purse.balance_fen + other.purse.balance_fen + 200


def said_before(purse: CardPurse) -> bytes:
    """An unload that may have been made: what waits is said, and nothing is unloaded anew."""
    waiting = purse.waiting()
    return waiting[-1] if waiting else purse.unload(200, ALICE)


def synchronise(purse: CardPurse) -> None:
    """What a desk does, once everything is settled."""
    log = read_log(purse.hand_in(), ANCHOR)
    assert log.fault is None
    checkpoint = Checkpoint(
        device=log.device.key, number=1, position=log.statement.position, head=log.statement.head,
        counter=log.counter, loads=log.loads, balance_fen=sum(log.balances_fen),
    )  # fmt: skip
    signed = sign_checkpoint(checkpoint, signer_of(CERTIFY_SEED), OPERATORS_CERTIFICATE, NETWORK)
    purse.synchronise(signed, time_message())


def synchronise_if_needed(purse: CardPurse) -> None:
    if purse.view().entries:
        synchronise(purse)


def writes_of_a_life(directory: Path) -> int:
    fault = Fault(write=0, cut=Cut.BEFORE)
    live(directory, fault)
    return fault.seen


@pytest.mark.parametrize("cut", [*Cut])
def test_totals_are_exact_wherever_the_power_goes(tmp_path: Path, cut: Cut) -> None:
    writes = writes_of_a_life(tmp_path / "whole")
    assert 15 < writes < WRITES_MAX
    for write in range(1, writes + 1):
        fault = Fault(write, cut)
        assert live(tmp_path / str(write), fault) == 900 + 500
        assert fault.seen >= write, "the power went"


def test_what_lies_beside_after_a_torn_write_is_passed_over(tmp_path: Path) -> None:
    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900)
    card.power_off()
    (tmp_path / "card.new").write_bytes(b"half a sta")
    card.power_on()
    payment = card.purse(PIN).pay(Party(PAYEE).ask(100))
    assert payment
    assert card.purse().view().balance_fen == 800


def test_a_card_that_cannot_write_says_so_and_changes_nothing(tmp_path: Path) -> None:
    class FullStorage(Storage):
        def prepare(self, data: bytes) -> None:
            raise OSError("No space left on device")

    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900)
    card.power_off()
    card.power_on(FullStorage)
    for step in (
        lambda purse: purse.show_pin(PIN),
        lambda purse: purse.ask(10, END_MS),
        lambda purse: purse.take_load(load_for(purse.view().device.key, 2, 10)),
    ):
        with pytest.raises(CardFailed):
            step(card.purse())
    assert card.purse().view().balance_fen == 900


@pytest.mark.parametrize("cut", [*Cut])
def test_pulling_the_card_gives_no_free_try(
    tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = DirectCard(tmp_path)
    issue(card.purse())
    compared: list[int] = []
    shown_by = Secret.is_shown_by

    def spied(secret: Secret, digits: bytes) -> bool:
        kept = card.storage.read()
        assert kept is not None
        compared.append(read_state(kept).pin.tries_left)
        return shown_by(secret, digits)

    monkeypatch.setattr(Secret, "is_shown_by", spied)
    with pytest.raises(CardPinWrong):
        card.purse().show_pin(WRONG)
    assert compared == [PIN_TRIES - 1], "counted on disk before the digits are compared"
    card.power_off()
    card.power_on(lambda where: DyingStorage(where, Fault(write=1, cut=cut)))
    with pytest.raises(PowerLost):
        card.purse().show_pin(WRONG)
    card.power_off()
    card.power_on()
    assert len(compared) == 1, "nothing was compared where the power went"
    lost = 1 if cut is Cut.COMMITTED else 0
    assert card.purse().protection().pin_tries == PIN_TRIES - 1 - lost


def test_a_payment_without_pin_counts_even_if_the_power_goes(tmp_path: Path) -> None:
    """Else whoever pulls the card at the right moment pays for ever without the PIN."""
    card, merchant = DirectCard(tmp_path), Party(PAYEE)
    issue(card.purse(), fen=900)
    card.purse(PIN).set_allowance(100, 100)
    request = merchant.ask(100)
    card.power_off()
    card.power_on(lambda where: DyingStorage(where, Fault(write=1, cut=Cut.COMMITTED)))
    with pytest.raises(PowerLost):
        card.purse().pay(request)
    card.power_off()
    card.power_on()
    assert card.purse().protection().spent_fen == 100
    merchant.collect(card.purse().pay(request))
    assert card.purse().view().balance_fen + merchant.purse.balance_fen == 900


def test_a_card_put_back_to_an_earlier_state_is_found_by_who_is_paid_twice(tmp_path: Path) -> None:
    card, merchant = DirectCard(tmp_path), Party(PAYEE)
    issue(card.purse(), fen=900)
    earlier = (tmp_path / "card").read_bytes()
    merchant.collect(card.purse(PIN).pay(merchant.ask(100)))
    card.power_off()
    (tmp_path / "card").write_bytes(earlier)
    card.power_on()
    with pytest.raises(Refusal) as found:
        merchant.collect(card.purse(PIN).pay(merchant.ask(200)))
    assert found.value.code is Code.DOUBLE_SPENT
    assert merchant.purse.balance_fen == 100
