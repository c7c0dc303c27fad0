"""Which card and which reader a command means, and what it says where it cannot be known."""

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app, card_setup
from jiaozi.wallet.errors import ReaderUnknown, ReaderUnnamed, WalletError
from tests.card.purse_cards import PIN, DirectCard
from tests.cli.test_card_commands import Counter
from tests.cli.test_card_commands import counter as counter


@pytest.mark.parametrize(
    ("names", "error", "told"),
    [([], ReaderUnknown, "no card reader"), (["one", "two"], ReaderUnnamed, "one, two")],
)
def test_who_names_no_reader_is_told_which_there_are(
    names: list[str], error: type[WalletError], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_setup, "reader_names", lambda: names)
    with pytest.raises(error, match=told):
        card_setup._only_reader()


def test_a_card_pays_neither_itself_nor_one_that_is_blank(counter: Counter) -> None:
    counter.cards["other"] = DirectCard(counter.directory / "blank")
    refused = counter("card", "pay", "2", "--to-reader", "other", pin=PIN, code=2)
    assert "The card in other was not issued yet" in refused["error"]["detail"]
    itself = ["card", "--reader", "here", "pay", "2", "--to-reader", "here"]
    assert "the card that pays is in this reader" in CliRunner().invoke(app, itself).output
    assert counter("card", "balance")["balance_fen"] == 900
