"""A point of sale takes each payment once, whatever breaks off in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jiaozi.protocol.offline.proofs import verify_proof
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import CardDiffers, CardPinNeeded, CardPulled, SaleOpen, SalesUnavailable
from jiaozi.wallet.offline.sales import Sales, SaleState
from tests.card.purse_cards import PIN, DirectCard, PulledCard, issue
from tests.card.tills import Shop, shop_in
from tests.protocol.builders import NOW_MS, signer_of
from tests.protocol.offline_builders import ANCHOR, END_MS, THIRD, frame_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path) as shop:
        yield shop


@pytest.fixture
def card(tmp_path: Path) -> DirectCard:
    card = DirectCard(tmp_path / "card")
    issue(card.purse(), fen=900)
    return card


def test_a_card_pays_and_knows_that_it_arrived(shop: Shop, card: DirectCard) -> None:
    sale = shop.till.take(shop.till.begin(300, NOW_MS), card.purse(PIN))
    assert (sale.state, sale.payer) == (SaleState.TAKEN, card.purse().view().device.key)
    assert shop.sales.since(0) == [sale]
    assert (shop.purse.view().balance_fen, card.purse().view().balance_fen) == (300, 600)
    assert card.purse().view().waiting == 0
    assert read_log(shop.purse.hand_in(), ANCHOR).fault is None


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("call", ["view", "frames_after", "pay", "acknowledge"])
def test_a_card_pulled_at_any_moment_pays_once(
    shop: Shop, card: DirectCard, call: str, is_heard: bool
) -> None:
    shop.purse.learn_revocations(frame_of([revocation_entry(signer_of(THIRD).public_key, END_MS)]))
    sale = shop.till.begin(300, NOW_MS)
    pulled = PulledCard(card.purse(PIN), call, is_heard=is_heard)
    if call in ("view", "pay"):
        with pytest.raises(CardPulled):
            shop.till.take(sale, pulled)  # type: ignore[arg-type]
        sale = shop.till.begin(300, NOW_MS)
        shop.till.take(sale, card.purse(PIN))
    else:
        shop.till.take(sale, pulled)  # type: ignore[arg-type]
    assert (shop.purse.view().balance_fen, card.purse().view().balance_fen) == (300, 600)
    assert [each.state for each in shop.sales.since(0)] == [SaleState.TAKEN]


def test_a_terminal_that_died_at_any_moment_goes_on(tmp_path: Path, card: DirectCard) -> None:
    class Died(Exception):
        pass

    def die(*_: object) -> None:
        raise Died

    for number, write in enumerate(("begin", "note_payer", "note_payment", "note_taken"), 1):
        with shop_in(tmp_path) as shop, pytest.MonkeyPatch.context() as patch:
            patch.setattr(shop.sales, write, die)
            with pytest.raises(Died):
                shop.till.take(shop.till.begin(100, NOW_MS), card.purse(PIN))
        with shop_in(tmp_path) as shop:
            sale = shop.till.begin(100, NOW_MS)
            if sale.payment is None:
                shop.till.take(sale, card.purse(PIN))
            else:
                shop.till.collect(sale)
            assert shop.purse.view().balance_fen == 100 * number
            assert card.purse().view().balance_fen == 900 - 100 * number
            assert shop.sales.unfinished() is None
            assert {each.state for each in shop.sales.since(0)} == {SaleState.TAKEN}


def test_no_second_card_pays_for_what_another_may_have_paid(
    shop: Shop, card: DirectCard, tmp_path: Path
) -> None:
    other = DirectCard(tmp_path / "other")
    issue(other.purse(), fen=900)
    sale = shop.till.begin(300, NOW_MS)
    with pytest.raises(CardPulled):
        shop.till.take(sale, PulledCard(card.purse(PIN), "pay", is_heard=True))  # type: ignore[arg-type]
    with pytest.raises(CardDiffers):
        shop.till.take(shop.till.begin(300, NOW_MS), other.purse(PIN))
    assert other.purse().view().balance_fen == 900
    shop.till.take(shop.till.begin(300, NOW_MS), card.purse(PIN))


def test_after_a_card_said_no_another_may_pay(shop: Shop, card: DirectCard, tmp_path: Path) -> None:
    empty = DirectCard(tmp_path / "empty")
    issue(empty.purse())
    sale = shop.till.begin(300, NOW_MS)
    with pytest.raises(Refusal) as found:
        shop.till.take(sale, empty.purse(PIN))
    assert found.value.code is Code.PURSE_FUNDS
    with pytest.raises(CardPinNeeded):
        shop.till.take(shop.till.begin(300, NOW_MS), card.purse())
    shop.till.take(shop.till.begin(300, NOW_MS), card.purse(PIN))


def test_a_broken_off_sale_is_finished_or_given_up_before_the_next(
    shop: Shop, card: DirectCard
) -> None:
    shop.till.begin(300, NOW_MS)
    with pytest.raises(SaleOpen):
        shop.till.begin(200, NOW_MS)
    cancelled = shop.till.cancel()
    assert cancelled is not None
    assert shop.till.cancel() is None
    shop.till.take(shop.till.begin(200, NOW_MS), card.purse(PIN))
    assert [each.state for each in shop.sales.since(0)] == [SaleState.ENDED, SaleState.TAKEN]


def test_what_the_terminal_cannot_collect_is_kept_for_an_operator(
    shop: Shop, card: DirectCard
) -> None:
    """The terminal says no after the card has paid: the payment is not lost."""
    sale = shop.till.begin(300, NOW_MS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.purse, "collect", _refuse)
        with pytest.raises(Refusal):
            shop.till.take(sale, card.purse(PIN))
    [kept] = shop.sales.not_collected()
    assert kept.payment == card.purse(PIN).waiting()[0]
    shop.sales.end(kept, SaleState.SETTLED)
    assert shop.sales.not_collected() == []


def test_a_revoked_card_is_turned_away_before_it_pays(shop: Shop, card: DirectCard) -> None:
    key = card.purse().view().device.key
    shop.purse.learn_revocations(frame_of([revocation_entry(key, END_MS)]))
    with pytest.raises(Refusal) as found:
        shop.till.take(shop.till.begin(300, NOW_MS), card.purse(PIN))
    assert found.value.code is Code.DEVICE_REVOKED
    assert card.purse().view().balance_fen == 900


@pytest.mark.parametrize("who_knows", ["card", "terminal"])
def test_g4_the_list_of_revoked_devices_spreads_both_ways(
    shop: Shop, card: DirectCard, who_knows: str
) -> None:
    frame = frame_of([revocation_entry(signer_of(THIRD).public_key, END_MS)])
    (card.purse() if who_knows == "card" else shop.purse).learn_revocations(frame)
    shop.till.take(shop.till.begin(1, NOW_MS), card.purse(PIN))
    assert (card.purse().view().list_number, shop.purse.view().list_number) == (1, 1)


def test_g3_a_copied_card_is_found_and_its_proof_kept(
    shop: Shop, card: DirectCard, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "card").write_bytes((card.directory / "card").read_bytes())
    copy = DirectCard(tmp_path / "copy")
    shop.till.take(shop.till.begin(300, NOW_MS), card.purse(PIN))
    with pytest.raises(Refusal) as found:
        shop.till.take(shop.till.begin(200, NOW_MS), copy.purse(PIN))
    assert found.value.code is Code.DOUBLE_SPENT
    [proof] = shop.purse.proofs()
    assert verify_proof(proof, ANCHOR).device == card.purse().view().device.key
    assert shop.purse.view().balance_fen == 300
    assert [each.state for each in shop.sales.since(0)] == [SaleState.TAKEN, SaleState.REFUSED]
    assert shop.sales.unfinished() is None, "the next customer need not wait"


def test_sales_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    with pytest.raises(SalesUnavailable):
        Sales(tmp_path / "sales")


def _refuse(_: bytes) -> bytes:
    raise Refusal(code=Code.REQUEST_UNKNOWN)
