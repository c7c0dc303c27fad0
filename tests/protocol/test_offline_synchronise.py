"""A checkpoint is for one state of one device, and a purse begins afresh from it (rules.md §G)."""

from collections.abc import Callable
from functools import partial

import pytest

from jiaozi.protocol.offline import loading, synchronisation
from jiaozi.protocol.offline.messages import read_request
from jiaozi.protocol.offline.purse import Usage
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import CERTIFY_SEED, NOW_MS, refusal_of
from tests.protocol.offline_builders import (
    ANCHOR,
    LATER_MS,
    PAYEE,
    PAYER,
    Party,
    fresh,
    load_message,
    time_message,
    transfer,
)


def code_of(act: Callable[[], object]) -> Code:
    return refusal_of(act).code


def test_g5_a_synchronised_purse_starts_afresh_with_what_the_registry_says() -> None:
    payer, payee = Party(fen=500), Party(PAYEE)
    transfer(payer, payee, 100)
    payer.pay(payee.ask(1))
    payer.ask(1)
    position, head = payer.purse.position, payer.purse.head
    payer.synchronise(LATER_MS, balance_fen=777, loads=3)
    purse = payer.purse
    assert (purse.balances_fen, purse.loads, purse.counter) == ((777, 0, 0, 0), 3, 2)
    assert (purse.position, purse.head, purse.entries) == (position, head, ())
    assert (purse.usage, purse.waiting, dict(purse.requests)) == (Usage(), [], {})
    assert (purse.checkpoint_number, purse.synchronised_ms) == (1, LATER_MS)
    assert (payer.log().balances_fen, payer.log().counter) == ((777, 0, 0, 0), 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"device": Party(PAYEE).signer.public_key},
        {"number": 1},
        {"position": 9},
        {"position": 0},
        {"head": bytes(32)},
        {"counter": 1},
        {"loads": 0},
    ],
    ids=str,
)
def test_a_checkpoint_is_for_one_state_of_one_device(changes: dict[str, int]) -> None:
    party = Party(fen=100)
    party.synchronise()
    party.load(10)
    before = party.purse
    assert code_of(lambda: party.synchronise(**changes)) is Code.CHECKPOINT_UNFIT
    assert party.purse is before


def test_a_checkpoint_is_taken_once_and_only_before_anything_happens() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    said = payer.checkpoint()
    for act in (partial(payer.load, 10), partial(payer.unload, 1), partial(take, payee, payer)):
        before = payer.purse
        act()
        refused = code_of(
            lambda: synchronisation.synchronise(payer.purse, said, time_message(NOW_MS))
        )
        assert refused is Code.CHECKPOINT_UNFIT
        payer.purse = before
    payer.purse = synchronisation.synchronise(payer.purse, said, time_message(NOW_MS))
    refused = code_of(lambda: synchronisation.synchronise(payer.purse, said, time_message(NOW_MS)))
    assert refused is Code.CHECKPOINT_UNFIT


def take(payer: Party, payee: Party) -> None:
    payer.load(5)
    transfer(payer, payee, 5)


def test_a_checkpoint_that_counts_a_load_takes_the_place_of_that_load() -> None:
    party = Party(fen=100)
    late = load_message(PAYER, 2, 50)
    party.synchronise(loads=2, balance_fen=150)
    after = party.purse
    assert loading.take_load(after, late) is after


def test_a_synchronisation_without_a_time_of_the_registry_is_none() -> None:
    party = Party(fen=100)
    by_foreigner = time_message(seed=CERTIFY_SEED)
    said = party.checkpoint()
    refused = code_of(lambda: synchronisation.synchronise(party.purse, said, by_foreigner))
    assert refused is Code.SIGNATURE_INVALID


def test_what_was_paid_before_a_synchronisation_never_comes_in_again() -> None:
    """The very payment, and a request with the same random bytes: the challenge differs."""
    payer, payee = Party(fen=100), Party(PAYEE)
    challenge = fresh()
    payment = payer.pay(payee.ask(100, challenge=challenge))
    payee.collect(payment)
    payee.synchronise()
    request = payee.ask(100, challenge=challenge)
    assert read_request(request, ANCHOR)[0].challenge == bytes(7) + b"\x01" + challenge[8:]
    assert code_of(lambda: payee.collect(payment)) is Code.REQUEST_UNKNOWN
