"""Submissions that are wrong in one way each, made from good ones."""

from collections.abc import Iterator

import cbor2

from jiaozi.protocol import cose, ids, numbers
from jiaozi.protocol.domains import NO_NETWORK, Domain, external_aad
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import leg_hash, parse
from jiaozi.protocol.suites import Suite
from tests.protocol import builders, edwards
from tests.protocol.builders import (
    ALICE,
    BOB,
    NETWORK,
    NOW_MS,
    ORDER_AAD,
    leg,
    signer_of,
    submission_of,
)


def malformed() -> Iterator[tuple[str, bytes]]:
    """Submissions whose shape is wrong, by what is wrong with them."""
    good = submission_of()
    order = parse(good)
    legs = [each.encoded() for each in order.legs]
    fields = cbor2.loads(order.message.payload)

    def signed(changed: object, sent: list[bytes] = legs) -> bytes:
        return cbor2.dumps([builders.resigned(cbor2.dumps(changed)), sent])

    def over(raw: bytes) -> bytes:
        return signed(fields | {7: [leg_hash(raw)]}, [raw])

    def without(key: int) -> dict[int, object]:
        return {each: value for each, value in fields.items() if each != key}

    yield "nothing", b""
    yield "truncated", good[:-1]
    yield "bytes after the submission", good + b"\x00"
    yield "indefinite outer array", b"\x9f" + good[1:] + b"\xff"
    yield "a length longer than needed", b"\x98\x02" + good[1:]
    yield "too large", bytes(5121)
    yield "no array", cbor2.dumps({0: order.cose, 1: legs})
    yield "message without tag", cbor2.dumps([order.cose[1:], legs])
    yield (
        "unprotected header",
        cbor2.dumps(
            [b"\xd2" + cbor2.dumps([order.message.protected, {4: b"k"}, b"", bytes(64)]), legs]
        ),
    )
    for suite in (Suite.WEBAUTHN_ES256, Suite.SM2, -7):
        protected = cbor2.dumps({1: int(suite), 4: bytes(32)})
        message = b"\xd2" + cbor2.dumps([protected, {}, b"", bytes(64)])
        yield f"suite {int(suite)}", cbor2.dumps([message, legs])
    part = cose.signature_by(order.message.payload, signer_of(1), ORDER_AAD)
    yield "one signer twice", cbor2.dumps([cose.join(order.message.payload, [part, part]), legs])
    yield "payload with unsorted keys", signed(dict(reversed(fields.items())))
    yield "payload with true as a key", signed(without(1) | {True: order.id})
    yield (
        "payload with a duplicate key",
        cbor2.dumps([builders.resigned(b"\xa2\x01\x00\x01\x00"), legs]),
    )
    for name, key in (("id", 1), ("type", 2), ("expiry", 4), ("legs", 7)):
        yield f"no {name}", signed(without(key))
    yield "id of version 4", signed(fields | {1: bytes(6) + b"\x40" + bytes(9)})
    yield "unknown type", signed(fields | {2: 99})
    yield "type true", signed(fields | {2: True})
    yield "unknown field", signed(fields | {9: 0})
    yield "empty body", signed(fields | {8: {}})
    yield "text as reference", signed(dict(sorted((fields | {5: "for rent"}).items())))
    yield "lives too long", signed(fields | {4: NOW_MS + ids.LIFETIME_MAX_MS + 1})
    yield "a leg that was not signed", cbor2.dumps([order.cose, [leg(salt=2).encoded()]])
    yield "no leg", cbor2.dumps([order.cose, []])
    yield "leg with bytes after it", over(legs[0] + b"\x00")
    for amount in (0, -1, 2**63, 2**64 - 1):
        yield f"amount {amount}", over(leg(amount=amount).encoded())
    yield "amount 1.0", over(cbor2.dumps([ALICE, BOB, 1.0, bytes(16)]))
    yield "to self", over(leg(ALICE, ALICE).encoded())
    yield "from issuance", over(leg(numbers.ISSUANCE, ALICE).encoded())
    yield "short salt", over(cbor2.dumps([ALICE, BOB, 1, bytes(15)]))
    yield "sum too large", submission_of(legs=[leg(amount=2**63 - 1), leg(amount=1, salt=2)])
    quota = cbor2.loads(parse(submission_of(OrderType.QUOTA)).message.payload)
    yield "approval that lives too long", signed(quota | {4: NOW_MS + ids.DAY_MS + 1}, [])
    revoke = cbor2.loads(parse(submission_of(OrderType.REVOKE)).message.payload)
    yield "a text as key", signed(revoke | {8: {1: b"pay to the bearer on demand 1024"}}, [])


def not_signed() -> Iterator[tuple[str, bytes]]:
    """Submissions of the right shape that nobody signed, by what is wrong with them."""
    order = parse(submission_of())
    payload, [signature] = order.message.payload, order.message.signatures
    legs = [each.encoded() for each in order.legs]

    def by(value: bytes, key: bytes = signature.key) -> bytes:
        protected = cbor2.dumps({1: -8, 4: key})
        return cbor2.dumps([b"\xd2" + cbor2.dumps([protected, {}, payload, value]), legs])

    def resigned(aad: bytes) -> bytes:
        return cbor2.dumps([builders.resigned(payload, aad=aad), legs])

    r, s = signature.value[:32], int.from_bytes(signature.value[32:], "little")
    yield "one bit changed", by(bytes([r[0] ^ 1]) + signature.value[1:])
    yield "S plus the group order", by(r + (s + edwards.ORDER).to_bytes(32, "little"))
    yield "key and R of small order", by(b"\x01" + bytes(63), b"\x01" + bytes(31))
    yield "by another key", by(signature.value, signer_of(2).public_key)
    yield "for no network", resigned(external_aad(Domain.ORDER, NO_NETWORK))
    yield "as a certificate", resigned(external_aad(Domain.CERTIFICATE, NETWORK))
    yield "without external data", resigned(b"")
    moved = cose.join(payload, [signature])
    yield "signature of a COSE_Sign1 in a COSE_Sign", cbor2.dumps([moved, legs])
    part = cose.signature_by(payload, signer_of(1), ORDER_AAD)
    yield "signature of a COSE_Sign in a COSE_Sign1", by(part.value)
    parts = [part, cose.signature_by(payload, signer_of(2), ORDER_AAD)._replace(value=bytes(64))]
    yield "one of two signers did not sign", cbor2.dumps([cose.join(payload, parts), legs])
