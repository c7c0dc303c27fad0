"""Approvals: two persons sign the very bytes of an order, wherever they are."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiaozi.central_bank.certification.approve import (
    AlreadySigned,
    Approval,
    encode_approval,
    join_approvals,
    order_of,
    propose,
    read_approval,
    sign_approval,
    submission_of,
)
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.protocol import cbor, cose, orders
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from tests.central_bank.certification.ceremonies import NOW_MS

NETWORK = NetworkId(b"\x01" * 32)
OTHER_NETWORK = NetworkId(b"\x02" * 32)
ONE, TWO = (Ed25519Signer(bytes([seed]) * 32) for seed in (1, 2))


def issue(amount_fen: int = 5_000) -> Approval:
    return Desk(NOW_MS, lambda size: b"\x05" * size).issue(1001, amount_fen)


def refused(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_approval(data, NETWORK)
    return caught.value


def test_two_officers_sign_one_after_the_other() -> None:
    passed_on = encode_approval(sign_approval(issue(), ONE, NETWORK))
    both = sign_approval(read_approval(passed_on, NETWORK), TWO, NETWORK)
    order = orders.parse(submission_of(both))
    assert order.type is OrderType.ISSUE
    assert set(order.keys) == {ONE.public_key, TWO.public_key}
    assert cose.verify(order.message, external_aad(Domain.ORDER, NETWORK))


def test_two_officers_sign_copies_of_their_own() -> None:
    proposed = encode_approval(issue())
    copies = [
        sign_approval(read_approval(proposed, NETWORK), signer, NETWORK) for signer in (ONE, TWO)
    ]
    both = join_approvals(*copies)
    assert join_approvals(both, copies[0]) == both
    assert set(orders.parse(submission_of(both)).keys) == {ONE.public_key, TWO.public_key}


def test_order_is_the_same_whoever_has_signed_it() -> None:
    approval = issue()
    seen = [order_of(approval)]
    for signer in (ONE, TWO):
        approval = sign_approval(approval, signer, NETWORK)
        seen.append(order_of(approval))
    assert len({each.identity for each in seen}) == 1
    assert seen[0].legs == seen[2].legs


def test_approval_that_all_have_signed_is_the_submission() -> None:
    both = sign_approval(sign_approval(issue(), ONE, NETWORK), TWO, NETWORK)
    assert encode_approval(both) == submission_of(both)
    assert read_approval(encode_approval(both), NETWORK) == both


def test_one_key_signs_once() -> None:
    with pytest.raises(AlreadySigned, match="another person"):
        sign_approval(sign_approval(issue(), ONE, NETWORK), ONE, NETWORK)


def test_order_without_signature_is_not_sent() -> None:
    with pytest.raises(Refusal) as caught:
        submission_of(issue())
    assert caught.value.code is Code.SIGNER_MISSING


def test_approvals_of_two_orders_are_not_joined() -> None:
    with pytest.raises(Refusal):
        join_approvals(issue(5_000), issue(5_001))


def test_signature_for_another_network_is_refused() -> None:
    signed = encode_approval(sign_approval(issue(), ONE, OTHER_NETWORK))
    assert refused(signed).code is Code.SIGNATURE_INVALID


def test_signature_over_another_order_is_refused() -> None:
    [signature] = sign_approval(issue(5_000), ONE, NETWORK).signatures
    forged = replace(issue(5_001), signatures=(signature,))
    assert refused(encode_approval(forged)).code is Code.SIGNATURE_INVALID


def test_leg_that_was_swapped_is_refused() -> None:
    forged = replace(issue(5_000), legs=issue(5_001).legs)
    assert refused(encode_approval(forged)).code is Code.LEG_HASH_DIFFERS
    signed = sign_approval(issue(5_000), ONE, NETWORK)
    forged = replace(signed, legs=issue(5_001).legs)
    assert refused(encode_approval(forged)).code is Code.LEG_HASH_DIFFERS


def test_what_nobody_could_sign_is_not_proposed() -> None:
    approval = issue()
    fields = cbor.decode(approval.payload, size_max=4096)
    assert isinstance(fields, dict)
    too_long = cbor.encode(fields | {4: fields[4] + 1})
    with pytest.raises(Refusal) as caught:
        propose(too_long, order_of(approval).legs)
    assert caught.value.code is Code.LIFETIME_TOO_LONG


@settings(max_examples=300)
@given(place=st.integers(0, 400), mask=st.integers(1, 255), is_signed=st.booleans())
def test_damaged_approval_is_refused_or_another_order(
    place: int, mask: int, *, is_signed: bool
) -> None:
    approval = sign_approval(issue(), ONE, NETWORK) if is_signed else issue()
    data = bytearray(encode_approval(approval))
    data[place % len(data)] ^= mask
    try:
        read = read_approval(bytes(data), NETWORK)
    except Refusal:
        return
    assert not is_signed
    assert order_of(read).identity != order_of(approval).identity


@given(st.binary(max_size=100))
def test_hostile_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize(
    "value", [5, [], [b"", [], 1], [1, []], [b"", 5], [b"", [1]], [b"\xd8\x62", []], [b"\xd2", []]]
)
def test_other_values_are_refused(value: object) -> None:
    assert refused(cbor.encode(value)).code in (Code.MALFORMED, Code.NOT_CANONICAL)
