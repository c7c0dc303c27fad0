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
from jiaozi.protocol.suites import KEY_LENGTH_MAX, Signer, Suite

SIGNERS_MAX = 20
"""Sixteen debited owners, an operator's keys and two officers."""

_TAG_SIGN1 = b"\xd2"
_TAG_SIGN = b"\xd8\x62"
_HEADER_ALG, _HEADER_KID = 1, 4
_ED25519_PROTECTED = b"\xa2\x01\x27\x04\x58\x20"
_SIGNATURE_LENGTH_MAX = 1024


class Signature(NamedTuple):
    """One signer's part of a message. A tuple, because a registry makes 15,000 a second."""

    suite: int
    key: bytes
    protected: bytes
    value: bytes


class Message(NamedTuple):
    """A decoded message whose signatures have not been checked yet."""

    protected: bytes
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def identity(self) -> bytes:
        """The 32 bytes by which this message is known."""
        return sha256(cbor.encode([self.protected, self.payload])).digest()

    def signed_bytes(self, signature: Signature, aad: bytes) -> bytes:
        """Return the Sig_structure that this signer signed (RFC 9052 §4.4)."""
        if self.protected:
            return cbor.encode(["Signature1", self.protected, aad, self.payload])
        return cbor.encode(["Signature", b"", signature.protected, aad, self.payload])


def sign1(payload: bytes, signer: Signer, aad: bytes) -> bytes:
    """Make a COSE_Sign1 message."""
    protected = _protected_of(signer)
    value = signer.sign(cbor.encode(["Signature1", protected, aad, payload]))
    return _TAG_SIGN1 + cbor.encode([protected, {}, payload, value])


def sign(payload: bytes, signers: Sequence[Signer], aad: bytes) -> bytes:
    """Make a COSE_Sign message with one signature per signer."""
    return join(payload, [signature_by(payload, signer, aad) for signer in signers])


def signature_by(payload: bytes, signer: Signer, aad: bytes) -> Signature:
    """Make one signer's part of a COSE_Sign message, to be joined with the others later."""
    protected = _protected_of(signer)
    value = signer.sign(cbor.encode(["Signature", b"", protected, aad, payload]))
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
    if data[:1] == _TAG_SIGN1:
        protected, payload, value = _three(_decode(data[1:], size_max), 4)
        return Message(protected, payload, (_signature(protected, value),))
    if data[:2] == _TAG_SIGN:
        protected, payload, parts = _three(_decode(data[2:], size_max), 4)
        if protected or type(parts) is not list or not 1 <= len(parts) <= SIGNERS_MAX:
            raise refuse(Code.MALFORMED, "cose.signatures")
        signatures = tuple(_signature(part[0], part[2]) for part in map(_part, parts))
        if len({each.key for each in signatures}) != len(signatures):
            raise refuse(Code.MALFORMED, "cose.signatures")
        return Message(b"", payload, signatures)
    raise refuse(Code.MALFORMED, "cose.tag")


def verify(message: Message, aad: bytes) -> bool:
    """Check every signature of a message, one after the other."""
    return all(
        suites.verify(each.suite, each.key, message.signed_bytes(each, aad), each.value)
        for each in message.signatures
    )


def _protected_of(signer: Signer) -> bytes:
    return cbor.encode({_HEADER_ALG: int(signer.suite), _HEADER_KID: signer.public_key})


def _decode(data: bytes, size_max: int) -> Any:
    try:
        return cbor.decode(data, size_max=size_max)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "cose") from None


def _three(value: Any, length: int) -> tuple[bytes, bytes, Any]:
    """Take protected, payload and the rest out of a message's array."""
    if type(value) is not list or len(value) != length:
        raise refuse(Code.MALFORMED, "cose")
    protected, unprotected, payload, rest = value
    if unprotected != {} or type(protected) is not bytes or type(payload) is not bytes:
        raise refuse(Code.MALFORMED, "cose")
    return protected, payload, rest


def _part(value: Any) -> Any:
    if type(value) is not list or len(value) != 3 or value[1] != {}:
        raise refuse(Code.MALFORMED, "cose.signatures")
    return value


def _signature(protected: Any, value: Any) -> Signature:
    if type(protected) is not bytes or type(value) is not bytes:
        raise refuse(Code.MALFORMED, "cose.signature")
    if len(value) > _SIGNATURE_LENGTH_MAX:
        raise refuse(Code.TOO_LARGE, "cose.signature", _SIGNATURE_LENGTH_MAX)
    if len(protected) == 38 and protected.startswith(_ED25519_PROTECTED):
        return Signature(Suite.ED25519, protected[6:], protected, value)
    header = _decode(protected, size_max=128)
    if type(header) is not dict or header.keys() != {_HEADER_ALG, _HEADER_KID}:
        raise refuse(Code.MALFORMED, "cose.protected")
    suite, key = header[_HEADER_ALG], header[_HEADER_KID]
    if type(suite) is not int or type(key) is not bytes or len(key) > KEY_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "cose.protected")
    if suite == Suite.ED25519:
        raise refuse(Code.MALFORMED, "cose.protected")
    if not suites.is_supported(suite):
        raise refuse(Code.SUITE_UNSUPPORTED, suite)
    return Signature(suite, key, protected, value)
