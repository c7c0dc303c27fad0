"""What clerks and holders of cards mistake, and what breaks under their hands."""

import re

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app, card_setup
from jiaozi.cli.output import refusal_sentence
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.wallet.errors import (
    PurseUnavailable,
    ReaderUnknown,
    ReaderUnnamed,
    SalesUnavailable,
    WalletError,
)
from jiaozi.wallet.offline.sales import Sales
from jiaozi.wallet.offline.software import SoftwarePurse
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


@pytest.mark.parametrize(
    ("place", "name", "error", "has_said"),
    [
        (Sales, "note_payment", SalesUnavailable, False),
        (SoftwarePurse, "collect", PurseUnavailable, True),
        (Sales, "note_taken", SalesUnavailable, True),
    ],
)
def test_a_disk_that_is_full_once_the_card_has_paid_loses_no_sale(
    counter: Counter, place: type, name: str, error: type[WalletError], has_said: bool
) -> None:
    def fail(*_: object) -> None:
        raise error(detail="There is no room on the disk")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, fail)
        counter("pos", "take", "3", pin=PIN, code=2)
    assert ("The card has paid." in counter.told) is has_said
    assert counter("card", "balance")["balance_fen"] == 600
    assert counter("pos", "take", "3")["state"] == "taken"
    assert counter("card", "balance")["balance_fen"] == 600
    assert counter("pos", "day")["taken_fen"] == 300


@pytest.mark.parametrize(
    ("code", "value", "told"),
    [
        (Code.CLAIM_TOO_EARLY, 1_799_287_514_032, r"\(until 2027-01-0\d [\d:+-]+\)"),
        (Code.BUSY, 2_500, r"\(retry after 2\.5 s\)"),
        (Code.PURSE_PAYMENT_LIMIT, 100, r"\(limit 1\.00 yuan\)"),
    ],
)
def test_times_and_amounts_of_a_refusal_are_told_as_people_read_them(
    code: Code, value: int, told: str
) -> None:
    assert re.search(told, refusal_sentence(refuse(code, value)))
