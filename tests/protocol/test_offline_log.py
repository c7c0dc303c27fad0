"""What a device hands in: nobody else changes it, and nobody honest is accused (rules.md §G.3)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.domains import Domain
from jiaozi.protocol.offline import synchronisation
from jiaozi.protocol.offline.certificate import read_chain
from jiaozi.protocol.offline.log import loaded_entry, payment_in
from jiaozi.protocol.offline.messages import decode_payment, with_chain
from jiaozi.protocol.offline.operator_messages import (
    CHECKPOINTS_MAX,
    read_checkpoint,
    sign_checkpoint,
)
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import CERTIFY_SEED, NETWORK, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    OPERATORS_CERTIFICATE,
    OTHER_CERTIFY_SEED,
    PAYEE,
    PAYER,
    THIRD,
    Party,
    certificate,
    chain_of,
    device_of,
    flipped,
    joined,
    load_message,
    other_signature,
    parts_of,
    parts_of_message,
    signed_as,
    transfer,
    with_part,
)


def honest() -> tuple[Party, bytes]:
    """A device with a checkpoint, two loads, a payment in, two out and an unload."""
    party, other = Party(fen=300), Party(PAYEE, fen=200)
    transfer(party, other, 50)
    party.synchronise()
    party.load(100)
    transfer(other, party, 70)
    transfer(party, other, 120)
    party.load(30)
    party.unload(200)
    return party, transfer(party, other, 10)


PARTY, LAST_PAYMENT = honest()
HANDED_IN = PARTY.hand_in()


def test_g3_a_log_tells_what_the_device_did() -> None:
    log = read_log(HANDED_IN, ANCHOR)
    assert log.fault is None
    assert (log.balances_fen, log.counter, log.loads) == (PARTY.balances_fen, 4, 3)
    assert [each.payment.amount_fen for each in log.payments] == [70, 120, 200, 10]
    assert [each.device.key == PARTY.signer.public_key for each in log.payments] == [
        False, True, True, True,
    ]  # fmt: skip
    assert log.payments[-1].encoded == parts_of_message(LAST_PAYMENT)[0]
    assert log.checkpoint is not None
    assert log.checkpoint.balance_fen == 250
    assert (log.device, log.chain) == (PARTY.purse.device, PARTY.purse.chain)


def without(parts: list[bytes], index: int) -> list[bytes]:
    return [*parts[:index], *parts[index + 1 :]]


def in_entry(entry: bytes, index: int, change: Callable[[bytes], bytes]) -> bytes:
    value = parts_of_message(entry)
    return cbor.encode(with_part(value, index, change(value[index])))


def other_chain(message: bytes) -> bytes:
    signed, *_ = parts_of_message(message)
    return with_chain(signed, chain_of(device_of(PAYEE, generation=2)))


ENTRY = 4
COLLECTED, PAID = ENTRY + 1, ENTRY + 2


def other_checkpoint(**changes: int) -> bytes:
    """One that their operator signs at the very place where the log begins."""
    known = PARTY.log().checkpoint
    assert known is not None
    signer = signer_of(CERTIFY_SEED)
    return sign_checkpoint(replace(known, **changes), signer, OPERATORS_CERTIFICATE, NETWORK)


ALTERED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "an entry changed": lambda p: with_part(p, PAID, flipped(p[PAID])),
    "an entry dropped": lambda p: without(p, COLLECTED),
    "the first entry dropped": lambda p: without(p, ENTRY),
    "the last entry dropped": lambda p: p[:-1],
    "all entries dropped": lambda p: p[:ENTRY],
    "an entry doubled": lambda p: [*p, p[-1]],
    "an entry added": lambda p: [*p, loaded_entry(load_message(PAYER, 4, 10))],
    "two entries in another order": lambda p: [*p[:ENTRY], p[COLLECTED], p[ENTRY], *p[PAID:]],
    "a signature in a payment that came in": lambda p: with_part(
        p, COLLECTED, in_entry(p[COLLECTED], 1, other_signature)
    ),
    "certificates of a payment that came in": lambda p: with_part(
        p, COLLECTED, in_entry(p[COLLECTED], 1, other_chain)
    ),
    "a signature in a payment that was made": lambda p: with_part(
        p, PAID, in_entry(p[PAID], 1, flipped)
    ),
    "a salt": lambda p: with_part(p, PAID, in_entry(p[PAID], 2, flipped)),
    "a checkpoint of a lower balance": lambda p: with_part(p, 3, other_checkpoint(balance_fen=0)),
    "a checkpoint of another number": lambda p: with_part(p, 3, other_checkpoint(number=2)),
    "a checkpoint of fewer loads": lambda p: with_part(p, 3, other_checkpoint(loads=0)),
    "no checkpoint": lambda p: with_part(p, 3, b""),
    "a later device certificate": lambda p: with_part(
        p, 2, chain_of(device_of(PAYER, generation=2)).device
    ),
    "a device certificate of fewer hops": lambda p: with_part(
        p, 2, chain_of(device_of(PAYER, hops=1)).device
    ),
    "the certificates of another operator": lambda p: [
        p[0], *chain_of(device_of(PAYER, operator=1002), certify_seed=OTHER_CERTIFY_SEED).parts,
        *p[3:],
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", ALTERED)
def test_g3_a_third_party_changes_a_log_into_none_and_never_into_a_fault(case: str) -> None:
    """Operator, desk or payer: whoever hands on what an honest device handed in."""
    altered = ALTERED[case](parts_of(HANDED_IN))
    assert refusal_of(lambda: read_log(joined(altered), ANCHOR)).code is Code.LOG_DIFFERS


def test_g3_a_statement_is_the_devices_alone() -> None:
    parts = parts_of(HANDED_IN)
    by_other = parts_of(Party(THIRD).hand_in())
    for altered in (
        with_part(parts, 0, by_other[0]),
        with_part(parts, 0, flipped(parts[0])),
        [parts[0], *by_other[1:3], *parts[3:]],
    ):
        refusal = refusal_of(lambda altered=altered: read_log(joined(altered), ANCHOR))
        assert refusal.code is Code.SIGNATURE_INVALID
    uncertified = with_part(parts, 2, flipped(parts[2]))
    assert refusal_of(lambda: read_log(joined(uncertified), ANCHOR)).code is Code.DEVICE_UNCERTIFIED


def test_g3_every_byte_of_a_log_counts() -> None:
    for place in range(0, len(HANDED_IN), 61):
        altered = flipped(HANDED_IN, place)
        refusal = refusal_of(lambda altered=altered: read_log(altered, ANCHOR))
        assert refusal.code is not Code.SUITE_UNSUPPORTED, place


def test_g3_a_second_certificate_convicts_nobody() -> None:
    """Two devices that are honest; their operator certifies one anew for fewer hops."""
    payer, middle, last = Party(fen=100), Party(PAYEE), Party(THIRD)
    transfer(payer, middle, 100)
    transfer(middle, last, 100)
    parts = parts_of(last.hand_in())
    parts[2] = chain_of(device_of(THIRD, hops=1)).device
    assert refusal_of(lambda: read_log(joined(parts), ANCHOR)).code is Code.LOG_DIFFERS


def test_g3_a_log_begins_at_a_checkpoint_of_its_own_device_and_operator() -> None:
    party, other = Party(fen=100), Party(PAYEE)
    of_other_device = party.checkpoint(device=other.signer.public_key)
    certified = certificate(seed=OTHER_CERTIFY_SEED, operator=1002)
    read, _ = read_checkpoint(party.checkpoint(), ANCHOR)
    by_other_operator = sign_checkpoint(read, signer_of(OTHER_CERTIFY_SEED), certified, NETWORK)
    for checkpoint in (of_other_device, by_other_operator):
        party.purse = replace(party.purse, checkpoint=checkpoint, entries=())
        assert refusal_of(party.log).code is Code.LOG_DIFFERS


def test_there_is_a_number_after_each_checkpoint_that_can_be_read() -> None:
    read_checkpoint(other_checkpoint(number=CHECKPOINTS_MAX), ANCHOR)
    beyond = refusal_of(
        lambda: read_checkpoint(other_checkpoint(number=CHECKPOINTS_MAX + 1), ANCHOR)
    )
    assert (beyond.code, *beyond.fields.values()) == (Code.MALFORMED, "checkpoint.number")


def test_g3_an_honest_device_is_at_fault_nowhere_on_its_way() -> None:
    payer, payee = Party(fen=400), Party(PAYEE, fen=10)
    for amount_fen in (1, 20, 300):
        transfer(payer, payee, amount_fen)
        assert (payer.log().fault, payee.log().fault) == (None, None)
        assert payer.log().balances_fen == payer.balances_fen
    payee.synchronise()
    transfer(payee, payer, 200)
    payee.unload(100)
    for party in (payer, payee):
        log = party.log()
        assert (log.fault, log.balances_fen) == (None, party.balances_fen)
        assert log.counter == party.purse.counter


def test_the_payments_of_a_log_are_those_that_the_device_made() -> None:
    encoded = payment_in(PARTY.purse.entries[-1])
    assert encoded == parts_of_message(LAST_PAYMENT)[0]
    assert payment_in(PARTY.purse.entries[0]) is None
    assert decode_payment(encoded or b"")[0].amount_fen == 10
    assert read_chain(PARTY.purse.chain, ANCHOR) == PARTY.purse.device
    statement = parts_of(HANDED_IN)[0]
    as_payment = signed_as(Domain.OFFLINE_PAYMENT, b"", PAYER)
    assert statement != as_payment
    assert synchronisation.hand_in(PARTY.purse, signer=PARTY.signer) == HANDED_IN
