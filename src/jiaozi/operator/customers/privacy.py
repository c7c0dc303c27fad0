"""Personal data at rest: sealed record by record, found by keyed digests.

::

    data key   = 32 random bytes, for one record alone
    wrapped    = nonce (12) || AES-256-GCM(key-encryption key, data key, aad = record)
    sealed     = nonce (12) || AES-256-GCM(data key, JSON, aad = record)
    digest     = HMAC-SHA-256(lookup key, kind || 0 || value)

``record`` names the table and row, so that no sealed value holds in another place. Destroying
``wrapped`` destroys the record, in backups too once they are restored and the schedule has run
(rules.md §F.5). Both keys come from files outside the database.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_LENGTH = 32
_NONCE_LENGTH = 12


class Sealed(NamedTuple):
    """A record's wrapped data key and its sealed content."""

    wrapped_key: bytes
    content: bytes


class Privacy:
    """Seals, opens and finds personal data under two keys from outside the database."""

    def __init__(self, *, key_encryption_key: bytes, lookup_key: bytes) -> None:
        self._wrapping = AESGCM(key_encryption_key)
        self._lookup_key = lookup_key

    def seal(self, record: str, fields: Mapping[str, str]) -> Sealed:
        """Seal the fields of a record under a fresh data key."""
        data_key = secrets.token_bytes(KEY_LENGTH)
        content = json.dumps(fields, ensure_ascii=False).encode()
        aad = record.encode()
        return Sealed(
            wrapped_key=_encrypt(self._wrapping, data_key, aad),
            content=_encrypt(AESGCM(data_key), content, aad),
        )

    def open(self, record: str, sealed: Sealed) -> dict[str, str]:
        """Open a record.

        Raises:
            cryptography.exceptions.InvalidTag: Another key, another record, or changed bytes.
        """
        aad = record.encode()
        data_key = _decrypt(self._wrapping, sealed.wrapped_key, aad)
        fields: dict[str, str] = json.loads(_decrypt(AESGCM(data_key), sealed.content, aad))
        return fields

    def digest(self, kind: str, value: str) -> bytes:
        """Return the 32 bytes by which a value of a kind is found again."""
        return hmac.digest(self._lookup_key, kind.encode() + b"\0" + value.encode(), "sha256")


def _encrypt(cipher: AESGCM, data: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return nonce + cipher.encrypt(nonce, data, aad)


def _decrypt(cipher: AESGCM, data: bytes, aad: bytes) -> bytes:
    return cipher.decrypt(data[:_NONCE_LENGTH], data[_NONCE_LENGTH:], aad)
