"""Receipts: checked with no one's help, and only for what they say."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cose
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.receipts import RECEIPT_BYTES_MAX, Receipt, verify_receipt
from jiaozi.protocol.refusals import SETTLED, Code
from tests.protocol.builders import (
    BLOCK_SIGNER,
    NETWORK,
    NOW_MS,
    ROOT,
    Block,
    block_of,
    largest_payment,
    leg,
    order_id,
    refusal_of,
    submission_of,
)


def block(count: int = 5) -> Block:
    """Orders of three legs; the second was refused."""
    legs = [leg(salt=n) for n in range(3)]
    submissions = [submission_of(id=order_id(serial=n), legs=legs) for n in range(count)]
    outcomes = [SETTLED] * count
    outcomes[1:2] = [(107, 5)] if count > 1 else []
    return block_of(submissions, outcomes)


GOOD = block()


def verify(data: bytes, network: NetworkId = NETWORK) -> Receipt:
    return verify_receipt(
        data, block_keys=BlockKeys.stated(BLOCK_SIGNER.public_key), network=network
    )


def changed(place: int, value: object) -> bytes:
    parts = cbor2.loads(GOOD.receipt(2, hidden=[0]))
    parts[place] = value
    return cbor2.dumps(parts)


@given(st.integers(1, 40), st.data())
def test_every_order_of_a_block_has_a_receipt(count: int, data: st.DataObject) -> None:
    made = block(count)
    position = data.draw(st.integers(0, count - 1))
    hidden = data.draw(st.sets(st.integers(0, 2)))
    receipt = verify(made.receipt(position, sorted(hidden)))
    assert receipt.position == position
    assert receipt.outcome == made.outcomes[position]
    assert receipt.order.identity == made.orders[position].identity
    assert receipt.header == made.signed.header
    assert receipt.header.time_ms == NOW_MS
    shown = [each for i, each in enumerate(made.orders[position].legs) if i not in hidden]
    assert list(receipt.order.legs) == shown


@given(st.data())
def test_any_changed_bit_of_a_receipt_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(GOOD.receipt(2, hidden=[0]))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    refusal_of(lambda: verify(bytes(encoded)))


@given(st.data())
def test_a_truncated_receipt_is_refused(data: st.DataObject) -> None:
    encoded = GOOD.receipt(2)
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    assert refusal_of(lambda: verify(cut)).code is Code.NOT_CANONICAL


def test_a_refusal_cannot_be_shown_as_settled() -> None:
    parts = cbor2.loads(GOOD.receipt(1))
    assert verify(cbor2.dumps(parts)).outcome == (107, 5)
    for outcome in ([0], [107, 6]):
        refusal = refusal_of(lambda: verify(cbor2.dumps([*parts[:2], outcome, *parts[3:]])))  # noqa: B023
        assert refusal.code is Code.SIGNATURE_INVALID


def test_a_leg_that_was_not_signed_cannot_be_shown() -> None:
    legs = [leg(salt=9).encoded(), None, None]
    assert refusal_of(lambda: verify(changed(1, legs))).code is Code.LEG_HASH_DIFFERS


@pytest.mark.parametrize("place", range(6))
def test_no_part_of_another_receipt_fits(place: int) -> None:
    """Order, outcome, place, path, header: each is bound to the others."""
    parts, other = cbor2.loads(GOOD.receipt(2)), cbor2.loads(block(6).receipt(1, hidden=[1]))
    parts[place] = other[place]
    if place != 1:  # to show fewer legs is no change of what is proven
        assert refusal_of(lambda: verify(cbor2.dumps(parts))).code is Code.SIGNATURE_INVALID


def test_an_order_whose_own_signature_does_not_hold_has_no_receipt() -> None:
    """The registry alone can make no receipt of an order that nobody signed."""
    order = GOOD.orders[0]
    forged = cose.join(order.message.payload, [order.message.signatures[0]])
    made = block_of([cbor2.dumps([forged, [each.encoded() for each in order.legs]])])
    assert refusal_of(lambda: verify(made.receipt(0))).code is Code.SIGNATURE_INVALID


def test_b2_a_receipt_is_of_one_network_and_one_registry() -> None:
    good = GOOD.receipt()
    other = NetworkId(bytes(32))
    assert refusal_of(lambda: verify(good, other)).code is Code.SIGNATURE_INVALID
    foreign = refusal_of(
        lambda: verify_receipt(good, block_keys=BlockKeys.stated(ROOT.public_key), network=NETWORK)
    )
    assert foreign.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize(
    "value",
    [None, True, -1, 2**64 - 1, 1.5, "text", b"", bytes(32), [], [0], [None], [b""], [bytes(31)],
     [bytes(32)] * 70, [[]], {}, {0: 0}],
)  # fmt: skip
def test_a_receipt_of_other_parts_is_refused(place: int, value: object) -> None:
    data = changed(place, value)
    if data != GOOD.receipt(2, hidden=[0]):
        refusal_of(lambda: verify(data))


@pytest.mark.parametrize("value", [None, 0, [], [0] * 6, [0] * 5, [0] * 7, {}, b"", "receipt"])
def test_what_is_no_receipt_is_malformed(value: object) -> None:
    assert refusal_of(lambda: verify(cbor2.dumps(value))).code is Code.MALFORMED


def test_an_oversized_receipt_is_refused_unread() -> None:
    assert refusal_of(lambda: verify(bytes(RECEIPT_BYTES_MAX + 1))).code is Code.NOT_CANONICAL


def test_the_largest_receipt_fits() -> None:
    many = block_of(
        [largest_payment(), *(submission_of(id=order_id(serial=n)) for n in range(300))]
    )
    receipt = many.receipt()
    assert len(receipt) + 8 * 34 < RECEIPT_BYTES_MAX  # a path has 17 hashes at the most
    assert verify(receipt).order.total_fen == 2**62
