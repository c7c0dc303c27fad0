"""The order table: every field is checked, and none has room for a text (rules.md §A, §B.4)."""

from collections.abc import Iterator

import cbor2
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import (
    CERTIFICATE_BYTES_MAX,
    DEVICE_BYTES_MAX,
    OFFLINE_PAYMENT_BYTES_MAX,
    ORDER_TYPES,
    BodyField,
    FieldKind,
    OrderType,
    Role,
)
from jiaozi.protocol.orders import leg_hash, parse
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Suite
from tests.protocol.builders import (
    ALICE,
    CAROL,
    ENDS,
    NETWORK,
    NOW_MS,
    ROOT,
    body_of,
    certificate_bytes,
    device_bytes,
    leg,
    offline_payment_bytes,
    order_id,
    refusal_of,
    resigned,
    signer_of,
)

FIELDS = [(kind, field) for kind, rule in ORDER_TYPES.items() for field in rule.body]
REQUIRED = [(kind, field) for kind, field in FIELDS if not field.optional]
TEXTS = ["", "a", "Li Bai owes me", "p" * 16, "p" * 32, "p" * 512]


def order_with(order_type: OrderType, body: dict[object, object] | object) -> bytes:
    """A signed order of a type with any body."""
    legs = [leg(*ENDS[order_type])] if order_type in ENDS else []
    fields = {1: order_id(), 2: int(order_type), 4: NOW_MS + DAY_MS}
    if legs:
        fields[7] = [leg_hash(each.encoded()) for each in legs]
    return cbor2.dumps(
        [resigned(cbor2.dumps(fields | {8: body})), [each.encoded() for each in legs]]
    )


def raw_body(order_type: OrderType) -> dict[object, object]:
    keys = {field.name: field.key for field in ORDER_TYPES[order_type].body}
    return {keys[name]: value for name, value in body_of(order_type).items()}


def code_of(order_type: OrderType, body: object) -> tuple[Code, object]:
    refusal = refusal_of(lambda: parse(order_with(order_type, body)))
    return refusal.code, next(iter(refusal.fields.values()), None)


_EDGES: dict[FieldKind, tuple[int, ...]] = {
    FieldKind.UINT: (0, 1, FEN_MAX),
    FieldKind.OPERATOR: (1, 9999),
    FieldKind.HOLDER: (1, 2),
    FieldKind.FREEZE_SCOPE: (1, 3),
    FieldKind.HALT_SCOPE: (1, 4),
    FieldKind.FLAG: (0, 1),
}


def good_edges(field: BodyField, order_type: OrderType = OrderType.PAYMENT) -> Iterator[object]:
    match field.kind:
        case kind if kind in _EDGES:
            yield from _EDGES[kind]
        case FieldKind.BYTES16:
            yield bytes(16)
        case FieldKind.BYTES32:
            yield bytes(32)
        case FieldKind.WALLET_NUMBER:
            yield CAROL
        case FieldKind.KEY:
            yield signer_of(9).public_key
        case FieldKind.SUITE:
            yield Suite.ED25519.value
        case FieldKind.CERTIFICATE:
            yield certificate_bytes()
        case FieldKind.DEVICE_CERTIFICATE:
            yield device_bytes()
        case FieldKind.OFFLINE_PAYMENT:
            yield offline_payment_bytes(wallet=ALICE if order_type in ENDS else None)


_PAST_THE_EDGES: dict[FieldKind, tuple[object, ...]] = {
    FieldKind.UINT: (-1, b"\x01"),
    FieldKind.OPERATOR: (0, 10_000),
    FieldKind.HOLDER: (0, 3),
    FieldKind.FREEZE_SCOPE: (0, 4),
    FieldKind.HALT_SCOPE: (0, 5),
    FieldKind.FLAG: (-1, 2, True),
}


def bad_values(field: BodyField) -> Iterator[object]:
    """What no field of the kind takes: other types, other lengths, just past the edges."""
    yield from (
        None,
        True,
        False,
        1.0,
        -1.5,
        [],
        {},
        [1],
        "1",
        "",
        -(2**64),
        2**64 - 1,
        FEN_MAX + 1,
    )
    match field.kind:
        case kind if kind in _PAST_THE_EDGES:
            yield from _PAST_THE_EDGES[kind]
        case FieldKind.BYTES16:
            yield from (bytes(15), bytes(17), 16)
        case FieldKind.BYTES32:
            yield from (bytes(31), bytes(33), 32)
        case FieldKind.WALLET_NUMBER:
            yield from (CAROL + 1, numbers.vault_of(1001), numbers.ISSUANCE, 0, -CAROL, str(CAROL))
        case FieldKind.KEY:
            yield from (b"", bytes(32), b"a" * 32, b"\x01" + bytes(31), bytes(33), bytes(66))
        case FieldKind.SUITE:
            yield from (0, 1, -(2**31) - 1)
        case FieldKind.CERTIFICATE:
            yield from (b"", b"a" * 32, bytes(CERTIFICATE_BYTES_MAX + 1), certificate_bytes()[:-1])
        case FieldKind.DEVICE_CERTIFICATE:
            yield from (b"", b"a" * 32, bytes(DEVICE_BYTES_MAX + 1), device_bytes()[:-1])
            yield certificate_bytes()
        case FieldKind.OFFLINE_PAYMENT:
            payment = offline_payment_bytes()
            yield from (b"", b"a" * 32, bytes(OFFLINE_PAYMENT_BYTES_MAX + 1), payment[:-1])
            yield device_bytes()


@pytest.mark.parametrize(("order_type", "field"), FIELDS)
def test_a_field_takes_what_the_table_says(order_type: OrderType, field: BodyField) -> None:
    for value in good_edges(field, order_type):
        body = raw_body(order_type) | {field.key: value}
        assert parse(order_with(order_type, body)).body[field.name] == value


@pytest.mark.parametrize(("order_type", "field"), FIELDS)
def test_a_field_takes_nothing_else(order_type: OrderType, field: BodyField) -> None:
    for value in bad_values(field):
        code, _ = code_of(order_type, raw_body(order_type) | {field.key: value})
        assert code in SHAPE_CODES, value


_STRUCTURED = {
    FieldKind.KEY,
    FieldKind.CERTIFICATE,
    FieldKind.DEVICE_CERTIFICATE,
    FieldKind.OFFLINE_PAYMENT,
}
SHAPE_CODES = (Code.MALFORMED, Code.NOT_CANONICAL, Code.SUITE_UNSUPPORTED, Code.TOO_LARGE)


@pytest.mark.parametrize(("order_type", "field"), FIELDS)
def test_b4_no_field_of_any_order_holds_a_text(order_type: OrderType, field: BodyField) -> None:
    """Neither as text nor, where bytes have structure, as bytes that spell one."""
    for text in TEXTS:
        body = raw_body(order_type)
        assert code_of(order_type, body | {field.key: text})[0] is Code.MALFORMED
        if field.kind in _STRUCTURED:
            code, _ = code_of(order_type, body | {field.key: text.encode()})
            assert code in SHAPE_CODES


@pytest.mark.parametrize("order_type", OrderType)
def test_b4_no_order_has_room_for_a_text(order_type: OrderType) -> None:
    """Whatever else an order holds is a number, or bytes of a fixed length: ids and hashes."""
    free = {FieldKind.BYTES16, FieldKind.BYTES32}
    widths = {
        kind: {len(value) for value in good_edges(BodyField(0, "", kind)) if type(value) is bytes}
        for kind in free
    }
    assert widths == {FieldKind.BYTES16: {16}, FieldKind.BYTES32: {32}}
    names = {field.name for field in ORDER_TYPES[order_type].body if field.kind in free}
    assert names <= {"group", "rulebook_hash", "case", "mandate", "proof"}
    order = parse(order_with(order_type, raw_body(order_type))) if raw_body(order_type) else None
    assert order is None or not [each for each in order.body.values() if isinstance(each, str)]
    for key in range(1, 9):
        for text in TEXTS:
            fields = {1: order_id(), 2: int(order_type), 4: NOW_MS + DAY_MS}
            fields = dict(sorted((fields | {key: text}).items()))
            data = cbor2.dumps([resigned(cbor2.dumps(fields)), []])
            assert refusal_of(lambda: parse(data)).code is Code.MALFORMED  # noqa: B023


def test_b4_a_certificate_in_an_order_is_one() -> None:
    """An order that carries bytes which are no certificate would carry a text into a block."""
    text = b"a text that officers would sign into a block".ljust(64)
    for wrong in (resigned(text), resigned(cbor2.dumps({1: text.decode()})), b"\xd2" + text):
        assert code_of(OrderType.CERTIFY, {1: wrong})[0] in SHAPE_CODES
    officer = Certified(
        use=Use.OFFICER, operator=0, person=bytes(range(16)), suite=-8,
        key=signer_of(9).public_key, not_before_ms=1, not_after_ms=2,
    )  # fmt: skip
    assert parse(order_with(OrderType.CERTIFY, {1: certify(officer, ROOT, NETWORK)}))


@pytest.mark.parametrize(("order_type", "field"), REQUIRED)
def test_a_required_field_is_missed_by_name(order_type: OrderType, field: BodyField) -> None:
    body = raw_body(order_type)
    del body[field.key]
    expected = "body" if not body else f"body.{field.name}"
    assert code_of(order_type, body) == (Code.MALFORMED, expected)


@pytest.mark.parametrize("order_type", OrderType)
def test_a_field_outside_the_table_is_refused(order_type: OrderType) -> None:
    taken = {field.key for field in ORDER_TYPES[order_type].body}
    for key in set(range(24)) - taken:
        body = dict(sorted((raw_body(order_type) | {key: 1}).items()))
        assert code_of(order_type, body) == (Code.MALFORMED, "body")


@pytest.mark.parametrize("order_type", OrderType)
@pytest.mark.parametrize("body", [{}, [], None, 0, b"", "", True])
def test_an_empty_body_is_left_out(order_type: OrderType, body: object) -> None:
    assert code_of(order_type, body)[0] is Code.MALFORMED


def test_b2_a_key_is_bound_to_its_suite() -> None:
    body = raw_body(OrderType.OPEN_ACCOUNT)
    for suite in (Suite.SM2, Suite.WEBAUTHN_ES256, -7):
        refused = code_of(OrderType.OPEN_ACCOUNT, body | {2: int(suite)})
        assert refused == (Code.SUITE_UNSUPPORTED, suite)


def test_optional_fields_may_lack() -> None:
    body = {key: value for key, value in raw_body(OrderType.OPEN_ACCOUNT).items() if key < 7}
    order = parse(order_with(OrderType.OPEN_ACCOUNT, body))
    assert set(order.body) == {"number", "suite", "key", "wallet_class", "holder", "group"}
    assert order.scope == CAROL


def test_a_the_table_covers_every_type_once() -> None:
    assert set(ORDER_TYPES) == set(OrderType)
    for order_type, rule in ORDER_TYPES.items():
        assert rule.signers, order_type
        assert len(set(rule.signers)) == len(rule.signers)
        assert rule.legs_max == 1 or rule.legs is not None
        assert [field.key for field in rule.body] == list(range(1, len(rule.body) + 1))
        assert len({field.name for field in rule.body}) == len(rule.body)


@pytest.mark.parametrize(
    ("roles", "types"),
    [
        (
            (Role.CERTIFY,),
            {"OPEN_ACCOUNT", "SET_CLASS", "OPERATOR_FREEZE", "OPERATOR_UNFREEZE"}
            | {"REBIND_REQUEST", "REBIND_COMPLETE", "REBIND_WITHDRAW"}
            | {"ENROL", "SETTLE_OFFLINE", "UNLOAD", "REVOKE_DEVICE", "TAKE_UP"},
        ),
        (
            (Role.WALLET,),
            {"LOWER_LIMITS", "HOLDER_FREEZE", "CLOSE", "REBIND_OBJECT", "CANCEL_MANDATE"}
            | {"WATERFALL"},
        ),
        ((Role.WALLET, Role.CERTIFY), {"RAISE_LIMITS", "HOLDER_UNFREEZE", "MANDATE", "CLAIM"}),
        ((Role.CERTIFY, Role.OPERATOR_OFFICERS), {"REBIND_OVERRULE"}),
        ((Role.MANDATE,), {"MANDATE_PAYMENT"}),
        ((Role.BLOCK,), {"SWEEP"}),
        ((Role.DEBITED,), {"PAYMENT", "REDEEM", "LOAD"}),
        ((Role.VAULT,), {"EXCHANGE", "FUND_GUARANTEE", "RELEASE_GUARANTEE"}),
        ((Role.VAULT, Role.OFFICERS), {"ISSUE", "DESTROY"}),
        (
            (Role.OFFICERS,),
            {"FUND_RESERVE", "RULEBOOK", "QUOTA", "CERTIFY", "REVOKE", "REASSIGN", "HALT"}
            | {
                "AUTHORITY_FREEZE",
                "AUTHORITY_UNFREEZE",
                "OLDEST_GENERATION",
                "CONVICT",
                "WRITE_OFF",
            },
        ),
    ],
)
def test_a_each_type_is_signed_by_those_of_the_rules(
    roles: tuple[Role, ...], types: set[str]
) -> None:
    assert {each.name for each, rule in ORDER_TYPES.items() if rule.signers == roles} == types


def test_b4_the_payee_of_an_offline_payment_is_a_key() -> None:
    """A signed payment in an order would carry a text into a block otherwise."""
    text = b"a text that a card would sign..."
    for payee in (text, b"a", bytes(65)):
        wrong = offline_payment_bytes(payee=payee)
        refused = code_of(OrderType.SETTLE_OFFLINE, {1: wrong})
        assert refused == (Code.MALFORMED, "payment.payee")
