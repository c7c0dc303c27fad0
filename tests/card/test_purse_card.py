"""What a card does and refuses, spoken to as through a reader."""

from pathlib import Path

import pytest

from jiaozi.card.storage import CardInUse, Storage
from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import Command, Response
from jiaozi.protocol.card_commands import PART_BYTES, Instruction, Phase
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment
from jiaozi.protocol.offline.proofs import DoubleSpendFound, ProofKind, verify_proof
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.protocol.refusals import Code
from jiaozi.wallet.errors import (
    CardFailed,
    CardIssued,
    CardNotPurse,
    CardUnreadable,
)
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import share_revocations
from jiaozi.wallet.offline.issue import Issue
from jiaozi.wallet.offline.issue import issue as issue_at_a_desk
from tests.card.purse_cards import (
    PIN,
    PUK,
    DirectCard,
    allow,
    chain_for,
    issue,
    load_for,
    refused,
    say,
    transmitter,
)
from tests.protocol.builders import ALICE, NETWORK, OPERATOR, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    LATER_MS,
    LIMITS,
    PAYEE,
    THIRD,
    Party,
    frame_of,
    time_message,
)

pytestmark = pytest.mark.usefixtures("unsynced")


def test_a_refusal_comes_through_with_its_fields(card: DirectCard) -> None:
    merchant = Party(PAYEE, payment_fen=5_000, balance_fen=5_000, in_fen=5_000)
    with refused(Code.PURSE_PAYMENT_LIMIT) as found:
        card.purse(PIN).pay(merchant.ask(LIMITS.payment_fen + 1))
    assert found.value.fields == {"limit_fen": LIMITS.payment_fen}
    with refused(Code.TOO_LARGE) as large:
        card.purse(PIN).pay(bytes(3_000))
    assert large.value.fields["field"] == "request"
    with refused(Code.LOAD_OUT_OF_ORDER) as order:
        card.purse().take_load(load_for(card.purse().view().device.key, 3, 1))
    assert order.value.fields == {"number_expected": 2}


def test_a_double_spend_comes_with_its_proof(card: DirectCard) -> None:
    payer, clone = Party(THIRD, fen=200), Party(THIRD, fen=200)
    card.purse().collect(payer.pay(card.purse().ask(10, END_MS)))
    with pytest.raises(DoubleSpendFound) as found:
        card.purse().collect(clone.pay(card.purse().ask(10, END_MS)))
    assert verify_proof(found.value.proof, ANCHOR).device == payer.purse.device.key
    assert card.purse().view().balance_fen == 910


def test_another_load_under_one_number_comes_with_its_proof_and_moves_nothing(
    card: DirectCard,
) -> None:
    key = card.purse().view().device.key
    kept: list[bytes] = []
    purse = CardPurse.select(transmitter(card.dialogue), keep_proof=kept.append)
    purse.take_load(load_for(key, 1, 900))
    with refused(Code.DOUBLE_LOADED):
        purse.take_load(load_for(key, 1, 901))
    assert [verify_proof(each, ANCHOR).kind for each in kept] == [ProofKind.DOUBLE_LOAD]
    assert purse.view().balance_fen == 900


def test_a_purse_on_a_card_does_all_that_a_purse_does(card: DirectCard, merchant: Party) -> None:
    purse = card.purse(PIN)
    payment = purse.pay(merchant.ask(300))
    assert purse.waiting() == [payment]
    purse.acknowledge(merchant.collect(payment), payment)
    assert purse.waiting() == []
    entry = revocation_entry(signer_of(THIRD).public_key, END_MS)
    merchant.learn(frame_of([entry]))
    purse.learn_revocations(frame_of([entry]))
    assert purse.view().list_number == 1
    assert purse.frames_after(0) == [frame_of([entry])]
    assert purse.frames_after(1) == []
    purse.raise_floor(time_message())
    assert purse.view().floor_ms == LATER_MS
    unloaded = purse.unload(100, ALICE)
    log = read_log(purse.hand_in(), ANCHOR)
    assert (log.fault, sum(log.balances_fen), len(log.payments)) == (None, 500, 2)
    shadow = Party(PAYEE)
    shadow.purse = card.dialogue._application._session.purse  # type: ignore[attr-defined]
    purse.synchronise(shadow.checkpoint(), time_message())
    assert purse.view().entries == 0
    assert purse.view().balance_fen == 500
    assert unloaded != payment
    purse.renew(chain_for(purse.view().device.key, generation=2))
    assert purse.view().device.generation == 2


def test_a_long_log_is_handed_in_in_parts(tmp_path: Path) -> None:
    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900, out_count=50)
    merchant = Party(PAYEE, in_count=50)
    allow(card, 10, 500)
    purse = card.purse()
    for _ in range(12):
        purse.pay(merchant.ask(10))
    log = card.purse(PIN).hand_in()
    assert len(log) > PART_BYTES
    assert len(read_log(log, ANCHOR).payments) == 12


def test_an_unload_to_no_wallet_is_refused(card: DirectCard) -> None:
    with pytest.raises(CardFailed):
        card.purse(PIN).unload(1, ALICE + 1)
    assert card.purse().view().balance_fen == 900


@pytest.mark.parametrize("status", [0x6F00, 0x1234, 0x6200])
def test_nobody_is_told_that_nothing_moved_by_an_answer_that_nobody_understands(
    status: int,
) -> None:
    class Garbling:
        def transmit(self, _: Command) -> Response:
            return Response(b"half an ans", status)

    with pytest.raises(CardUnreadable) as told:
        CardPurse(Garbling(), Phase.IN_USE).pay(Party(PAYEE).ask(1))
    assert "pays nothing twice" in str(told.value)


def test_g4_two_cards_bring_each_other_up_to_date_with_the_list(
    card: DirectCard, tmp_path: Path
) -> None:
    other = DirectCard(tmp_path / "other")
    issue(other.purse())
    card.purse().learn_revocations(
        frame_of([revocation_entry(signer_of(THIRD).public_key, END_MS)])
    )
    share_revocations(card.purse(), other.purse())
    with refused(Code.DEVICE_REVOKED):
        other.purse(PIN).pay(Party(THIRD).ask(1))


def test_the_key_leaves_the_card_by_no_instruction(card: DirectCard, merchant: Party) -> None:
    seed = card.dialogue._application._session.state.seed  # type: ignore[attr-defined]
    said: list[bytes] = []
    answer = card.dialogue.answer

    def overheard(command: bytes) -> bytes:
        said.append(answer(command))
        return said[-1]

    card.dialogue.answer = overheard  # type: ignore[method-assign]
    test_a_purse_on_a_card_does_all_that_a_purse_does(card, merchant)
    for instruction in Instruction:
        for data in (b"", cbor.encode([0]), cbor.encode([b"", b""]), cbor.encode([PIN, PIN])):
            for parameters in (0, 1):
                say(card, instruction, data, p2=parameters)
    assert len(said) > 100
    assert all(seed not in each and seed[:8] not in each for each in said)


# The life of a card


def test_a_card_makes_its_key_and_signs_whose_it_is_to_be(tmp_path: Path) -> None:
    purse = DirectCard(tmp_path).purse()
    assert purse.phase is Phase.BLANK
    key = purse.personalise(ANCHOR, PIN, PUK)
    assert purse.personalise(ANCHOR, "102030", PUK) == key, "begun again it keeps its key"
    wanted = Enrolment(
        operator=OPERATOR, profile=Profile.CARD, wallet=ALICE, limits={"balance_fen": 5}
    )
    assert read_enrolment(purse.enrolment(wanted), NETWORK) == (wanted, -8, key)
    with refused(Code.OTHER_DEVICE):
        purse.renew(chain_for(signer_of(THIRD).public_key))
    purse.renew(chain_for(key))
    assert purse.view().balance_fen == 0


def test_cards_have_different_keys(tmp_path: Path) -> None:
    keys = {issue(DirectCard(tmp_path / str(number)).purse()) for number in range(3)}
    assert len(keys) == 3


async def test_a_card_is_issued_once(card: DirectCard) -> None:
    wanted = Issue(anchor=ANCHOR, operator=OPERATOR, wallet=None, limits={}, pin=PIN, puk=PUK)
    with pytest.raises(CardIssued):
        await issue_at_a_desk(card.purse(), wanted, lambda _: pytest.fail("no desk is asked"))
    with pytest.raises(CardNotPurse):
        card.purse().personalise(ANCHOR, PIN, PUK)
    assert card.purse().view().balance_fen == 900


def test_a_blank_card_holds_nothing_and_pays_nothing(tmp_path: Path, merchant: Party) -> None:
    card = DirectCard(tmp_path)
    with pytest.raises(CardNotPurse):
        card.purse().pay(merchant.ask(1))
    with pytest.raises(CardNotPurse):
        card.purse().show_pin(PIN)


def test_a_card_is_one_process(card: DirectCard) -> None:
    with pytest.raises(CardInUse):
        Storage(card.directory)
