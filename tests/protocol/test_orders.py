"""Orders: what is signed is what is read, and there is one way to write it (rules.md §B, §C)."""

import cbor2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS, LIFETIME_MAX_MS
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Role
from jiaozi.protocol.orders import (
    APPROVAL_LIFETIME_MAX_MS,
    ORDER_BYTES_MAX,
    SUBMISSION_BYTES_MAX,
    Leg,
    check_window,
    parse,
    parse_item,
)
from jiaozi.protocol.refusals import Code, Refusal
from tests.protocol.builders import (
    ALICE,
    BOB,
    CAROL,
    ENDS,
    NETWORK,
    NOW_MS,
    ORDER_AAD,
    OTHER_WALLET_SEED,
    WALLET_SEED,
    body_of,
    largest_payment,
    leg,
    order_id,
    refusal_of,
    refused,
    resigned,
    seeds_of,
    signer_of,
    submission_of,
    wrapped,
)
from tests.protocol.strategies import hashes, legs_of_payments


def changed_payload(changes: dict[object, object]) -> bytes:
    """A payment whose payload has other fields, signed again; None takes a field away."""
    good = parse(submission_of())
    fields = cbor2.loads(good.message.payload) | changes
    payload = {key: value for key, value in sorted(fields.items()) if value is not None}
    return wrapped(resigned(cbor2.dumps(payload)), [each.encoded() for each in good.legs])


@pytest.mark.parametrize("order_type", OrderType)
def test_an_order_of_every_type_reads_back(order_type: OrderType) -> None:
    data = submission_of(order_type, not_before_ms=NOW_MS, reference=b"r" * 32, link=b"l" * 32)
    order = parse(data)
    assert (order.type, order.id, order.encoded) == (order_type, order_id(), data)
    assert (order.expires_ms, order.not_before_ms) == (NOW_MS + DAY_MS, NOW_MS)
    assert (order.reference, order.link) == (b"r" * 32, b"l" * 32)
    assert order.body == body_of(order_type)
    assert [each[:2] for each in order.legs] == ([ENDS[order_type]] if order_type in ENDS else [])
    assert order.keys == tuple(signer_of(seed).public_key for seed in seeds_of(order_type))
    assert cose.verify(order.message, ORDER_AAD)
    assert order.cose == cbor2.loads(data)[0]
    assert [parse_item(each) for each in sequence(data)] == [order]


def sequence(data: bytes) -> list[cbor.Item]:
    return list(cbor.decode_sequence(data, items_max=9, item_size_max=SUBMISSION_BYTES_MAX))


@given(legs_of_payments, st.none() | hashes, st.none() | hashes, st.integers(1, NOW_MS))
def test_b1_every_payment_reads_back(
    legs: list[Leg], reference: bytes | None, link: bytes | None, not_before_ms: int
) -> None:
    data = submission_of(legs=legs, reference=reference, link=link, not_before_ms=not_before_ms)
    order = parse(data)
    assert order.legs == tuple(legs)
    assert order.total_fen == sum(each.amount for each in legs)
    assert (order.reference, order.link, order.scope) == (reference, link, legs[0].debit)
    assert order.encoded == data


def test_the_largest_order_fits() -> None:
    data = largest_payment()
    assert len(parse(data).cose) < ORDER_BYTES_MAX
    assert parse(data).total_fen == 2**62


def test_a_payment_is_signed_by_its_owners_and_their_second_factors_alone() -> None:
    """Each signature costs the registry a check, whoever sent the order."""
    one, two = [leg(ALICE, BOB)], [leg(ALICE, BOB), leg(CAROL, BOB, salt=2)]
    for legs, signers_max in ((one, 2), (two, 4), ([*one, leg(salt=2)], 2)):
        parse(submission_of(legs=legs, seeds=range(1, signers_max + 1)))
        too_many = submission_of(legs=legs, seeds=range(1, signers_max + 2))
        refusal = refusal_of(lambda: parse(too_many))  # noqa: B023
        assert refusal.code is Code.TOO_LARGE
        assert refusal.fields == {"field": "cose.signatures", "limit": signers_max}


# What is signed cannot be changed


@given(st.sampled_from(OrderType), st.data())
def test_any_changed_bit_of_a_submission_is_refused(
    order_type: OrderType, data: st.DataObject
) -> None:
    """By its shape, or by its signatures: but for the legs beside it, all is signed."""
    encoded = bytearray(submission_of(order_type))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    assert not is_taken(bytes(encoded))


@given(st.sampled_from(OrderType), st.data())
def test_a_truncated_or_stretched_submission_is_refused(
    order_type: OrderType, data: st.DataObject
) -> None:
    encoded = submission_of(order_type)
    place = data.draw(st.integers(0, len(encoded) - 1))
    more = data.draw(st.binary(min_size=1, max_size=3))
    assert not is_taken(encoded[:place])
    assert not is_taken(encoded + more)
    assert not is_taken(encoded[:place] + more + encoded[place:])


@given(st.sampled_from(OrderType), st.sampled_from(OrderType), st.data())
def test_a_splice_of_two_submissions_is_refused(
    one: OrderType, other: OrderType, data: st.DataObject
) -> None:
    left = submission_of(one)
    right = submission_of(other, id=order_id(serial=2))
    place = data.draw(st.integers(1, min(len(left), len(right)) - 1))
    spliced = left[:place] + right[place:]
    assume(spliced not in (left, right))
    assert not is_taken(spliced)


def is_taken(data: bytes) -> bool:
    try:
        order = parse(data)
    except Refusal:
        return False
    return cose.verify(order.message, ORDER_AAD)


def test_b1_the_legs_of_another_order_are_refused() -> None:
    one, other = parse(submission_of()), parse(submission_of(legs=[leg(salt=2)]))
    mixed = wrapped(one.cose, [other.legs[0].encoded()])
    assert refused(mixed) == (Code.LEG_HASH_DIFFERS, 0)


def test_b1_legs_stand_in_the_order_that_was_signed() -> None:
    legs = [leg(salt=1), leg(salt=2)]
    order = parse(submission_of(legs=legs))
    swapped = wrapped(order.cose, [legs[1].encoded(), legs[0].encoded()])
    assert refused(swapped) == (Code.LEG_HASH_DIFFERS, 0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_b1_as_many_legs_as_hashes(count: int) -> None:
    legs = [leg(salt=n) for n in range(2)]
    order = parse(submission_of(legs=legs))
    encoded = [leg(salt=n).encoded() for n in range(count)]
    assert refused(wrapped(order.cose, encoded)) == (Code.MALFORMED, "legs")


def test_b2_an_order_of_another_network_does_not_hold() -> None:
    other = type(NETWORK)(bytes(32))
    assert not cose.verify(parse(submission_of(network=other)).message, ORDER_AAD)


def test_b3_one_signer_or_several_are_different_messages() -> None:
    one = parse(submission_of())
    joined = cose.sign(one.message.payload, [signer_of(WALLET_SEED)], ORDER_AAD)
    other = parse(wrapped(joined, [each.encoded() for each in one.legs]))
    assert cose.verify(other.message, ORDER_AAD)
    assert other.identity != one.identity


@pytest.mark.parametrize("seeds", [(1, 2), (2, 1), (1, 2, 3), (4, 3, 2, 1)])
def test_b3_identity_ignores_signatures(seeds: tuple[int, ...]) -> None:
    legs = [leg(ALICE, BOB), leg(CAROL, BOB, salt=2)]
    several = parse(submission_of(legs=legs, seeds=(WALLET_SEED, OTHER_WALLET_SEED)))
    assert parse(submission_of(legs=legs, seeds=seeds)).identity == several.identity


# One order, one encoding


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({1: None}, "id"),
        ({2: None}, "type"),
        ({4: None}, "expires"),
        ({7: None}, "legs"),
        ({1: bytes(16)}, "id"),
        ({1: "0" * 16}, "id"),
        ({2: 99}, "type"),
        ({2: 0}, "type"),
        ({2: -3}, "type"),
        ({2: True}, "type"),
        ({2: 3.0}, "type"),
        ({2: "3"}, "type"),
        ({2: [3]}, "type"),
        ({4: 0}, "expires"),
        ({4: -1}, "expires"),
        ({4: 2**48}, "expires"),
        ({4: True}, "expires"),
        ({4: 1.5}, "expires"),
        ({3: 0}, "not_before"),
        ({3: 2**48}, "not_before"),
        ({3: b""}, "not_before"),
        ({5: b""}, "reference"),
        ({5: bytes(31)}, "reference"),
        ({5: "r" * 32}, "reference"),
        ({6: bytes(33)}, "link"),
        ({6: 1}, "link"),
        ({7: []}, "legs"),
        ({7: {}}, "legs"),
        ({7: [bytes(32)] * 17}, "legs"),
        ({7: bytes(32)}, "legs"),
        ({8: {}}, "body"),
        ({8: []}, "body"),
        ({8: {1: 1}}, "body"),
        ({9: 1}, "payload"),
        ({0: 1}, "payload"),
        ({0: 1, 1: None}, "payload"),
    ],
)
def test_a_payload_of_other_fields_is_malformed(changes: dict[object, object], field: str) -> None:
    assert refused(changed_payload(changes)) == (Code.MALFORMED, field)


@pytest.mark.parametrize("key", range(1, 9))
def test_a_field_that_says_nothing_is_left_out(key: int) -> None:
    fields = cbor2.loads(parse(submission_of(OrderType.RULEBOOK)).message.payload)
    fields = dict(sorted((fields | {key: None}).items()))
    assert refused(wrapped(resigned(cbor2.dumps(fields)), []))[0] is Code.MALFORMED


def test_true_is_not_one_as_a_key() -> None:
    fields = cbor2.loads(parse(submission_of()).message.payload)
    order_id_value = fields.pop(1)
    for key in (True, 1.0):
        data = wrapped(resigned(cbor2.dumps(fields | {key: order_id_value})), [leg().encoded()])
        assert refused(data) == (Code.NOT_CANONICAL, "payload")


def test_a_payload_with_its_fields_in_another_order_is_refused() -> None:
    fields = cbor2.loads(parse(submission_of()).message.payload)
    payload = cbor2.dumps(dict(reversed(fields.items())))
    assert refused(wrapped(resigned(payload), [leg().encoded()])) == (
        Code.NOT_CANONICAL, "payload",
    )  # fmt: skip


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\x07", b"\x41a", b"\xf6", b"\x63pay"])
def test_a_payload_is_a_map(payload: bytes) -> None:
    code, field = refused(wrapped(resigned(payload), []))
    assert (code, field) == (Code.NOT_CANONICAL if not payload else Code.MALFORMED, "payload")


@pytest.mark.parametrize(
    "value",
    [7, "text", b"", {}, [], [b""], [b"", [], 0], [1, []], ["", []], {0: b"", 1: []}, None, 1.5],
)
def test_a_submission_is_a_message_and_its_legs(value: object) -> None:
    encoded = cbor2.dumps(value)
    assert refusal_of(lambda: parse_item((value, encoded))).code is Code.MALFORMED
    assert refused(encoded)[0] is Code.MALFORMED


@pytest.mark.parametrize("legs", [None, 0, {}, "", b"", [None], [0], ["leg"], [[]], [{}], [True]])
def test_b1_legs_are_byte_strings(legs: object) -> None:
    data = cbor2.dumps([parse(submission_of()).cose, legs])
    assert refused(data) == (Code.MALFORMED, "legs")


def test_an_oversized_submission_is_refused_unread() -> None:
    assert refused(bytes(SUBMISSION_BYTES_MAX + 1)) == (Code.TOO_LARGE, "submission")
    message = resigned(bytes(ORDER_BYTES_MAX))
    assert refused(wrapped(message, [])) == (Code.TOO_LARGE, "cose")


# Time


@pytest.mark.parametrize("order_type", OrderType)
def test_c1_an_order_expires_within_its_lifetime(order_type: OrderType) -> None:
    by_officers = Role.OFFICERS in ORDER_TYPES[order_type].signers
    lifetime_ms = APPROVAL_LIFETIME_MAX_MS if by_officers else LIFETIME_MAX_MS
    parse(submission_of(order_type, expires_ms=NOW_MS + lifetime_ms))
    assert refused(submission_of(order_type, expires_ms=NOW_MS + lifetime_ms + 1)) == (
        Code.LIFETIME_TOO_LONG, lifetime_ms,
    )  # fmt: skip


def test_c1_the_window_is_exact() -> None:
    order = parse(submission_of())
    check_window(order, order.expires_ms - 1)
    assert refusal_of(lambda: check_window(order, order.expires_ms)).code is Code.EXPIRED
    check_window(order, NOW_MS - AHEAD_MAX_MS)
    ahead = refusal_of(lambda: check_window(order, NOW_MS - AHEAD_MAX_MS - 1))
    assert (ahead.code, ahead.is_final) == (Code.ID_TIME_AHEAD, False)
