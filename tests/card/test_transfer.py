"""From card to card an amount is paid once, whatever breaks off and however often it is begun."""

from pathlib import Path

import pytest

from jiaozi.protocol.offline.proofs import DoubleSpendFound
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import CardPulled, PaymentWaits
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.transfer import transfer
from tests.card.purse_cards import PIN, DirectCard, PulledCard, issue
from tests.protocol.offline_builders import END_MS

HELD_FEN, PAID_FEN = 900, 300


class Pair:
    """A card that pays and one that is paid."""

    def __init__(self, directory: Path) -> None:
        self.payer, self.payee = DirectCard(directory / "payer"), DirectCard(directory / "payee")
        issue(self.payer.purse(), fen=HELD_FEN)
        issue(self.payee.purse())

    @property
    def purses(self) -> tuple[CardPurse, CardPurse]:
        """Both held to readers anew."""
        return self.payer.purse(PIN), self.payee.purse(PIN)

    @property
    def balances_fen(self) -> tuple[int, int]:
        return self.payer.purse().view().balance_fen, self.payee.purse().view().balance_fen

    def pay(self, amount_fen: int = PAID_FEN) -> bool:
        return transfer(*self.purses, amount_fen, END_MS)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_an_amount_is_paid_and_known_to_have_arrived(pair: Pair) -> None:
    assert pair.pay()
    assert pair.balances_fen == (600, 300)
    assert pair.payer.purse().view().waiting == 0
    assert pair.pay()
    assert pair.balances_fen == (300, 600), "the same amount once more is another payment"


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize(("who", "call"), [(0, "pay"), (1, "ask"), (1, "collect")])
def test_a_card_pulled_at_any_moment_and_held_again_pays_once(
    pair: Pair, who: int, call: str, is_heard: bool
) -> None:
    purses: list[PurseDevice] = [*pair.purses]
    purses[who] = PulledCard(pair.purses[who], call, is_heard=is_heard)  # type: ignore[assignment]
    with pytest.raises(CardPulled):
        transfer(*purses, PAID_FEN, END_MS)  # type: ignore[call-arg]
    has_paid = pair.balances_fen[0] < HELD_FEN
    assert has_paid is (call == "collect" or (call == "pay" and is_heard))
    assert pair.pay() is not has_paid
    assert pair.balances_fen == (600, 300)
    assert pair.payer.purse().view().waiting == 0


@pytest.mark.parametrize("is_heard", [False, True])
def test_a_card_pulled_once_all_is_done_has_paid(pair: Pair, is_heard: bool) -> None:
    payer, payee = pair.purses
    assert transfer(PulledCard(payer, "acknowledge", is_heard=is_heard), payee, PAID_FEN, END_MS)  # type: ignore[arg-type]
    assert pair.balances_fen == (600, 300)
    assert pair.payer.purse().view().waiting == (0 if is_heard else 1)


def test_a_payment_of_another_amount_is_a_new_one(pair: Pair) -> None:
    payer, payee = pair.purses
    with pytest.raises(CardPulled):
        transfer(payer, PulledCard(payee, "collect", is_heard=False), PAID_FEN, END_MS)  # type: ignore[arg-type]
    assert pair.pay(100)
    assert pair.balances_fen == (500, 100)
    assert not pair.pay()
    assert pair.balances_fen == (500, 400)


def test_what_the_payee_does_not_take_any_more_is_not_paid_a_second_time(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = pair.purses
    with pytest.raises(CardPulled):
        transfer(payer, PulledCard(payee, "collect", is_heard=False), PAID_FEN, END_MS)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(CardPurse, "collect", refuse)
        with pytest.raises(PaymentWaits):
            pair.pay()
    assert pair.balances_fen == (600, 0)


def test_a_cloned_card_that_broke_off_is_convicted_all_the_same(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "card").write_bytes((tmp_path / "payer" / "card").read_bytes())
    clone = DirectCard(tmp_path / "clone")
    payee = pair.payee.purse()
    with pytest.raises(CardPulled):
        transfer(clone.purse(PIN), PulledCard(payee, "collect", is_heard=False), PAID_FEN, END_MS)  # type: ignore[arg-type]
    assert pair.pay(200)
    with pytest.raises(DoubleSpendFound):
        transfer(clone.purse(PIN), pair.payee.purse(), PAID_FEN, END_MS)


def refuse(_: CardPurse, __: bytes) -> bytes:
    raise Refusal(code=Code.REQUEST_UNKNOWN)
