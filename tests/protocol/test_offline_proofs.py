"""What convicts: file and root key alone, and nothing else does (rules.md §G.3)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import cbor2
import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.offline.log import collected_entry, next_head
from jiaozi.protocol.offline.messages import Payment, decode_payment, sign_payment, with_chain
from jiaozi.protocol.offline.operator_messages import Load, sign_load
from jiaozi.protocol.offline.proofs import (
    DoubleSpendFound,
    ProofKind,
    double_load_proof,
    double_spend_proof,
    log_proof,
    verify_proof,
)
from jiaozi.protocol.offline.replay import Fault
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, OPERATOR, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    FOREIGN,
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
    load_message,
    parts_of_message,
    transfer,
)


def code_of(proof: bytes) -> Code:
    return refusal_of(lambda: verify_proof(proof, ANCHOR)).code


def two_spent() -> tuple[bytes, bytes]:
    """What a cloned card pays to two payees under one counter."""
    card, payee, other = Party(fen=100), Party(PAYEE), Party(THIRD)
    clone = card.purse
    first = card.pay(payee.ask(100))
    card.purse = clone
    return first, card.pay(other.ask(90))


FIRST, SECOND = two_spent()
DOUBLE_SPEND = double_spend_proof(FIRST, SECOND)


def test_g3_two_payments_under_one_counter_convict_the_device() -> None:
    proof = verify_proof(DOUBLE_SPEND, ANCHOR)
    assert (proof.kind, proof.device) == (ProofKind.DOUBLE_SPEND, signer_of(PAYER).public_key)
    assert proof.operator == OPERATOR
    assert {each.amount_fen for each in proof.payments} == {100, 90}
    assert proof.hash == sha256(DOUBLE_SPEND).digest()
    assert double_spend_proof(SECOND, FIRST) == DOUBLE_SPEND


def test_g3_a_payee_that_is_paid_twice_makes_the_proof_itself() -> None:
    card, payee = Party(fen=100), Party(PAYEE)
    clone = card.purse
    payee.collect(card.pay(payee.ask(100)))
    card.purse = clone
    second = card.pay(payee.ask(90))
    found = refusal_of(lambda: payee.collect(second))
    assert isinstance(found, DoubleSpendFound)
    assert verify_proof(found.proof, ANCHOR).device == card.signer.public_key


def resigned(message: bytes, seed: int = PAYER, **changes: int | bytes | None) -> bytes:
    """A payment as its device would have said it otherwise."""
    signed, *_ = parts_of_message(message)
    payment: Payment = replace(decode_payment(signed)[0], **changes)  # type: ignore[arg-type]
    return with_chain(sign_payment(payment, signer_of(seed), NETWORK), chain_of(device_of(seed)))


@pytest.mark.parametrize(
    "changes",
    [
        {"position": 3},
        {"counter": 2},
        {"payee": None, "challenge": None, "wallet": ALICE},
        {"balance_after": bytes(32)},
        {"challenge": bytes(16)},
        {"list_number": 1},
        {"previous": bytes(32)},
        {"hop": 2},
        {"amount_fen": 1},
    ],
    ids=str,
)
def test_g3_any_other_content_under_one_counter_or_place_is_a_double_spend(
    changes: dict[str, int],
) -> None:
    proof = verify_proof(double_spend_proof(FIRST, resigned(FIRST, **changes)), ANCHOR)
    assert proof.device == signer_of(PAYER).public_key


def test_g3_a_renewed_certificate_makes_no_second_payment() -> None:
    """The identity counts: neither other certificates nor another signature are other content."""
    signed, *_ = parts_of_message(FIRST)
    renewed = with_chain(signed, chain_of(device_of(PAYER, generation=2)))
    assert code_of(double_spend_proof(FIRST, renewed)) is Code.PROOF_INVALID
    assert code_of(double_spend_proof(FIRST, FIRST)) is Code.PROOF_INVALID


def test_g3_payments_of_two_devices_or_in_two_places_prove_nothing() -> None:
    payer, payee = Party(fen=100), Party(PAYEE, fen=100)
    first, second = transfer(payer, payee, 10), transfer(payer, payee, 10)
    assert code_of(double_spend_proof(first, second)) is Code.PROOF_INVALID
    of_other = transfer(payee, payer, 10)
    assert code_of(double_spend_proof(first, of_other)) is Code.PROOF_INVALID


def cheated_log() -> bytes:
    """A device that collects what it never got."""
    party = Party(fen=100)
    entry = collected_entry(b"nothing")
    purse = party.purse
    party.purse = replace(
        purse, entries=(*purse.entries, entry), head=next_head(purse.head, entry),
        position=purse.position + 1,
    )  # fmt: skip
    return party.hand_in()


LOG = log_proof(cheated_log())


def test_g3_a_log_with_a_fault_convicts_the_device() -> None:
    proof = verify_proof(LOG, ANCHOR)
    assert (proof.kind, proof.fault) == (ProofKind.LOG, (2, Fault.PAYMENT_INVALID))
    assert (proof.device, proof.operator) == (signer_of(PAYER).public_key, OPERATOR)


def test_g3_a_log_without_a_fault_proves_nothing() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    transfer(payer, payee, 10)
    for party in (payer, payee):
        assert code_of(log_proof(party.hand_in())) is Code.PROOF_INVALID
    assert code_of(log_proof(flipped(payer.hand_in()))) is Code.LOG_DIFFERS


LOADS = load_message(PAYER, 1, 10), load_message(PAYER, 1, 10, order=1)
DOUBLE_LOAD = double_load_proof(*LOADS)


def test_g3_two_loads_under_one_number_convict_the_operator() -> None:
    proof = verify_proof(DOUBLE_LOAD, ANCHOR)
    assert (proof.kind, proof.operator) == (ProofKind.DOUBLE_LOAD, OPERATOR)
    assert (proof.device, len(proof.loads)) == (signer_of(PAYER).public_key, 2)
    assert verify_proof(double_load_proof(LOADS[0], load_message(PAYER, 1, 11)), ANCHOR).loads


def test_g3_the_same_load_under_a_new_key_of_the_operator_convicts_nobody() -> None:
    again = load_message(PAYER, 1, 10, certify_seed=OTHER_CERTIFY_SEED)
    assert again != LOADS[0]
    assert code_of(double_load_proof(LOADS[0], again)) is Code.PROOF_INVALID


def test_g3_loads_of_two_numbers_devices_or_operators_prove_nothing() -> None:
    load = Load(device=signer_of(PAYER).public_key, number=1, amount_fen=9, order=bytes(32))
    of_other_operator = sign_load(
        load, signer_of(OTHER_CERTIFY_SEED), certificate(seed=OTHER_CERTIFY_SEED, operator=1002),
        NETWORK,
    )  # fmt: skip
    for other in (load_message(PAYER, 2, 11), load_message(PAYEE, 1, 11), of_other_operator):
        assert code_of(double_load_proof(LOADS[0], other)) is Code.PROOF_INVALID


FORGED: dict[str, tuple[Code, Callable[[], bytes]]] = {
    "a payment that another key signed": (
        Code.SIGNATURE_INVALID,
        lambda: double_spend_proof(
            FIRST, with_chain(parts_of_message(resigned(FIRST, THIRD, hop=2))[0],
                              chain_of(device_of(PAYER))),
        ),
    ),
    "a payment with a broken signature": (
        Code.SIGNATURE_INVALID,
        lambda: double_spend_proof(
            FIRST,
            cbor.encode(
                [flipped(parts_of_message(SECOND)[0]), *parts_of_message(SECOND)[1:]]
            ),
        ),
    ),
    "a device that no operator certified": (
        Code.DEVICE_UNCERTIFIED,
        lambda: double_spend_proof(
            FIRST,
            with_chain(
                parts_of_message(SECOND)[0],
                chain_of(device_of(PAYER), certify_seed=OTHER_CERTIFY_SEED,
                         operators=OPERATORS_CERTIFICATE),
            ),
        ),
    ),
    "an operator that the root did not certify": (
        Code.DEVICE_UNCERTIFIED,
        lambda: double_spend_proof(
            FIRST,
            with_chain(
                parts_of_message(SECOND)[0],
                chain_of(device_of(PAYER), operators=certificate(root_seed=OTHER_CERTIFY_SEED)),
            ),
        ),
    ),
    "a load that another key signed": (
        Code.SIGNATURE_INVALID,
        lambda: double_load_proof(
            LOADS[0],
            sign_load(
                Load(device=signer_of(PAYER).public_key, number=1, amount_fen=9, order=bytes(32)),
                signer_of(OTHER_CERTIFY_SEED), OPERATORS_CERTIFICATE, NETWORK,
            ),
        ),
    ),
    "loads for payments": (Code.MALFORMED, lambda: double_spend_proof(*LOADS)),
    "payments for loads": (Code.MALFORMED, lambda: double_load_proof(FIRST, SECOND)),
    "another kind": (Code.MALFORMED, lambda: cbor.encode([4, FIRST, SECOND])),
    "true for a kind": (Code.MALFORMED, lambda: cbor.encode([True, FIRST, SECOND])),
    "1.0 for a kind": (Code.MALFORMED, lambda: cbor2.dumps([1.0, FIRST, SECOND])),
    "one payment": (Code.MALFORMED, lambda: cbor.encode([1, FIRST])),
    "bytes after it": (Code.NOT_CANONICAL, lambda: DOUBLE_SPEND + b"\x00"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_g3_what_is_forged_proves_nothing(case: str) -> None:
    code, make = FORGED[case]
    assert code_of(make()) is code


@pytest.mark.parametrize("proof", [DOUBLE_SPEND, LOG, DOUBLE_LOAD], ids=["spend", "log", "load"])
def test_g3_a_proof_holds_under_its_own_root_in_its_own_network_alone(proof: bytes) -> None:
    verify_proof(proof, ANCHOR)
    for other in (
        replace(ANCHOR, network=FOREIGN),
        replace(ANCHOR, root_key=signer_of(CERTIFY_SEED).public_key),
    ):
        refusal = refusal_of(lambda other=other: verify_proof(proof, other))
        assert refusal.code in (Code.DEVICE_UNCERTIFIED, Code.SIGNATURE_INVALID)


@pytest.mark.parametrize("proof", [DOUBLE_SPEND, LOG, DOUBLE_LOAD], ids=["spend", "log", "load"])
def test_g3_no_bit_of_a_proof_can_be_another(proof: bytes) -> None:
    for place in range(0, len(proof), 17):
        changed = flipped(proof, place)
        refusal_of(lambda changed=changed: verify_proof(changed, ANCHOR))


def test_g3_a_proof_outlives_the_certificates_in_it() -> None:
    """Nobody escapes by the end of a certificate: times are not asked."""
    assert device_of(PAYER).not_after_ms == END_MS
    assert verify_proof(DOUBLE_SPEND, ANCHOR).payments
