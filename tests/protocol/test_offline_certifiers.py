"""rules.md §G.4: a purse believes a certify key while it may, and no longer."""

import pytest

from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import loading, synchronisation
from jiaozi.protocol.offline.certificate import VALIDITY_MAX_MS, read_chain
from jiaozi.protocol.offline.operator_messages import read_checkpoint, sign_checkpoint
from jiaozi.protocol.offline.revocations import certifier_entry
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import CERTIFY_SEED, NETWORK, NOW_MS, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    OTHER_CERTIFY_SEED,
    PAYEE,
    PAYER,
    Party,
    certificate,
    chain_of,
    device_of,
    frame_of,
    load_message,
    time_message,
)


@pytest.mark.parametrize("begins_ms", [NOW_MS - 1, NOW_MS, END_MS - 1, END_MS])
def test_a_device_begins_while_its_certify_key_is_valid(begins_ms: int) -> None:
    """So whoever gets hold of a key that has ended makes nothing that lives for long."""
    device = device_of(PAYER, not_before_ms=begins_ms, not_after_ms=begins_ms + DAY_MS)
    if NOW_MS <= begins_ms < END_MS:
        assert read_chain(chain_of(device), ANCHOR).not_before_ms == begins_ms
    else:
        refused = refusal_of(lambda: read_chain(chain_of(device), ANCHOR))
        assert refused.code is Code.DEVICE_UNCERTIFIED


def test_g4_what_a_revoked_key_certified_is_believed_once_another_key_has() -> None:
    """Nothing is lost by it: the payment that was on its way comes under later certificates."""
    payer, payee = Party(fen=100), Party(PAYEE)
    asked = payee.ask(10)
    payment = payer.pay(payee.ask(10))
    for each in (payer, payee):
        each.learn(frame_of([certifier_entry(signer_of(CERTIFY_SEED).public_key, END_MS)]))
        assert refusal_of(lambda each=each: each.ask(1)).code is Code.DEVICE_REVOKED
    assert refusal_of(lambda: payer.pay(asked)).code is Code.DEVICE_REVOKED
    payee.renew(OTHER_CERTIFY_SEED)
    assert refusal_of(lambda: payee.collect(payment)).code is Code.DEVICE_REVOKED
    payer.renew(OTHER_CERTIFY_SEED)
    assert refusal_of(lambda: payer.pay(asked)).code is Code.DEVICE_REVOKED
    [again] = payer.purse.waiting
    payee.collect(again)
    payee.collect(payer.pay(payee.ask(10)))
    assert (payer.purse.balance_fen, payee.purse.balance_fen) == (80, 20)


def test_g4_a_revoked_certify_key_is_remembered_while_one_of_its_devices_may_live() -> None:
    key, party = signer_of(CERTIFY_SEED).public_key, Party()
    ends_ms = END_MS + VALIDITY_MAX_MS
    party.learn(frame_of([certifier_entry(key, END_MS)], time_ms=ends_ms))
    assert [*party.purse.revocations.revoked.values()] == [ends_ms]
    assert not party.purse.revocations.at(ends_ms - 1).accept(party.purse.device)
    assert party.purse.revocations.at(ends_ms).accept(party.purse.device)


def test_g4_a_load_by_a_revoked_key_is_taken_once_another_signs_the_same() -> None:
    key, party = signer_of(CERTIFY_SEED).public_key, Party(fen=10)
    party.learn(frame_of([certifier_entry(key, END_MS)]))
    refused = refusal_of(lambda: party.load(5))
    assert refused.code is Code.CERTIFICATE_REVOKED
    again = load_message(PAYER, 2, 5, certify_seed=OTHER_CERTIFY_SEED)
    party.purse = loading.take_load(party.purse, again)
    assert party.purse.balance_fen == 15
    assert loading.take_load(party.purse, load_message(PAYER, 2, 5)) == party.purse
    assert party.log().fault is None, "both are genuine"


def test_g4_a_checkpoint_by_a_revoked_key_is_taken_once_another_signs_the_same() -> None:
    key, party = signer_of(CERTIFY_SEED).public_key, Party(fen=10)
    party.learn(frame_of([certifier_entry(key, END_MS)]))
    first = party.checkpoint()
    refused = refusal_of(lambda: synchronisation.synchronise(party.purse, first, time_message()))
    assert refused.code is Code.CERTIFICATE_REVOKED
    checkpoint, _ = read_checkpoint(first, ANCHOR)
    signer, proof = signer_of(OTHER_CERTIFY_SEED), certificate(seed=OTHER_CERTIFY_SEED)
    again = sign_checkpoint(checkpoint, signer, proof, NETWORK)
    party.purse = synchronisation.synchronise(party.purse, again, time_message())
    assert (party.purse.balance_fen, party.log().fault) == (10, None)
