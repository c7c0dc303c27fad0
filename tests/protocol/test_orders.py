"""Orders: what is signed is what is read, and there is one way to write it (rules.md §B, §C)."""

import cbor2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jiaozi.protocol import cbor, cose, numbers
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS, LIFETIME_MAX_MS
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import LEGS_MAX, ORDER_TYPES, OrderType, Role
from jiaozi.protocol.orders import (
    APPROVAL_LIFETIME_MAX_MS,
    ORDER_BYTES_MAX,
    SUBMISSION_BYTES_MAX,
    Leg,
    Order,
    check_window,
    leg_hash,
    parse,
    parse_item,
    parse_view,
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
    resigned,
    seeds_of,
    signer_of,
    submission_of,
)

accounts = st.builds(
    numbers.account_number,
    st.integers(1, numbers.OPERATOR_CODE_MAX),
    st.integers(numbers.WALLET_SERIAL_MIN, numbers.SERIAL_MAX),
)
legs_of_payments = st.lists(
    st.builds(
        Leg, accounts, accounts, st.integers(1, FEN_MAX // LEGS_MAX),
        st.binary(min_size=16, max_size=16),
    ).filter(lambda each: each.debit != each.credit),
    min_size=1,
    max_size=LEGS_MAX,
)  # fmt: skip
hashes = st.binary(min_size=32, max_size=32)


def changed_payload(changes: dict[object, object], legs: list[bytes] | None = None) -> bytes:
    """A payment whose payload has other fields, signed again; None takes a field away."""
    good = parse(submission_of())
    fields: dict[object, object] = cbor2.loads(good.message.payload)
    fields |= changes
    payload = cbor2.dumps({key: value for key, value in fields.items() if value is not None})
    return wrapped(resigned(payload), [each.encoded() for each in good.legs], legs)


def wrapped(message: bytes, legs: list[bytes], other: list[bytes] | None = None) -> bytes:
    return cbor2.dumps([message, legs if other is None else other])


def with_raw_legs(raw: list[bytes], order_type: OrderType = OrderType.PAYMENT) -> bytes:
    """An order over legs as bytes, each with its right hash."""
    payload = {1: order_id(), 2: int(order_type), 4: NOW_MS + DAY_MS, 7: [*map(leg_hash, raw)]}
    return wrapped(resigned(cbor2.dumps(payload)), raw)


def refused(data: bytes) -> tuple[Code, object]:
    refusal = refusal_of(lambda: parse(data))
    return refusal.code, next(iter(refusal.fields.values()), None)


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
        ({2: 2}, "type"),
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
    if 0 in changes:
        fields = {0: 1} | cbor2.loads(parse(submission_of()).message.payload)
        data = wrapped(resigned(cbor2.dumps(fields)), [leg().encoded()])
    else:
        data = changed_payload(dict(sorted(changes.items())))
        data = resorted(data)
    assert refused(data) == (Code.MALFORMED, field)


def resorted(data: bytes) -> bytes:
    """The same submission with the payload's keys in order."""
    message, legs = cbor2.loads(data)
    fields = cbor2.loads(cose.decode(message, size_max=9999).payload)
    return wrapped(resigned(cbor2.dumps(dict(sorted(fields.items())))), legs)


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


# Legs


@pytest.mark.parametrize("amount", [0, -1, FEN_MAX + 1, 2**64 - 1, -(2**64)])
def test_an_amount_is_from_one_fen_to_the_largest_integer(amount: int) -> None:
    assert refused(with_raw_legs([leg(amount=amount).encoded()])) == (
        Code.AMOUNT_OUT_OF_RANGE, None,
    )  # fmt: skip
    assert parse(submission_of(legs=[leg(amount=FEN_MAX)])).total_fen == FEN_MAX


def test_the_sum_of_the_legs_is_an_amount_too() -> None:
    legs = [leg(amount=FEN_MAX - 1, salt=1), leg(amount=1, salt=2)]
    assert parse(submission_of(legs=legs)).total_fen == FEN_MAX
    legs.append(leg(amount=1, salt=3))
    assert refused(submission_of(legs=legs)) == (Code.AMOUNT_OUT_OF_RANGE, None)


def test_a_leg_to_self_is_refused() -> None:
    legs = [leg(salt=1), leg(ALICE, ALICE, salt=2)]
    assert refused(submission_of(legs=legs)) == (Code.TO_SELF, 1)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (cbor2.dumps([ALICE, BOB, 1]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, 1, bytes(16), 0]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, 1, bytes(15)]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, 1, "0" * 16]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, True, bytes(16)]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, 1.0, bytes(16)]), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, b"\x01", bytes(16)]), Code.MALFORMED),
        (cbor2.dumps([ALICE, str(BOB), 1, bytes(16)]), Code.MALFORMED),
        (cbor2.dumps([[ALICE], BOB, 1, bytes(16)]), Code.MALFORMED),
        (cbor2.dumps({0: ALICE, 1: BOB, 2: 1, 3: bytes(16)}), Code.MALFORMED),
        (cbor2.dumps([ALICE, BOB, 1, bytes(16)]) + b"\x00", Code.NOT_CANONICAL),
        (cbor2.dumps([ALICE, BOB, 1, bytes(16)])[:-1], Code.NOT_CANONICAL),
        (cbor2.dumps([ALICE, BOB])[:-9] + b"\x1b" + bytes(7) + b"\x05", Code.NOT_CANONICAL),
        (b"\x9f" + cbor2.dumps([ALICE, BOB, 1, bytes(16)])[1:] + b"\xff", Code.NOT_CANONICAL),
        (cbor2.dumps([ALICE, BOB, 1, bytes(64)]), Code.NOT_CANONICAL),
        (b"", Code.NOT_CANONICAL),
    ],
)
def test_b1_a_leg_has_one_encoding(raw: bytes, code: Code) -> None:
    assert refused(with_raw_legs([raw]))[0] is code


@pytest.mark.parametrize("order_type", ENDS)
def test_money_moves_between_the_accounts_of_the_order_table_only(order_type: OrderType) -> None:
    """Each type takes the ends of its own legs, and of no other type's."""
    places = {
        ALICE: "wallet", BOB: "wallet", ENDS[OrderType.EXCHANGE][0]: "vault",
        numbers.ISSUANCE: "issuance", numbers.SETTLEMENT: "settlement",
        ENDS[OrderType.FUND_RESERVE][1]: "reserve", numbers.OFFLINE: "none",
        numbers.guarantee_of(1001): "none", 0: "none", 10**16 - 1: "wallet", 10**16: "none",
        2**63: "none", -ALICE: "none", numbers.account_number(1001, 999_999): "none",
    }  # fmt: skip
    debit_place, credit_place = (each.value for each in ORDER_TYPES[order_type].legs or ())
    for debit, debit_is in places.items():
        for credit, credit_is in places.items():
            if debit == credit:
                continue
            data = with_raw_legs([leg(debit, credit).encoded()], order_type)
            fits = (debit_is, credit_is) == (debit_place, credit_place)
            if fits and order_type is not OrderType.REDEEM:
                assert parse(data).legs[0][:2] == (debit, credit)
            elif not fits:
                assert refused(data) == (Code.LEGS_NOT_ALLOWED, 0)


def test_a_wallet_redeems_to_its_own_operators_vault() -> None:
    own, foreign = numbers.vault_of(1001), numbers.vault_of(1002)
    assert parse(submission_of(OrderType.REDEEM, legs=[leg(ALICE, own)])).legs[0].credit == own
    assert refused(submission_of(OrderType.REDEEM, legs=[leg(ALICE, foreign)])) == (
        Code.LEGS_NOT_ALLOWED, 0,
    )  # fmt: skip


@pytest.mark.parametrize("order_type", OrderType)
def test_each_type_has_as_many_legs_as_the_table_allows(order_type: OrderType) -> None:
    rule = ORDER_TYPES[order_type]
    too_many = [leg(*ENDS.get(order_type, (ALICE, BOB)), salt=n) for n in range(rule.legs_max + 1)]
    if rule.legs is None:
        too_many = too_many[:1]
    assert refused(submission_of(order_type, legs=too_many)) == (Code.MALFORMED, "legs")
    if rule.legs is not None:
        assert refused(submission_of(order_type, legs=[])) == (Code.MALFORMED, "legs")


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


# What a reader of some legs sees


@given(legs_of_payments, st.data())
def test_b1_a_reader_checks_the_order_with_its_own_legs_alone(
    legs: list[Leg], data: st.DataObject
) -> None:
    order = parse(submission_of(legs=legs))
    shown = data.draw(st.lists(st.booleans(), min_size=len(legs), max_size=len(legs)))
    view = parse_view(order.cose, visible(order, shown))
    assert view.identity == order.identity
    assert view.legs == tuple(each for each, seen in zip(legs, shown, strict=True) if seen)
    assert cose.verify(view.message, ORDER_AAD)


def visible(order: Order, shown: list[bool]) -> list[bytes | None]:
    return [each.encoded() if seen else None for each, seen in zip(order.legs, shown, strict=True)]


def test_b1_a_hidden_leg_is_no_leg_in_a_submission() -> None:
    order = parse(submission_of(legs=[leg(salt=1), leg(salt=2)]))
    data = cbor2.dumps([order.cose, [order.legs[0].encoded(), None]])
    assert refused(data) == (Code.MALFORMED, "legs")


@pytest.mark.parametrize("digest", [None, 0, b"", bytes(31), "0" * 32, [bytes(32)]])
def test_b1_the_hash_of_a_hidden_leg_is_a_hash(digest: object) -> None:
    payload = {1: order_id(), 2: 3, 4: NOW_MS + DAY_MS, 7: [leg_hash(leg().encoded()), digest]}
    message = resigned(cbor2.dumps(payload))
    refusal = refusal_of(lambda: parse_view(message, [leg().encoded(), None]))
    assert refusal.code is Code.MALFORMED


@pytest.mark.parametrize("legs", [[], [None, None], [b""], [leg(salt=9).encoded()]])
def test_b1_a_view_has_the_legs_that_were_signed(legs: list[bytes | None]) -> None:
    message = parse(submission_of()).cose
    code = refusal_of(lambda: parse_view(message, legs)).code
    assert code in (Code.MALFORMED, Code.LEG_HASH_DIFFERS)
