"""Legs: the registry sees all, a reader its own, and all check one order (rules.md §B.1)."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cose, numbers
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType
from jiaozi.protocol.orders import Leg, Order, leg_hash, parse, parse_view
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import (
    ALICE,
    BOB,
    ENDS,
    NOW_MS,
    ORDER_AAD,
    leg,
    order_id,
    refusal_of,
    refused,
    resigned,
    submission_of,
    with_raw_legs,
)
from tests.protocol.strategies import legs_of_payments


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
        ENDS[OrderType.FUND_RESERVE][1]: "reserve", numbers.OFFLINE: "offline",
        numbers.guarantee_of(1001): "guarantee", 0: "none", 10**16 - 1: "wallet", 10**16: "none",
        2**63: "none", -ALICE: "none", numbers.account_number(1001, 999_999): "none",
    }  # fmt: skip
    debit_place, credit_place = (each.value for each in ORDER_TYPES[order_type].legs or ())
    for debit, debit_is in places.items():
        for credit, credit_is in places.items():
            if debit == credit:
                continue
            data = with_raw_legs([leg(debit, credit).encoded()], order_type)
            fits = (debit_is, credit_is) == (debit_place, credit_place)
            # Of an unload the payment in its body names the wallet as well.
            if fits and order_type not in (OrderType.REDEEM, OrderType.UNLOAD):
                assert parse(data).legs[0][:2] == (debit, credit)
            elif not fits:
                assert refused(data) == (Code.LEGS_NOT_ALLOWED, 0)


@pytest.mark.parametrize("order_type", OrderType)
def test_each_type_has_as_many_legs_as_the_table_allows(order_type: OrderType) -> None:
    rule = ORDER_TYPES[order_type]
    too_many = [leg(*ENDS.get(order_type, (ALICE, BOB)), salt=n) for n in range(rule.legs_max + 1)]
    if rule.legs is None:
        too_many = too_many[:1]
    assert refused(submission_of(order_type, legs=too_many)) == (Code.MALFORMED, "legs")
    if rule.legs is not None:
        assert refused(submission_of(order_type, legs=[])) == (Code.MALFORMED, "legs")


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
