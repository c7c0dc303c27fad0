"""The steps of a purse: what each of them changes, and the same message once more (rules.md §G)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from jiaozi.protocol.offline import loading, synchronisation
from jiaozi.protocol.offline.messages import read_payment
from jiaozi.protocol.offline.operator_messages import read_load
from jiaozi.protocol.offline.proofs import (
    DoubleLoadFound,
    DoubleSpendFound,
    ProofKind,
    verify_proof,
)
from jiaozi.protocol.offline.purse import Purse, new_purse, read_purse
from jiaozi.protocol.offline.steps import REQUESTS_MAX
from jiaozi.protocol.offline.synchronisation import CHALLENGES_KEPT
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import NETWORK, OPERATOR, ROOT, refusal_of
from tests.protocol.offline_builders import (
    ANCHOR,
    FOREIGN,
    LATER_MS,
    OTHER_CERTIFY_SEED,
    PAYEE,
    PAYER,
    THIRD,
    Party,
    chain_of,
    device_of,
    fresh,
    load_message,
    transfer,
)


def code_of(act: Callable[[], object]) -> Code:
    return refusal_of(act).code


def test_a_load_is_taken_once_and_in_order() -> None:
    party = Party()
    assert refusal_of(lambda: party.load(10, number=2)).fields == {"number_expected": 1}
    first = party.load(10)
    once = party.purse
    assert loading.take_load(once, first) is once
    party.load(20)
    assert loading.take_load(party.purse, first) is party.purse
    assert (party.balances_fen[0], party.purse.loads) == (30, 2)
    assert code_of(lambda: party.load(1, number=4)) is Code.LOAD_OUT_OF_ORDER


def test_g3_another_load_under_a_number_that_was_taken_is_a_proof_against_the_operator() -> None:
    party = Party()
    loads = [party.load(10), party.load(20), party.load(30)]
    before = party.purse
    for number, first in enumerate(loads, 1):
        for other in (load_message(PAYER, number, 11), load_message(PAYER, number, 10, order=1)):
            found = refusal_of(lambda other=other: loading.take_load(party.purse, other))
            assert isinstance(found, DoubleLoadFound)
            assert found.code is Code.DOUBLE_LOADED
            proof = verify_proof(found.proof, ANCHOR)
            assert (proof.kind, proof.operator) == (ProofKind.DOUBLE_LOAD, OPERATOR)
            assert {each.amount_fen for each in proof.loads} >= {
                read_load(first, ANCHOR)[0].amount_fen
            }
    assert party.purse is before


def test_g3_the_same_load_under_a_later_key_of_its_operator_is_no_other_one() -> None:
    party = Party()
    party.load(10)
    again = load_message(PAYER, 1, 10, certify_seed=OTHER_CERTIFY_SEED)
    assert loading.take_load(party.purse, again) is party.purse


def test_g3_loads_are_compared_as_far_back_as_the_log_goes() -> None:
    party = Party(fen=100)
    other = load_message(PAYER, 1, 11)
    party.pay(Party(PAYEE).ask(10))
    assert code_of(lambda: loading.take_load(party.purse, other)) is Code.DOUBLE_LOADED
    party.synchronise(LATER_MS)
    assert loading.take_load(party.purse, other) is party.purse
    party.load(20)
    assert loading.take_load(party.purse, other) is party.purse
    second = load_message(PAYER, 2, 21)
    assert code_of(lambda: loading.take_load(party.purse, second)) is Code.DOUBLE_LOADED


def test_a_load_is_for_its_device_and_by_its_operator() -> None:
    party = Party()
    of_other = load_message(PAYEE, 1, 10)
    assert code_of(lambda: loading.take_load(party.purse, of_other)) is Code.OTHER_DEVICE
    other_operator = Party(PAYEE, operator=1002)
    by_foreigner = load_message(PAYEE, 1, 10)
    refused = code_of(lambda: loading.take_load(other_operator.purse, by_foreigner))
    assert refused is Code.OTHER_DEVICE


def test_a_payment_moves_value_from_one_purse_to_the_other() -> None:
    payer, payee = Party(fen=300), Party(PAYEE)
    request = payee.ask(120)
    assert payee.purse.balance_fen == 0
    payment = payer.pay(request)
    assert (payer.purse.balance_fen, payee.purse.balance_fen) == (180, 0)
    assert payer.purse.waiting == [payment]
    said = payee.collect(payment)
    assert payee.balances_fen == (0, 120, 0, 0)
    payer.acknowledge(said, payment)
    assert payer.purse.waiting == []
    assert (payer.purse.counter, payer.purse.position, payee.purse.position) == (1, 2, 1)


def test_the_same_request_gives_the_same_payment() -> None:
    payer, payee = Party(fen=300), Party(PAYEE)
    request = payee.ask(120)
    payment = payer.pay(request)
    after = payer.purse
    assert payer.pay(request) == payment
    assert payer.purse is after
    payer.acknowledge(payee.collect(payment), payment)
    assert payer.pay(request) == payment


def test_the_same_payment_gives_the_same_acknowledgement() -> None:
    payer, payee = Party(fen=300), Party(PAYEE)
    payment = payer.pay(payee.ask(120))
    said = payee.collect(payment)
    after = payee.purse
    assert payee.collect(payment) == said
    assert payee.purse is after
    payer.acknowledge(said, payment)
    payer.acknowledge(said, payment)


def test_every_step_says_the_same_after_a_restart() -> None:
    payer, payee = Party(fen=300), Party(PAYEE)
    request = payee.ask(120)
    payment = payer.pay(request)
    said = payee.collect(payment)
    for each in (payer, payee):
        again = read_purse(each.purse.encoded(), ANCHOR)
        assert again == each.purse
        each.purse = again
    assert (payer.pay(request), payee.collect(payment)) == (payment, said)
    assert payer.hand_in() == payer.hand_in()


def test_a_request_is_paid_by_its_payee_and_amount_only() -> None:
    """Another payee that repeats a challenge gets nothing by it."""
    payer, payee, thief = Party(fen=300), Party(PAYEE), Party(THIRD)
    challenge = fresh()
    payer.pay(payee.ask(100, challenge=challenge))
    after = payer.purse
    for other in (thief.ask(100, challenge=challenge), payee.ask(99, challenge=challenge)):
        assert code_of(partial(payer.pay, other)) is Code.OTHER_DEVICE
    assert payer.purse is after


def test_a_request_that_was_paid_before_synchronisation_is_not_paid_again() -> None:
    payer, payee = Party(fen=300), Party(PAYEE)
    request = payee.ask(120)
    payer.pay(request)
    payer.synchronise()
    assert code_of(lambda: payer.pay(request)) is Code.REQUEST_EXPIRED
    assert payer.purse.waiting == []


def test_the_latest_challenges_are_remembered_over_synchronisations() -> None:
    many = CHALLENGES_KEPT + 1
    payer = Party(fen=300, out_count=many)
    payee = Party(PAYEE, in_count=many)
    requests = [payee.ask(1) for _ in range(many)]
    for each in requests:
        payer.pay(each)
    payer.synchronise()
    assert code_of(lambda: payer.pay(requests[1])) is Code.REQUEST_EXPIRED
    payer.pay(requests[0])


def test_a_payment_answers_an_open_request() -> None:
    payer, payee = Party(fen=500), Party(PAYEE)
    requests = [payee.ask(10) for _ in range(REQUESTS_MAX + 1)]
    closed = payer.pay(requests[0])
    assert code_of(lambda: payee.collect(closed)) is Code.REQUEST_UNKNOWN
    payee.collect(payer.pay(requests[1]))
    second_payer = Party(THIRD, fen=100)
    paid_twice = second_payer.pay(requests[1])
    assert code_of(lambda: payee.collect(paid_twice)) is Code.REQUEST_UNKNOWN
    open_one = payer.pay(requests[2])
    payee.synchronise()
    assert code_of(lambda: payee.collect(open_one)) is Code.REQUEST_UNKNOWN


def test_a_payment_is_of_the_amount_that_was_asked_for() -> None:
    payer, payee = Party(fen=500), Party(PAYEE)
    challenge = fresh()
    payment = payer.pay(payee.ask(99, challenge=challenge))
    payee.ask(100, challenge=challenge)
    assert code_of(lambda: payee.collect(payment)) is Code.AMOUNT_DIFFERS


def test_a_message_is_for_the_device_that_it_names() -> None:
    payer, payee, third = Party(fen=500), Party(PAYEE), Party(THIRD)
    request = payee.ask(100)
    payment = payer.pay(request)
    assert code_of(lambda: payee.pay(request)) is Code.OTHER_DEVICE
    assert code_of(lambda: third.collect(payment)) is Code.OTHER_DEVICE
    assert code_of(lambda: payer.collect(payment)) is Code.OTHER_DEVICE
    said = payee.collect(payment)
    assert code_of(lambda: third.acknowledge(said, payment)) is Code.OTHER_DEVICE


def test_an_acknowledgement_is_by_who_was_paid_and_for_that_payment() -> None:
    payer, payee, third = Party(fen=500), Party(PAYEE), Party(THIRD)
    first, second = payer.pay(payee.ask(1)), payer.pay(payee.ask(1))
    other = payer.pay(third.ask(1))
    said, by_third = payee.collect(first), third.collect(other)
    assert code_of(lambda: payer.acknowledge(said, second)) is Code.OTHER_DEVICE
    assert code_of(lambda: payer.acknowledge(by_third, second)) is Code.SIGNATURE_INVALID
    unloaded = payer.unload(1)
    assert code_of(lambda: payer.acknowledge(said, unloaded)) is Code.OTHER_DEVICE
    assert payer.purse.waiting_for == {1, 2, 3, 4}


def test_an_unload_is_one_more_payment_of_the_same_counter_and_log() -> None:
    payer, payee = Party(fen=500), Party(PAYEE)
    transfer(payer, payee, 100)
    unloaded, payer_device, _ = read_payment(payer.unload(400), ANCHOR)
    assert (unloaded.counter, unloaded.position, unloaded.hop) == (2, 3, 1)
    assert (unloaded.payee, unloaded.challenge) == (None, None)
    assert payer_device == payer.purse.device
    assert code_of(lambda: payer.unload(1)) is Code.PURSE_FUNDS
    assert len(payer.purse.waiting) == 1


@pytest.mark.parametrize("amount_fen", [0, -1])
def test_nothing_is_asked_or_unloaded_but_an_amount(amount_fen: int) -> None:
    party = Party(fen=10)
    assert code_of(lambda: party.ask(amount_fen)) is Code.AMOUNT_OUT_OF_RANGE
    assert code_of(lambda: party.unload(amount_fen)) is Code.AMOUNT_OUT_OF_RANGE


def test_a_payee_that_is_paid_twice_under_one_counter_has_a_proof() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    clone = payer.purse
    payee.collect(payer.pay(payee.ask(100)))
    payer.purse = clone
    second = payer.pay(payee.ask(99))
    before = payee.purse
    found = refusal_of(lambda: payee.collect(second))
    assert isinstance(found, DoubleSpendFound)
    assert found.code is Code.DOUBLE_SPENT
    assert payee.purse is before


def test_a_purse_is_renewed_by_a_later_certificate_for_its_key() -> None:
    party = Party(fen=100)
    payee = Party(PAYEE)
    payment = party.pay(payee.ask(10))
    later = device_of(PAYER, generation=2, payment_fen=10)
    party.purse = synchronisation.renew(party.purse, chain_of(later))
    assert party.purse.device.generation == 2
    assert party.log().fault is None
    assert payee.collect(party.purse.waiting[0]) == payee.collect(payment)
    for wrong in (
        device_of(PAYEE, generation=2),
        device_of(PAYER, generation=2, hops=2),
        device_of(PAYER, generation=1),
        device_of(PAYER, generation=2, not_after_ms=LATER_MS),
    ):
        chain = chain_of(wrong)
        assert code_of(partial(synchronisation.renew, party.purse, chain)) is Code.OTHER_DEVICE


def test_a_purse_is_of_one_network_and_certified() -> None:
    device = device_of(PAYER)
    for chain in (
        chain_of(device, network=FOREIGN),
        chain_of(device, certify_seed=OTHER_CERTIFY_SEED, operators=chain_of(device).operator),
        replace(chain_of(device), operator=chain_of(replace(device, operator=1002)).operator),
    ):
        assert code_of(partial(new_purse, chain, ANCHOR)) is Code.DEVICE_UNCERTIFIED
    elsewhere = replace(ANCHOR, network=FOREIGN)
    encoded = Party().purse.encoded()
    assert code_of(lambda: read_purse(encoded, elsewhere)) is Code.DEVICE_UNCERTIFIED
    assert isinstance(new_purse(chain_of(device), ANCHOR), Purse)
    assert (ANCHOR.network, ANCHOR.root_key) == (NETWORK, ROOT.public_key)
