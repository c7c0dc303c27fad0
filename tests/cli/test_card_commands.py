"""`jiaozi card` and `jiaozi pos` with cards that are spoken to directly, in place of a reader."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app, card_setup
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.proofs import ProofKind, verify_proof
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.wallet import readers
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import CardPulled
from jiaozi.wallet.keystore import KdfCost, Keystore, WalletPublic, write_keystore
from jiaozi.wallet.offline.frames import MessageKind, from_text, to_frames
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import journal_path, keystore_path
from tests.card.purse_cards import PIN, PUK, WRONG, DirectCard, issue, load_for, transmitter
from tests.protocol.builders import ALICE, NETWORK, ROOT, seed_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    PAYEE,
    PAYER,
    Party,
    chain_of,
    device_of,
    load_message,
)
from tests.wallet.conftest import NUMBER, keystore_for
from tests.wallet.fake_operator import FakeOperator, key, served
from tests.wallet.purses import opened

PASSPHRASE = "correct horse battery"


@dataclass
class Counter:
    """A merchant's terminal, and the cards that are held to it by the names of readers."""

    directory: Path
    cards: dict[str, DirectCard] = field(default_factory=dict)
    pulled: int = 0
    """So many times the card is pulled before it answers."""

    @contextmanager
    def card_in(self, reader: str, **_: object) -> Iterator[readers.Card]:
        self.cards[reader].dialogue.reset()
        if self.pulled:
            self.pulled -= 1
            raise CardPulled(detail="The card left the reader")
        yield transmitter(self.cards[reader].dialogue)

    def __call__(self, *words: object, code: int = 0, pin: str | None = None) -> dict[str, Any]:
        """Run a command with ``--json`` that must end with an exit code."""
        group, *command = words
        (self.directory / "pin").write_text(pin or "")
        given = ["--card-pin-file", str(self.directory / "pin")] if pin else []
        environment = {"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE, "JIAOZI_READER": "here"}
        arguments = [group, "--dir", self.directory, *given, *command, "--json"]
        result = CliRunner(env=environment).invoke(app, list(map(str, arguments)))
        assert result.exit_code == code, (result.output, result.exception)
        self.told = result.stderr
        return dict(json.loads(result.stdout))


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    public = WalletPublic(
        number=ALICE, operator_url="http://127.0.0.1:1", network=NETWORK,
        root_key=ROOT.public_key, block_key=bytes(32), public_key=signer_of(PAYEE).public_key,
    )  # fmt: skip
    write_keystore(
        tmp_path / "purse-key.json", Keystore(public=public, seed=seed_of(PAYEE)), PASSPHRASE,
        random=os.urandom, cost=KdfCost(8, 1, 1),
    )  # fmt: skip
    chain = chain_of(device_of(PAYEE, profile=Profile.TERMINAL))
    SoftwarePurse.create(tmp_path / "purse.sqlite", chain, signer_of(PAYEE), ANCHOR).close()
    counter = Counter(tmp_path, {"here": DirectCard(tmp_path / "card")})
    issue(counter.cards["here"].purse(), fen=900)
    monkeypatch.setattr(card_setup, "card_in", counter.card_in)
    return counter


def test_a_point_of_sale_takes_cards_and_tells_the_day(counter: Counter) -> None:
    taken = counter("pos", "take", "3", pin=PIN)
    assert (taken["sale"], taken["state"], taken["amount_fen"]) == (1, "taken", 300)
    assert counter("card", "balance")["device"] == taken["card"]
    assert counter("card", "balance")["balance_fen"] == 600
    day = counter("pos", "day")
    assert (day["taken_fen"], [each["sale"] for each in day["sales"]]) == (300, [1])


def test_a_card_that_wants_its_pin_is_told_and_the_sale_goes_on(counter: Counter) -> None:
    assert counter("pos", "take", "3", code=2)["error"]["name"] == "pin_not_given"
    assert counter("pos", "take", "3", code=2, pin=WRONG)["error"]["name"] == "card_pin_wrong"
    assert counter("card", "pin", "show")["pin_tries"] == 2
    assert counter("pos", "take", "4", code=2)["error"]["name"] == "sale_open"
    assert counter("pos", "take", "3", pin=PIN)["sale"] == 1


def test_a_pulled_card_is_asked_for_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jiaozi.cli.pos._NOTICED_S", 0.0)
    counter.pulled = 2
    assert counter("pos", "take", "3", pin=PIN)["state"] == "taken"
    assert counter.told.count("Hold the same card to the reader again.") == 2


def test_a_sale_is_given_up(counter: Counter) -> None:
    counter("pos", "take", "3", code=2)
    assert counter("pos", "cancel")["cancelled"] == 1
    assert counter("pos", "cancel")["cancelled"] is None
    assert counter("pos", "day")["taken_fen"] == 0


def test_a_copied_card_is_refused_and_its_proof_shown(counter: Counter) -> None:
    copy = counter.directory / "copy"
    copy.mkdir()
    (copy / "card").write_bytes((counter.directory / "card" / "card").read_bytes())
    counter("pos", "take", "3", pin=PIN)
    counter.cards["here"] = DirectCard(copy)
    assert counter("pos", "take", "2", pin=PIN, code=1)["error"]["name"] == "double_spent"
    assert "The proof is kept" in counter.told
    proofs = counter("wallet", "offline", "proofs", counter.directory / "proofs")["proofs"]
    assert len(proofs) == 1
    assert counter("pos", "day")["taken_fen"] == 300


def test_what_a_card_finds_against_a_copy_is_written_down_and_told(counter: Counter) -> None:
    proofs = counter.directory / "proofs"
    copy = counter.cards["copy"] = DirectCard(counter.directory / "other")
    issue(copy.purse())
    clone = Party(PAYER, fen=100)
    first = Party(PAYER, fen=100).pay(copy.purse().ask(1, END_MS))
    copy.purse().collect(first)
    second = counter.directory / "payment"
    second.write_text(
        "\n".join(to_frames(MessageKind.PAYMENT, clone.pay(copy.purse().ask(2, END_MS))))
    )
    counter.cards["here"] = copy
    assert counter("card", "collect", second, code=1)["error"]["name"] == "double_spent"
    [kept] = proofs.iterdir()
    assert str(kept) in counter.told.replace("\n", "")
    assert verify_proof(kept.read_bytes(), ANCHOR).kind is ProofKind.DOUBLE_SPEND


def test_what_a_purse_in_a_file_finds_against_a_copy_is_told(counter: Counter) -> None:
    payments = []
    for party in (Party(PAYER, fen=100), Party(PAYER, fen=100)):
        counter("wallet", "offline", "request", "1", "--text", counter.directory / "request")
        text = (counter.directory / "request").read_text()
        paid = party.pay(from_text(text, MessageKind.REQUEST))
        payments.append("\n".join(to_frames(MessageKind.PAYMENT, paid)))
    counter("wallet", "offline", "collect", payments[0])
    refused = counter("wallet", "offline", "collect", payments[1], code=1)
    assert refused["error"]["name"] == "double_spent"
    assert "`jiaozi wallet offline proofs` writes it down" in counter.told


def test_g3_sync_tells_of_another_load_under_one_number_and_where_the_proof_is(
    counter: Counter,
) -> None:
    on_card = counter.cards["here"].purse().view().device.key
    with opened(counter.directory / "purse.sqlite", PAYEE) as purse:
        purse.take_load(load_message(PAYEE, 1, 5))
    with served(FakeOperator(clock=SYSTEM_EDGE.now_ms)) as operator:
        operator.wallets[format_number(NUMBER)] = key("wallet").public_key
        write_keystore(
            keystore_path(counter.directory), keystore_for(operator), PASSPHRASE,
            random=os.urandom, cost=KdfCost(8, 1, 1),
        )  # fmt: skip
        Journal(journal_path(counter.directory)).close()
        operator.loads = {2: load_for(on_card, 1, 901)}
        assert counter("card", "sync", code=1)["error"]["name"] == "double_loaded"
        [kept] = (counter.directory / "proofs").iterdir()
        assert str(kept) in counter.told.replace("\n", "")
        operator.loads = {2: load_message(PAYEE, 1, 6)}
        refused = counter("wallet", "offline", "sync", code=1)
        assert refused["error"]["name"] == "double_loaded"
        assert "`jiaozi wallet offline proofs` writes it down" in counter.told
    [written] = counter("wallet", "offline", "proofs", counter.directory / "written")["proofs"]
    for proof, device in ((kept, on_card), (Path(written), signer_of(PAYEE).public_key)):
        proven = verify_proof(proof.read_bytes(), ANCHOR)
        assert (proven.kind, proven.device) == (ProofKind.DOUBLE_LOAD, device)


def test_a_card_pays_a_purse_in_a_file_and_the_card_in_another_reader(counter: Counter) -> None:
    other = counter.cards["other"] = DirectCard(counter.directory / "other")
    issue(other.purse())
    paid = counter("card", "pay", "2", "--to-reader", "other", pin=PIN)
    assert paid == {
        "amount_fen": 200, "is_new": True, "balance_fen": 700, "payee_balance_fen": 200,
    }  # fmt: skip
    request, payment = counter.directory / "request", counter.directory / "payment"
    counter("wallet", "offline", "request", "1", "--text", request)
    counter("card", "pay", request, "--yes", "--text", payment, pin=PIN)
    taken = counter("wallet", "offline", "collect", payment, "--text", counter.directory / "ack")
    assert taken["balance_fen"] == 100
    counter("card", "acknowledge", counter.directory / "ack", pin=PIN)
    assert counter("card", "balance")["waiting"] == 0


def test_the_pin_is_changed_unblocked_and_left_away_by_command(counter: Counter) -> None:
    new, puk = counter.directory / "new", counter.directory / "puk"
    new.write_text("102030")
    puk.write_text(PUK)
    counter("card", "pin", "change", "--new-pin-file", new, pin=PIN)
    counter("card", "pin", "allow", "1", "2", pin="102030")
    counter("pos", "take", "1")
    assert counter("card", "pin", "show")["spent_fen"] == 100
    for _ in range(2):
        counter("card", "pin", "allow", "0", "0", pin=WRONG, code=2)
    counter("card", "pin", "allow", "0", "0", pin=WRONG, code=2)
    blocked = counter("pos", "take", "1", code=2)
    assert blocked["error"]["name"] == "card_pin_blocked"
    new.write_text("111111")
    unfit = counter("card", "pin", "unblock", "--puk-file", puk, "--new-pin-file", new, code=2)
    assert unfit["error"]["name"] == "card_pin_unfit"
    new.write_text(PIN)
    counter("card", "pin", "unblock", "--puk-file", puk, "--new-pin-file", new)
    counter("pos", "take", "1", pin=PIN)


def test_who_takes_a_payment_that_cannot_be_collected_is_told_that_the_card_has_paid(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SoftwarePurse, "collect", refuse_to_collect)
        counter("pos", "take", "3", pin=PIN, code=1)
    assert "The card has paid." in counter.told
    counter("pos", "take", "3", code=2)
    assert "The card has paid." not in counter.told


def refuse_to_collect(_: SoftwarePurse, __: bytes) -> bytes:
    raise refuse(Code.REQUEST_UNKNOWN)


def test_a_blank_card_is_told(counter: Counter) -> None:
    counter.cards["here"] = DirectCard(counter.directory / "blank")
    for command in (("card", "balance"), ("pos", "take", "1")):
        assert counter(*command, code=2)["error"]["name"] == "card_not_purse"
