"""The PIN of a card at each of its edges: when it is taken, when it is not, when it is blocked."""

from pathlib import Path

import pytest

from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.refusals import Code
from jiaozi.wallet.errors import (
    CardPinBlocked,
    CardPinNeeded,
    CardPinUnfit,
    CardPinWrong,
)
from tests.card.purse_cards import (
    PIN,
    PUK,
    WRONG,
    DirectCard,
    allow,
    issue,
    refused,
)
from tests.protocol.builders import ALICE
from tests.protocol.offline_builders import (
    END_MS,
    LIMITS,
    THIRD,
    Party,
)

pytestmark = pytest.mark.usefixtures("unsynced")


def test_without_an_allowance_every_payment_takes_the_pin(
    card: DirectCard, merchant: Party
) -> None:
    request = merchant.ask(1)
    with pytest.raises(CardPinNeeded):
        card.purse().pay(request)
    assert card.purse().view().balance_fen == 900
    card.purse(PIN).pay(request)
    assert card.purse().view().balance_fen == 899


def test_a_pin_is_good_for_one_payment(card: DirectCard, merchant: Party) -> None:
    purse = card.purse()
    purse.show_pin(PIN)
    purse.pay(merchant.ask(1))
    with pytest.raises(CardPinNeeded):
        purse.pay(merchant.ask(1))


def test_the_same_payment_again_takes_no_pin(card: DirectCard, merchant: Party) -> None:
    request = merchant.ask(100)
    assert card.purse(PIN).pay(request) == card.purse().pay(request)
    assert card.purse().view().balance_fen == 800


def test_a_pin_ends_with_the_power(card: DirectCard, merchant: Party) -> None:
    card.purse().show_pin(PIN)
    with pytest.raises(CardPinNeeded):
        card.purse().pay(merchant.ask(1))


def test_small_payments_go_without_pin_up_to_either_bound(
    card: DirectCard, merchant: Party
) -> None:
    allow(card, 100, 250)
    with pytest.raises(CardPinNeeded):
        card.purse().pay(merchant.ask(101))
    card.purse().pay(merchant.ask(100))
    card.purse().pay(merchant.ask(100))
    with pytest.raises(CardPinNeeded):
        card.purse().pay(merchant.ask(51))
    card.purse().pay(merchant.ask(50))
    with pytest.raises(CardPinNeeded):
        card.purse().pay(merchant.ask(1))
    assert card.purse().protection().spent_fen == 250
    card.purse().show_pin(PIN)
    assert card.purse().protection().spent_fen == 0
    card.purse().pay(merchant.ask(100))


def test_what_is_paid_with_the_pin_uses_up_no_allowance(card: DirectCard, merchant: Party) -> None:
    allow(card, 100, 100)
    purse = card.purse()
    purse.show_pin(PIN)
    purse.pay(merchant.ask(60))
    purse.pay(merchant.ask(100))
    with pytest.raises(CardPinNeeded):
        purse.pay(merchant.ask(1))


def test_the_allowance_outlives_the_power(card: DirectCard, merchant: Party) -> None:
    allow(card, 100, 100)
    card.purse().pay(merchant.ask(100))
    card.power_off()
    card.power_on()
    with pytest.raises(CardPinNeeded):
        card.purse().pay(merchant.ask(1))


def test_the_allowance_takes_the_pin_and_stays_within_the_certificate(card: DirectCard) -> None:
    with pytest.raises(CardPinNeeded):
        card.purse().set_allowance(1, 1)
    with refused(Code.PURSE_PAYMENT_LIMIT) as found:
        card.purse(PIN).set_allowance(LIMITS.payment_fen + 1, 1)
    assert found.value.fields == {"limit_fen": LIMITS.payment_fen}
    with refused(Code.PURSE_OUT_LIMIT):
        card.purse(PIN).set_allowance(1, LIMITS.out_fen + 1)
    card.purse(PIN).set_allowance(LIMITS.payment_fen, LIMITS.out_fen)


def test_three_wrong_pins_block_what_takes_one_until_the_puk(
    card: DirectCard, merchant: Party
) -> None:
    allow(card, 100, 100)
    told = ("PIN is wrong, 2 tries are left", "1 try is left", "and blocked now")
    for left, sentence in zip((2, 1, 0), told, strict=True):
        with pytest.raises(CardPinWrong, match=sentence) as wrong:
            card.purse().show_pin(WRONG)
        assert wrong.value.tries_left == left
    card.power_off()
    card.power_on()
    for blocked in (
        lambda purse: purse.show_pin(PIN),
        lambda purse: purse.pay(merchant.ask(1)),  # within the allowance, too
        lambda purse: purse.hand_in(),
        lambda purse: purse.unload(1, ALICE),
        lambda purse: purse.change_pin(PIN, WRONG),
    ):
        with pytest.raises(CardPinBlocked):
            blocked(card.purse())
    card.purse().collect(Party(THIRD, fen=10).pay(card.purse().ask(10, END_MS)))
    with pytest.raises(CardPinWrong, match="PUK is wrong, 9 tries are left"):
        card.purse().unblock_pin("13579024", WRONG)
    card.purse().unblock_pin(PUK, WRONG)
    assert card.purse().protection().pin_tries == 3
    card.purse(WRONG).pay(merchant.ask(1))


def test_a_right_pin_gives_the_tries_back(card: DirectCard) -> None:
    for _ in range(3):
        for _ in range(2):
            with pytest.raises(CardPinWrong):
                card.purse().show_pin(WRONG)
        card.purse().show_pin(PIN)


def test_a_wrong_pin_takes_back_one_that_was_shown(card: DirectCard, merchant: Party) -> None:
    purse = card.purse()
    purse.show_pin(PIN)
    with pytest.raises(CardPinWrong):
        purse.show_pin(WRONG)
    with pytest.raises(CardPinNeeded):
        purse.pay(merchant.ask(1))


def test_ten_wrong_puks_block_for_good(card: DirectCard) -> None:
    for _ in range(10):
        with pytest.raises(CardPinWrong):
            card.purse().unblock_pin("13579024", PIN)
    with pytest.raises(CardPinBlocked):
        card.purse().unblock_pin(PUK, PIN)
    card.purse().show_pin(PIN)


@pytest.mark.parametrize(
    "unfit", ["12345", "1234567890123", "111111", "121212", "12345a", "１２３４５６", ""]
)
def test_a_new_pin_is_six_to_twelve_digits_of_three_kinds(card: DirectCard, unfit: str) -> None:
    with pytest.raises(CardPinUnfit):
        card.purse().change_pin(PIN, unfit)
    with pytest.raises(CardPinUnfit):
        card.purse().unblock_pin(PUK, unfit)
    card.purse().change_pin(PIN, "102030")
    card.purse().show_pin("102030")


def test_a_tap_device_pays_without_pin_within_its_limits(tmp_path: Path, merchant: Party) -> None:
    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900, profile=Profile.TAP)
    card.purse().pay(merchant.ask(LIMITS.payment_fen))
    with refused(Code.PURSE_PAYMENT_LIMIT):
        card.purse().pay(merchant.ask(LIMITS.payment_fen + 1))
    with pytest.raises(CardPinNeeded):
        card.purse().unload(1, ALICE)
