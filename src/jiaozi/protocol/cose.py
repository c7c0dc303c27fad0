"""COSE_Sign1 and COSE_Sign (RFC 9052 §4) in the one form that this protocol takes.

::

    COSE_Sign1 = 18([protected, {}, payload, signature])
    COSE_Sign  = 98([h'', {}, payload, [[protected, {}, signature], ...]])
    protected  = bstr of {1: alg, 4: kid}      ; kid is the public key itself

The key stands in the message, so that signatures can be checked apart from any state, in parallel
and by anyone; whether that key may sign is asked of the account record or a certificate. The
identity of a message is the hash of protected header and payload, never of the signature: signers
may be randomised, and a signer may be added.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from jiaozi.protocol import cbor, suites
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer, Suite

SIGNERS_MAX = 20
"""Sixteen debited owners, an operator's keys and two officers."""

_TAG_SIGN1 = b"\xd2"
_TAG_SIGN = b"\xd8\x62"
_ARRAY_OF_2, _EMPTY_MAP, _LENGTH_64 = b"\x82", b"\xa0", b"\x58\x40"
_SIGNATURE1 = b"\x84\x6aSignature1"
_SIGNATURE = b"\x85\x69Signature\x40"
_HEADER_ALG, _HEADER_KID = 1, 4
_ED25519_SIGN1 = _TAG_SIGN1 + b"\x84\x58\x26\xa2\x01\x27\x04\x58\x20"


class Signature(NamedTuple):
    """One signer's part of a message. A tuple, because a registry makes 15,000 a second."""

    suite: int
    key: bytes
    protected: bytes
    value: bytes


class Message(NamedTuple):
    """A decoded message whose signatures have not been checked yet."""

    protected: bytes
    """The message's own protected header; empty in a COSE_Sign."""
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def identity(self) -> bytes:
        """The 32 bytes by which this message is known."""
        return sha256(
            _ARRAY_OF_2 + cbor.encode_bytes(self.protected) + cbor.encode_bytes(self.payload)
        ).digest()

    def signed_bytes(self, signature: Signature, aad: bytes) -> bytes:
        """Return the Sig_structure that this signer signed (RFC 9052 §4.4)."""
        if self.protected:
            return _signed_in_sign1(self.protected, aad, self.payload)
        return _signed_in_sign(signature.protected, aad, self.payload)


def sign1(payload: bytes, signer: Signer, aad: bytes) -> bytes:
    """Make a COSE_Sign1 message."""
    protected = _protected_of(signer)
    value = signer.sign(_signed_in_sign1(protected, aad, payload))
    return _TAG_SIGN1 + cbor.encode([protected, {}, payload, value])


def sign(payload: bytes, signers: Sequence[Signer], aad: bytes) -> bytes:
    """Make a COSE_Sign message with one signature per signer."""
    return join(payload, [signature_by(payload, signer, aad) for signer in signers])


def signature_by(payload: bytes, signer: Signer, aad: bytes) -> Signature:
    """Make one signer's part of a COSE_Sign message, to be joined with the others later."""
    protected = _protected_of(signer)
    value = signer.sign(_signed_in_sign(protected, aad, payload))
    return Signature(signer.suite, signer.public_key, protected, value)


def join(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    """Put a payload and the parts of its signers together."""
    parts = [[each.protected, {}, each.value] for each in signatures]
    return _TAG_SIGN + cbor.encode([b"", {}, payload, parts])


def decode(data: bytes, *, size_max: int) -> Message:
    """Decode a message of either kind; its signatures are not checked here.

    Raises:
        Refusal: ``too_large``, ``not_canonical``, ``malformed`` or ``suite_unsupported``.
    """
    if len(data) > size_max:
        raise refuse(Code.TOO_LARGE, "cose", size_max)
    if data.startswith(_ED25519_SIGN1) and (message := _cut_ed25519(data)):
        return message
    if data.startswith(_TAG_SIGN1):
        protected, payload, value = _parts(_decode(data[1:]))
        return Message(protected, payload, (_signature(protected, value),))
    if data.startswith(_TAG_SIGN):
        protected, payload, parts = _parts(_decode(data[2:]))
        if protected or type(parts) is not list or not 1 <= len(parts) <= SIGNERS_MAX:
            raise refuse(Code.MALFORMED, "cose.signatures")
        signatures = tuple(map(_signature_of, parts))
        if len({each.key for each in signatures}) != len(signatures):
            raise refuse(Code.MALFORMED, "cose.signatures")
        return Message(b"", payload, signatures)
    raise refuse(Code.MALFORMED, "cose.tag")


def read1(data: bytes, *, key: bytes, aad: bytes, size_max: int) -> Message:
    """Decode a COSE_Sign1 message that must be by one key, and check its signature.

    Raises:
        Refusal: As `decode`, or ``signature_invalid``.
    """
    message = decode(data, size_max=size_max)
    if not message.protected or message.signatures[0].key != key or not verify(message, aad):
        raise refuse(Code.SIGNATURE_INVALID)
    return message


def verify(message: Message, aad: bytes) -> bool:
    """Check every signature of a message, one after the other."""
    return all(
        suites.verify(each.suite, each.key, message.signed_bytes(each, aad), each.value)
        for each in message.signatures
    )


def _cut_ed25519(data: bytes) -> Message | None:
    """Cut a COSE_Sign1 by Ed25519, as nearly every order is one, at its known places.

    None when between header and signature there is more or less than one payload.
    """
    protected, payload, value = data[4:42], data[45:-66], data[-64:]
    if len(payload) > 255:  # its length then takes a byte more
        payload = payload[1:]
    if data[42:-64] != _EMPTY_MAP + cbor.encode_bytes(payload) + _LENGTH_64:
        return None
    return Message(protected, payload, (Signature(Suite.ED25519, protected[6:], protected, value),))


def _signed_in_sign1(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    return (
        _SIGNATURE1
        + cbor.encode_bytes(protected)
        + cbor.encode_bytes(aad)
        + cbor.encode_bytes(payload)
    )


def _signed_in_sign(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    return (
        _SIGNATURE
        + cbor.encode_bytes(protected)
        + cbor.encode_bytes(aad)
        + cbor.encode_bytes(payload)
    )


def _protected_of(signer: Signer) -> bytes:
    return cbor.encode({_HEADER_ALG: int(signer.suite), _HEADER_KID: signer.public_key})


def _decode(data: bytes) -> object:
    try:
        return cbor.decode(data, size_max=len(data))
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "cose") from None


def _parts(value: object) -> tuple[bytes, bytes, Any]:
    """Take protected header, payload and what signs them out of a message's array."""
    if type(value) is not list or len(value) != 4:
        raise refuse(Code.MALFORMED, "cose")
    protected, unprotected, payload, rest = value
    if type(protected) is not bytes or type(payload) is not bytes or unprotected != {}:
        raise refuse(Code.MALFORMED, "cose")
    return protected, payload, rest


def _signature_of(part: object) -> Signature:
    if type(part) is not list or len(part) != 3 or part[1] != {}:
        raise refuse(Code.MALFORMED, "cose.signatures")
    return _signature(part[0], part[2])


def _signature(protected: object, value: object) -> Signature:
    if type(protected) is not bytes or type(value) is not bytes:
        raise refuse(Code.MALFORMED, "cose.signature")
    suite, key = _header(protected)
    if not suites.lengths_fit(suite, key, value):
        raise refuse(Code.MALFORMED, "cose.signature")
    return Signature(suite, key, protected, value)


def _header(protected: bytes) -> tuple[int, bytes]:
    """Read suite and key out of a protected header."""
    header = _decode(protected)
    if type(header) is not dict or list(header) != [_HEADER_ALG, _HEADER_KID]:
        raise refuse(Code.MALFORMED, "cose.protected")
    suite, key = header.values()
    if type(suite) is not int or type(key) is not bytes:
        raise refuse(Code.MALFORMED, "cose.protected")
    if not suites.is_supported(suite):
        raise refuse(Code.SUITE_UNSUPPORTED, suite)
    return suite, key
