"""Signature suites: which algorithms sign, and how strictly they are checked.

A suite's number stands as ``alg`` in the protected header and is bound to the key. Ed25519 is
checked as RFC 8032 §5.1.7 demands and stricter: libsodium refuses an ``S`` not below the group
order, non-canonical encodings and keys or ``R`` of small order. `WEBAUTHN_ES256` and `SM2` have
their numbers; a message that names them is refused as unsupported until they are added to
`_RULES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from nacl import bindings
from nacl.exceptions import BadSignatureError

ED25519_KEY_LENGTH = 32
ED25519_SIGNATURE_LENGTH = 64
KEY_LENGTH_MAX = 65
"""An uncompressed point on a 256-bit curve, as `WEBAUTHN_ES256` and `SM2` have it."""


class Suite(IntEnum):
    """COSE algorithm numbers; those below -65536 are for private use (RFC 9053 §2)."""

    ED25519 = -8
    WEBAUTHN_ES256 = -70001
    SM2 = -70002


class Signer(Protocol):
    """A private key, wherever it is kept: a file, a token, a person's device."""

    @property
    def suite(self) -> Suite:
        """The suite that the key signs with."""

    @property
    def public_key(self) -> bytes:
        """The public key as it stands in account records and headers."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""


class Ed25519Signer:
    """An Ed25519 private key in memory."""

    suite = Suite.ED25519

    def __init__(self, seed: bytes) -> None:
        """Derive the pair from a seed of 32 bytes."""
        self.public_key, self._secret_key = bindings.crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return bindings.crypto_sign(message, self._secret_key)[:ED25519_SIGNATURE_LENGTH]


def verify(suite: int, key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature over the message is by the key, under that suite's rules."""
    rule = _RULES.get(suite)
    return rule is not None and rule.verify(key, message, signature)


def is_supported(suite: int) -> bool:
    """Say whether signatures of this suite can be checked here."""
    return suite in _RULES


def lengths_fit(suite: int, key: bytes, signature: bytes) -> bool:
    """Say whether key and signature have the lengths of a supported suite."""
    rule = _RULES[suite]
    return len(key) == rule.key_length and len(signature) == rule.signature_length


def key_fits(suite: int, key: bytes) -> bool:
    """Say whether the key is one that an account or a certificate of this suite may hold.

    Asked once, when a key is taken: bytes that are no point of the suite's group, or one of small
    order, could never sign, and could be anything.
    """
    rule = _RULES.get(suite)
    return rule is not None and len(key) == rule.key_length and rule.is_key(key)


def verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Check one Ed25519 signature strictly."""
    if len(signature) != ED25519_SIGNATURE_LENGTH or len(key) != ED25519_KEY_LENGTH:
        return False
    try:
        bindings.crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a suite asks of its keys and signatures."""

    key_length: int
    signature_length: int
    is_key: Callable[[bytes], bool]
    verify: Callable[[bytes, bytes, bytes], bool]


_RULES: Mapping[int, _Rule] = {
    Suite.ED25519: _Rule(
        ED25519_KEY_LENGTH,
        ED25519_SIGNATURE_LENGTH,
        bindings.crypto_core_ed25519_is_valid_point,
        verify_ed25519,
    )
}
