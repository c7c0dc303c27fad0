"""What a card does and refuses, spoken to as through a reader."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from jiaozi.card.storage import CardInUse, Storage
from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import Command, Response, Status
from jiaozi.protocol.card_commands import APPLICATION, PART_BYTES, Instruction, Phase, PinRule
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment
from jiaozi.protocol.offline.proofs import DoubleSpendFound, ProofKind, verify_proof
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import (
    CardFailed,
    CardIssued,
    CardNotPurse,
    CardPinBlocked,
    CardPinNeeded,
    CardPinUnfit,
    CardPinWrong,
    CardUnreadable,
)
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import share_revocations
from jiaozi.wallet.offline.issue import Issue
from jiaozi.wallet.offline.issue import issue as issue_at_a_desk
from tests.card.purse_cards import (
    PIN,
    PUK,
    WRONG,
    DirectCard,
    chain_for,
    issue,
    load_for,
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


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks do not fail here, and waiting for them is most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def card(tmp_path: Path) -> DirectCard:
    """A card that holds 9 yuan, and whose PIN has not been shown."""
    card = DirectCard(tmp_path)
    issue(card.purse(), fen=900)
    card.dialogue.reset()
    return card


@pytest.fixture
def merchant() -> Party:
    return Party(PAYEE)


def refused(code: Code) -> Any:  # noqa: ANN401 - pytest's own type is not public
    return pytest.raises(Refusal, check=lambda refusal: refusal.code is code)


# The PIN


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


# What the purse refuses


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


# Commands


def test_the_page_says_of_every_command_what_an_applet_must_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "card.md").read_text("utf-8")
    table = page.partition("## What a Java Card applet must do")[2]
    told = [
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    ]
    assert sorted(told) == sorted(each.name for each in Instruction)


def say(card: DirectCard, instruction: Instruction, data: bytes = b"", **changes: int) -> Response:
    fields = {"cla": instruction.cla, "ins": int(instruction)}
    parameters = instruction.parameters or 0
    fields |= {"p1": parameters >> 8, "p2": parameters & 0xFF, "expected": 65_536} | changes
    return Response.decode(card.dialogue.answer(Command(data=data, **fields).encode()))


def select(card: DirectCard) -> None:
    assert say(card, Instruction.SELECT, APPLICATION).status == Status.DONE


@pytest.mark.parametrize("instruction", [*Instruction])
def test_nothing_is_done_before_the_selection_or_with_wrong_parameters(
    card: DirectCard, instruction: Instruction
) -> None:
    if instruction is Instruction.SELECT:
        assert say(card, instruction, b"other").status == Status.NOT_FOUND
        assert say(card, instruction, APPLICATION, p1=0).status == Status.WRONG_PARAMETERS
        return
    assert say(card, instruction).status == Status.CONDITIONS_NOT_MET
    select(card)
    if instruction.parameters is not None and instruction is not Instruction.PERSONALISE:
        assert say(card, instruction, p2=0x81).status == Status.WRONG_PARAMETERS


def test_other_instructions_and_classes_are_unknown(card: DirectCard) -> None:
    select(card)
    assert say(card, Instruction.VIEW, cla=0x00).status == Status.INSTRUCTION_UNKNOWN
    assert say(card, Instruction.VIEW, ins=0x61).status == Status.INSTRUCTION_UNKNOWN
    assert say(card, Instruction.VIEW, cla=0xA0).status == Status.CLASS_UNKNOWN


@pytest.mark.parametrize("instruction", [each for each in Instruction if each.pin is PinRule.YES])
def test_what_takes_the_pin_is_refused_before_its_data_are_read(
    card: DirectCard, instruction: Instruction
) -> None:
    select(card)
    assert say(card, instruction, b"\xff").status == Status.NOT_AUTHORISED


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\x80", b"\xf6", b"\x82\xf5\xf5", cbor.encode([-1, -1]),
             cbor.encode([2**63, 2**63]), cbor.encode([1] * 9), b"\x00" * 300],
)  # fmt: skip
def test_data_that_mean_nothing_are_refused_and_change_nothing(
    card: DirectCard, data: bytes
) -> None:
    before = (card.directory / "card").read_bytes()
    without_data = {Instruction.SELECT, Instruction.VIEW, Instruction.CHAIN,
                    Instruction.PROTECTION, Instruction.WAITING, Instruction.HAND_IN,
                    Instruction.VERIFY_PIN}  # fmt: skip
    select(card)
    say(card, Instruction.VERIFY_PIN, PIN.encode())
    for instruction in sorted(set(Instruction) - without_data):
        assert say(card, instruction, data).status in {
            Status.DATA_REFUSED, Status.REFUSED, Status.CONDITIONS_NOT_MET
        }  # fmt: skip
    assert (card.directory / "card").read_bytes() == before


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


@pytest.mark.parametrize("secret", [PIN, PUK])
def test_the_pin_is_told_by_no_log_of_objects(card: DirectCard, secret: str) -> None:
    assert secret not in repr(card.dialogue._application._session.state)  # type: ignore[attr-defined]


def test_the_state_is_for_its_owner_alone(card: DirectCard) -> None:
    assert (card.directory / "card").stat().st_mode & 0o777 == 0o600


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


def allow(card: DirectCard, payment_fen: int, sum_fen: int) -> None:
    card.purse(PIN).set_allowance(payment_fen, sum_fen)
