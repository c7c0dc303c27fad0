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
from hashlib import sha256
from typing import Any, NamedTuple

from jiaozi.protocol import cbor, cose, numbers
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import (
    AHEAD_MAX_MS,
    DAY_MS,
    LIFETIME_MAX_MS,
    OrderId,
    id_time_ms,
    is_order_id,
)
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import LEGS_MAX, ORDER_TYPES, OrderRule, OrderType, Place, Role
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

ORDER_BYTES_MAX = 4096
"""Largest COSE message of an order: sixteen legs and twenty signers fit."""
SUBMISSION_BYTES_MAX = ORDER_BYTES_MAX + LEGS_MAX * 64
SALT_LENGTH = 16
HASH_LENGTH = 32
APPROVAL_LIFETIME_MAX_MS = DAY_MS
"""An order that officers sign dies after 24 hours."""

_LEG_DOMAIN = b"jiaozi/leg/1"
_ID, _TYPE, _NOT_BEFORE, _EXPIRES, _REFERENCE, _LINK, _LEGS, _BODY = range(1, 9)
_TIME_MAX_MS = 2**48 - 1


class Leg(NamedTuple):
    """One movement of money: ``amount`` fen from one account to another."""

    debit: AccountNumber
    credit: AccountNumber
    amount: int
    salt: bytes

    def encoded(self) -> bytes:
        """Return the bytes that are hashed and that travel beside the order."""
        return cbor.encode(list(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHead:
    """What an order says apart from its legs and body; times in Unix milliseconds."""

    id: OrderId
    type: OrderType
    expires_ms: int
    not_before_ms: int | None = None
    reference: bytes | None = None
    link: bytes | None = None


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
    message: cose.Message
    encoded: bytes
    """The submission, deterministically encoded: what stands in a block."""

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

    @property
    def cose(self) -> bytes:
        """The COSE message alone, as it is hashed into a block's Merkle tree."""
        return cose_of(self.encoded)


def leg_hash(encoded: bytes) -> bytes:
    """Return the 32 bytes by which an order names a leg."""
    return sha256(_LEG_DOMAIN + encoded).digest()


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


def cose_of(encoded_submission: bytes) -> bytes:
    """Cut the COSE message out of a submission that was encoded here."""
    message: bytes = cbor.decode(encoded_submission, size_max=SUBMISSION_BYTES_MAX)[0]
    return message


def parse(data: bytes) -> Order:
    """Read one submission from hostile bytes.

    Raises:
        Refusal: Any of the shape codes 1 to 11; the id is not used up.
    """
    if len(data) > SUBMISSION_BYTES_MAX:
        raise refuse(Code.TOO_LARGE, "submission", SUBMISSION_BYTES_MAX)
    try:
        item = cbor.decode(data, size_max=SUBMISSION_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "submission") from None
    return parse_item(item)


def parse_item(item: Any) -> Order:
    """Read one submission from its decoded outer array, as a CBOR sequence yields it.

    Raises:
        Refusal: As `parse`, in this order: outer shape, COSE, payload, legs, body.
    """
    if type(item) is not list or len(item) != 2 or type(item[0]) is not bytes:
        raise refuse(Code.MALFORMED, "submission")
    return _parse(item, partial=False)


def parse_view(encoded_cose: bytes, legs: Sequence[bytes | None]) -> Order:
    """Read an order as one of its readers sees it: legs that are not theirs are None.

    The result holds the visible legs only, and its ``scope`` is a guess unless the first leg is
    among them.

    Raises:
        Refusal: As `parse`.
    """
    return _parse([encoded_cose, list(legs)], partial=True)


def _parse(item: list[Any], *, partial: bool) -> Order:
    message = cose.decode(item[0], size_max=ORDER_BYTES_MAX)
    fields = _payload_fields(message.payload)
    order_type = fields[_TYPE]
    rule = ORDER_TYPES[order_type]
    legs = _legs(rule, order_type, fields.get(_LEGS), item[1], partial=partial)
    body = _body(rule, fields.get(_BODY, _NO_BODY))
    if Role.OFFICERS in rule.signers:
        _check_lifetime(fields, APPROVAL_LIFETIME_MAX_MS)
    _check_lifetime(fields, LIFETIME_MAX_MS)
    return Order(
        identity=message.identity,
        id=fields[_ID],
        type=order_type,
        scope=_scope(legs, body),
        expires_ms=fields[_EXPIRES],
        not_before_ms=fields.get(_NOT_BEFORE, 0),
        reference=fields.get(_REFERENCE),
        link=fields.get(_LINK),
        legs=legs,
        body=body,
        message=message,
        encoded=cbor.encode(item),
    )


def check_window(order: Order, block_time_ms: int) -> None:
    """Check that an order may be taken at a block time (rules.md §C.1).

    Raises:
        Refusal: ``expired`` or ``id_time_ahead``; the id is not used up.
    """
    if order.expires_ms <= block_time_ms:
        raise refuse(Code.EXPIRED, block_time_ms)
    if id_time_ms(order.id) > block_time_ms + AHEAD_MAX_MS:
        raise refuse(Code.ID_TIME_AHEAD, block_time_ms)


def _payload_fields(data: bytes) -> dict[int, Any]:
    try:
        fields = cbor.decode(data, size_max=ORDER_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "payload") from None
    if type(fields) is not dict or not _REQUIRED <= fields.keys() <= _ALLOWED:
        raise refuse(Code.MALFORMED, "payload")
    order_id = fields[_ID]
    if type(order_id) is not bytes or not is_order_id(order_id):
        raise refuse(Code.MALFORMED, "id")
    order_type = _TYPES.get(fields[_TYPE]) if type(fields[_TYPE]) is int else None
    if order_type is None:
        raise refuse(Code.MALFORMED, "type")
    fields[_TYPE] = order_type
    for key, name in _TIMES:
        if key in fields and not (type(fields[key]) is int and 0 <= fields[key] <= _TIME_MAX_MS):
            raise refuse(Code.MALFORMED, name)
    for key, name in _HASHES:
        if key in fields and not _is_hash(fields[key]):
            raise refuse(Code.MALFORMED, name)
    return fields


def _legs(
    rule: OrderRule, order_type: OrderType, hashes: Any, encoded: Any, *, partial: bool
) -> tuple[Leg, ...]:
    """Match the legs beside an order with the hashes in it."""
    if rule.legs is None:
        if hashes is not None or encoded != []:
            raise refuse(Code.MALFORMED, "legs")
        return ()
    if type(hashes) is not list or type(encoded) is not list or len(hashes) != len(encoded):
        raise refuse(Code.MALFORMED, "legs")
    if not 1 <= len(hashes) <= rule.legs_max:
        raise refuse(Code.MALFORMED, "legs")
    legs = tuple(
        _leg(index, digest, data, rule.legs)
        for index, (digest, data) in enumerate(zip(hashes, encoded, strict=True))
        if data is not None or not partial
    )
    if len(legs) > 1 and sum(leg.amount for leg in legs) > FEN_MAX:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    if (
        order_type is OrderType.REDEEM
        and legs
        and legs[0].credit != numbers.vault_of(numbers.operator_of(legs[0].debit))
    ):
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    return legs


def _leg(index: int, digest: Any, data: Any, places: tuple[Place, Place]) -> Leg:
    if type(data) is not bytes or not _is_hash(digest):
        raise refuse(Code.MALFORMED, "legs")
    if leg_hash(data) != digest:
        raise refuse(Code.LEG_HASH_DIFFERS, index)
    try:
        value = cbor.decode(data, size_max=64)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "legs") from None
    if type(value) is not list or len(value) != 4:
        raise refuse(Code.MALFORMED, "legs")
    debit, credit, amount, salt = value
    if type(debit) is not int or type(credit) is not int or type(amount) is not int:
        raise refuse(Code.MALFORMED, "legs")
    if type(salt) is not bytes or len(salt) != SALT_LENGTH:
        raise refuse(Code.MALFORMED, "legs.salt")
    if not 0 < amount <= FEN_MAX:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    if debit == credit:
        raise refuse(Code.TO_SELF, index)
    if not _stands_at(places[0], debit) or not _stands_at(places[1], credit):
        raise refuse(Code.LEGS_NOT_ALLOWED, index)
    return Leg(AccountNumber(debit), AccountNumber(credit), amount, salt)


def _stands_at(place: Place, number: int) -> bool:
    """Say whether an account number is one that this end of a leg takes."""
    match place:
        case Place.WALLET:
            # A registry looks the number up, so its check digit proves nothing more.
            return 10**12 <= number < 10**16 and number // 10 % 10**11 >= numbers.WALLET_SERIAL_MIN
        case Place.VAULT:
            return 10**12 <= number < 10**16 and number == numbers.vault_of(
                numbers.operator_of(number)
            )
        case Place.RESERVE:
            return 10**12 <= number < 10**16 and number == numbers.reserve_of(
                numbers.operator_of(number)
            )
        case Place.ISSUANCE:
            return number == numbers.ISSUANCE
        case Place.SETTLEMENT:
            return number == numbers.SETTLEMENT


def _body(rule: OrderRule, fields: Any) -> dict[str, Any]:
    if type(fields) is not dict:
        raise refuse(Code.MALFORMED, "body")
    body: dict[str, Any] = {}
    for each in rule.body:
        if each.optional and each.key not in fields:
            continue
        value = fields.pop(each.key, None)
        if not each.kind.takes(value):
            raise refuse(Code.MALFORMED, f"body.{each.name}")
        body[each.name] = value
    if fields:
        raise refuse(Code.MALFORMED, "body")
    return body


def _check_lifetime(fields: dict[int, Any], lifetime_max_ms: int) -> None:
    if fields[_EXPIRES] > id_time_ms(fields[_ID]) + lifetime_max_ms:
        raise refuse(Code.LIFETIME_TOO_LONG, lifetime_max_ms)


def _scope(legs: tuple[Leg, ...], body: dict[str, Any]) -> AccountNumber:
    if legs:
        return legs[0].debit
    return AccountNumber(body.get("number", numbers.ISSUANCE))


def _is_hash(value: Any) -> bool:
    return type(value) is bytes and len(value) == HASH_LENGTH


_REQUIRED = frozenset((_ID, _TYPE, _EXPIRES))
_ALLOWED = frozenset(range(_ID, _BODY + 1))
_TYPES = {int(each): each for each in OrderType}
_TIMES = ((_EXPIRES, "expires"), (_NOT_BEFORE, "not_before"))
_HASHES = ((_REFERENCE, "reference"), (_LINK, "link"))
_NO_BODY: dict[int, Any] = {}
