"""Orders: signed instructions, their legs, and how hostile bytes become one.

On the wire an order is a *submission*, the legs beside what was signed (rules.md §B.1)::

    submission = [order: bstr of COSE_Sign1 / COSE_Sign, legs: [bstr, ...]]
    leg        = [from: uint, to: uint, amount: uint, salt: bstr 16]
    leg hash   = SHA-256("jiaozi/leg/1" || leg)
    payload    = {1: id, 2: type, ? 3: not before, 4: expires, ? 5: reference, ? 6: link,
                  ? 7: [leg hash, ...], ? 8: body}

Times are Unix milliseconds. ``reference`` is the salted hash of a note that travels elsewhere;
``link`` is the identity of an original order. A payee is shown the order with its own legs only;
the hashes of the others still let it check the signature.

This module decides all that the bytes alone decide. It does not check signatures (`cose`), nor
anything that needs an account's state (the registry).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jiaozi.protocol import cbor, cose, numbers, suites
from jiaozi.protocol.certificates import read_unverified
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import (
    AHEAD_MAX_MS,
    DAY_MS,
    LIFETIME_MAX_MS,
    OrderId,
    id_time_ms,
    is_order_id,
)
from jiaozi.protocol.legs import HASH_LENGTH, LEG_BYTES_MAX, read_legs
from jiaozi.protocol.legs import Leg as Leg
from jiaozi.protocol.legs import leg_hash as leg_hash
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.offline.certificate import Device, read_unverified_device
from jiaozi.protocol.offline.messages import Payment, decode_payment
from jiaozi.protocol.order_types import LEGS_MAX, ORDER_TYPES, OrderRule, OrderType, Role
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer, Suite

ORDER_BYTES_MAX = 4096
"""Largest COSE message of an order: sixteen legs and twenty signers fit."""
SUBMISSION_BYTES_MAX = ORDER_BYTES_MAX + LEGS_MAX * LEG_BYTES_MAX
APPROVAL_LIFETIME_MAX_MS = DAY_MS
"""An order that officers sign dies after 24 hours."""

_ID, _TYPE, _NOT_BEFORE, _EXPIRES, _REFERENCE, _LINK, _LEGS, _BODY = range(1, 9)
_TIME_MAX_MS = 2**48 - 1
_KEYS_REMEMBERED = 16_384
"""To find out that bytes are a key costs as much as to check a signature; devices come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHead:
    """What an order says apart from its legs and body; times in Unix milliseconds."""

    id: OrderId
    type: OrderType
    expires_ms: int
    not_before_ms: int | None = None
    reference: bytes | None = None
    link: bytes | None = None


class Inner(NamedTuple):
    """A message that was signed apart and travels in an order's body."""

    domain: Domain
    message: Message
    """Its one signature has to hold as the order's own do."""
    said: Device | Payment

    @property
    def key(self) -> bytes:
        """The public key that signed it: a device's, or the one that certified a device."""
        return self.message.signatures[0].key


class Order(NamedTuple):
    """A well-formed order whose signatures have not been checked yet."""

    identity: bytes
    id: OrderId
    type: OrderType
    scope: AccountNumber
    """The account within which the id is unique: the first debited, else the one it acts on."""
    expires_ms: int
    not_before_ms: int
    reference: bytes | None
    link: bytes | None
    legs: tuple[Leg, ...]
    body: dict[str, Any]
    message: Message
    cose: bytes
    """The COSE message alone, as it is hashed into a block's Merkle tree."""
    encoded: bytes
    """The submission: what stands in a block."""
    inner: Inner | None = None
    """The device certificate or offline payment in the body."""

    @property
    def rule(self) -> OrderRule:
        """The line of the order table."""
        return ORDER_TYPES[self.type]

    @property
    def total_fen(self) -> int:
        """The sum of the legs."""
        return sum(leg.amount for leg in self.legs)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The public keys that signed."""
        return tuple(each.key for each in self.message.signatures)


def payload(head: OrderHead, legs: Sequence[Leg] = (), **body: int | bytes | None) -> bytes:
    """Encode what the signers sign; body fields go by their names in the order table."""
    keys = {each.name: each.key for each in ORDER_TYPES[head.type].body}
    fields: dict[int, object] = {
        _ID: head.id,
        _TYPE: int(head.type),
        _NOT_BEFORE: head.not_before_ms,
        _EXPIRES: head.expires_ms,
        _REFERENCE: head.reference,
        _LINK: head.link,
        _LEGS: [leg_hash(leg.encoded()) for leg in legs] or None,
        _BODY: {keys[name]: value for name, value in body.items() if value is not None} or None,
    }
    return cbor.encode({key: value for key, value in fields.items() if value is not None})


def submission(message: bytes, legs: Iterable[Leg] = ()) -> bytes:
    """Put a signed order and its legs together."""
    return cbor.encode([message, [leg.encoded() for leg in legs]])


def sign_order(
    head: OrderHead,
    signers: Sequence[Signer],
    network: NetworkId,
    *,
    legs: Sequence[Leg] = (),
    **body: int | bytes | None,
) -> bytes:
    """Make a submission: COSE_Sign1 for one signer, COSE_Sign for several."""
    aad = external_aad(Domain.ORDER, network)
    signed = payload(head, legs, **body)
    if len(signers) == 1:
        return submission(cose.sign1(signed, signers[0], aad), legs)
    return submission(cose.sign(signed, signers, aad), legs)


def parse(data: bytes) -> Order:
    """Read one submission from hostile bytes.

    Raises:
        Refusal: Any of the shape codes 1 to 11, or ``lifetime_too_long``; the id is not used up.
    """
    if len(data) > SUBMISSION_BYTES_MAX:
        raise refuse(Code.TOO_LARGE, "submission", SUBMISSION_BYTES_MAX)
    try:
        value = cbor.decode(data, size_max=SUBMISSION_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "submission") from None
    return parse_item((value, data))


def parse_item(item: cbor.Item) -> Order:
    """Read one submission as a CBOR sequence yields it: its outer array and its encoding.

    Raises:
        Refusal: As `parse`, in this order: outer shape, COSE, payload, legs, body, lifetime,
            number of signers.
    """
    value, encoded = item
    if type(value) is not list or len(value) != 2 or type(value[0]) is not bytes:
        raise refuse(Code.MALFORMED, "submission")
    return _parse(value[0], value[1], encoded, partial=False)


def parse_view(encoded_cose: bytes, legs: Sequence[bytes | None]) -> Order:
    """Read an order as one of its readers sees it: legs that are not theirs are None.

    The result holds the visible legs only, and its ``scope`` is a guess unless the first leg is
    among them.

    Raises:
        Refusal: As `parse`.
    """
    view = list(legs)
    return _parse(encoded_cose, view, cbor.encode([encoded_cose, view]), partial=True)


def check_window(order: Order, block_time_ms: int) -> None:
    """Check that an order may be taken at a block time (rules.md §C.1).

    Raises:
        Refusal: ``expired`` or ``id_time_ahead``; the id is not used up.
    """
    if order.expires_ms <= block_time_ms:
        raise refuse(Code.EXPIRED, block_time_ms)
    if id_time_ms(order.id) > block_time_ms + AHEAD_MAX_MS:
        raise refuse(Code.ID_TIME_AHEAD, block_time_ms)


def _parse(encoded_cose: bytes, encoded_legs: object, encoded: bytes, *, partial: bool) -> Order:
    message = cose.decode(encoded_cose, size_max=ORDER_BYTES_MAX)
    fields = _payload_fields(message.payload)
    order_type, rule, lifetime_max_ms = _TYPES[fields[_TYPE]]
    legs = read_legs(order_type, fields.get(_LEGS), encoded_legs, partial=partial)
    body = _body(rule, fields.get(_BODY)) if _BODY in fields or rule.body else {}
    if rule.needs_reference and _REFERENCE not in fields:
        raise refuse(Code.MALFORMED, "reference")
    if fields[_EXPIRES] > id_time_ms(fields[_ID]) + lifetime_max_ms:
        raise refuse(Code.LIFETIME_TOO_LONG, lifetime_max_ms)
    if len(message.signatures) > 1 and not partial and Role.DEBITED in rule.signers:
        _check_signer_count(message, legs)
    return Order(
        message.identity,
        fields[_ID],
        order_type,
        legs[0].debit if legs else body.get("number", numbers.ISSUANCE),
        fields[_EXPIRES],
        fields.get(_NOT_BEFORE, 0),
        fields.get(_REFERENCE),
        fields.get(_LINK),
        legs,
        body,
        message,
        encoded_cose,
        encoded,
        _inner(body, legs) if body else None,
    )


def _payload_fields(data: bytes) -> dict[int, Any]:
    """Decode what was signed and check all but legs and body."""
    try:
        fields = cbor.decode(data, size_max=ORDER_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "payload") from None
    # A field that says nothing is left out: else one order had two encodings.
    if type(fields) is not dict or not fields.keys() <= _KEYS or None in fields.values():
        raise refuse(Code.MALFORMED, "payload")
    if not is_order_id(fields.get(_ID)):
        raise refuse(Code.MALFORMED, "id")
    order_type = fields.get(_TYPE)
    if type(order_type) is not int or order_type not in _TYPES:
        raise refuse(Code.MALFORMED, "type")
    if not _is_time(fields.get(_EXPIRES)):
        raise refuse(Code.MALFORMED, "expires")
    if _NOT_BEFORE in fields and not _is_time(fields[_NOT_BEFORE]):
        raise refuse(Code.MALFORMED, "not_before")
    if _REFERENCE in fields and not _is_hash(fields[_REFERENCE]):
        raise refuse(Code.MALFORMED, "reference")
    if _LINK in fields and not _is_hash(fields[_LINK]):
        raise refuse(Code.MALFORMED, "link")
    return fields


def _body(rule: OrderRule, fields: object) -> dict[str, Any]:
    if type(fields) is not dict or not fields:
        raise refuse(Code.MALFORMED, "body")
    body: dict[str, Any] = {}
    for each in rule.body:
        if each.optional and each.key not in fields:
            continue
        value = fields.get(each.key)
        if not each.kind.takes(value):
            raise refuse(Code.MALFORMED, f"body.{each.name}")
        body[each.name] = value
    if len(body) != len(fields):
        raise refuse(Code.MALFORMED, "body")
    _check_keys(body)
    return body


def _check_keys(body: dict[str, Any]) -> None:
    """Check what must hold between fields: a key is one, and no field is room for a text."""
    if "suite" in body and not suites.is_supported(body["suite"]):
        raise refuse(Code.SUITE_UNSUPPORTED, body["suite"])
    if "key" in body:
        possible = (body["suite"],) if "suite" in body else tuple(Suite)
        if not any(suites.key_fits(suite, body["key"]) for suite in possible):
            raise refuse(Code.MALFORMED, "body.key")
    if "device" in body and not _is_key(body["device"]):
        raise refuse(Code.MALFORMED, "body.device")
    if "certificate" in body:
        read_unverified(body["certificate"])


def _inner(body: dict[str, Any], legs: Sequence[Leg]) -> Inner | None:
    """Read the message that a body carries; a leg beside it says the same as an unload."""
    if "device_certificate" in body:
        device, message = read_unverified_device(body["device_certificate"])
        return Inner(Domain.DEVICE, message, device)
    if "payment" not in body:
        return None
    payment, message = decode_payment(body["payment"])
    inner = Inner(Domain.OFFLINE_PAYMENT, message, payment)
    if payment.payee is not None and not _is_key(payment.payee):
        raise refuse(Code.MALFORMED, "payment.payee")
    if payment.payee == inner.key:
        raise refuse(Code.MALFORMED, "payment.payee")
    for leg in legs:
        if (leg.credit, leg.amount) != (payment.wallet, payment.amount_fen):
            raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    return inner


def _check_signer_count(message: Message, legs: Sequence[Leg]) -> None:
    """Bound the signatures that a stranger's order has checked: an owner's, and a second factor."""
    signers_max = 2 * len({leg.debit for leg in legs})
    if len(message.signatures) > signers_max:
        raise refuse(Code.TOO_LARGE, "cose.signatures", signers_max)


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _is_key(value: bytes) -> bool:
    return any(suites.key_fits(suite, value) for suite in Suite)


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_LENGTH


def _is_time(value: object) -> bool:
    return type(value) is int and 0 < value <= _TIME_MAX_MS


_KEYS = frozenset(range(_ID, _BODY + 1))
_TYPES = {
    int(each): (
        each,
        rule,
        APPROVAL_LIFETIME_MAX_MS if Role.OFFICERS in rule.signers else LIFETIME_MAX_MS,
    )
    for each, rule in ORDER_TYPES.items()
}
