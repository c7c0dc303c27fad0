"""Personal data at rest: sealed record by record, found by keyed digests.

::

    data key   = 32 random bytes, for one record alone
    wrapped    = the data key under a key-encryption key (privacy/wrapping.py)
    sealed     = nonce (12) || AES-256-GCM(data key, JSON, aad = record)
    digest     = HMAC-SHA-256(lookup key, kind || 0 || value)

``record`` names the table and row, so that no sealed value holds in another place. Destroying
``wrapped`` destroys the record, in backups too once they are restored and the schedule has run
(rules.md §F.5). All keys come from files outside the database. Nothing is opened without a reason
that was written down.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.operator.privacy.access import Access, log_access
from jiaozi.operator.privacy.wrapping import WrappingKeys, decrypt, encrypt
from jiaozi.storage.database import Connection

KEY_LENGTH = 32


class Sealed(NamedTuple):
    """A record's wrapped data key and its sealed content."""

    wrapped_key: bytes
    content: bytes


class Privacy:
    """Seals, opens and finds personal data under keys from outside the database."""

    def __init__(
        self, *, wrapping: WrappingKeys, lookup_key: bytes, now_ms: Callable[[], int]
    ) -> None:
        self._wrapping = wrapping
        self._lookup_key = lookup_key
        self._now_ms = now_ms

    def seal(self, record: str, fields: Mapping[str, str]) -> Sealed:
        """Seal the fields of a record under a fresh data key."""
        data_key = secrets.token_bytes(KEY_LENGTH)
        content = json.dumps(fields, ensure_ascii=False).encode()
        return Sealed(
            wrapped_key=self._wrapping.wrap(record, data_key),
            content=encrypt(AESGCM(data_key), content, record.encode()),
        )

    async def open(
        self, connection: Connection, record: str, sealed: Sealed, access: Access
    ) -> dict[str, str]:
        """Write an access down, then open the record.

        Raises:
            cryptography.exceptions.InvalidTag: Another key, another record, or changed bytes.
            StorageUnavailable: The access could not be written down; nothing was opened.
        """
        await log_access(connection, record, access, self._now_ms())
        data_key = self._wrapping.unwrap(record, sealed.wrapped_key)
        content = decrypt(AESGCM(data_key), sealed.content, record.encode())
        fields: dict[str, str] = json.loads(content)
        return fields

    def digest(self, kind: str, value: str) -> bytes:
        """Return the 32 bytes by which a value of a kind is found again."""
        return hmac.digest(self._lookup_key, kind.encode() + b"\0" + value.encode(), "sha256")
