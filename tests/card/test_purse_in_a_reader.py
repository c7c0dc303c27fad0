"""A card process behind a real pcscd pays other purses, with no network at all."""

from pathlib import Path

from jiaozi.local.card_readers import Slot
from jiaozi.protocol.offline.log import read_log
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.readers import card_in
from tests.card.purse_cards import PIN, card_process, issue
from tests.protocol.offline_builders import ANCHOR, PAYEE, Party


def test_a_card_pays_a_purse(empty_slot: Slot, tmp_path: Path) -> None:
    merchant = Party(PAYEE)
    with card_process(tmp_path, empty_slot), card_in(empty_slot.reader) as card:
        purse = CardPurse.select(card, pin=lambda: PIN)
        issue(purse, fen=900)
        payment = purse.pay(merchant.ask(300))
        purse.acknowledge(merchant.collect(payment), payment)
        assert purse.view().balance_fen == 600
        assert merchant.purse.balance_fen == 300
        assert read_log(purse.hand_in(), ANCHOR).fault is None
