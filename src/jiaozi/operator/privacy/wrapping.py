"""The key-encryption keys of personal data, by number, and which of them wraps what is new.

::

    wrapped = number (2, big-endian) || nonce (12) || AES-256-GCM(key, data key, aad = record)

A record names its key, so keys change while the service runs: the highest number in the table
`wrapping_key` wraps what is new, older ones open what is there. Every process looks at the table
every few seconds. A key that some record names cannot leave the table
(migrations/0007_privacy.sql).
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.service.keys import KeyDamaged
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

FIRST = 1
"""The number of the key that an operator begins with."""

_NUMBER_LENGTH = 2
_NONCE_LENGTH = 12
_CHECKED = b"jiaozi wrapping key"


@dataclass(frozen=True, slots=True)
class _Statements:
    wrapping_keys: str
    note_check_value: str
    add_wrapping_key: str
    drop_wrapping_key: str


_SQL = load_statements(_Statements, resources.files(__package__) / "wrapping.sql")


@dataclass(kw_only=True, eq=False)
class WrappingKeyNeeded(Exception):
    """A wrapping key cannot be dropped; nothing was changed."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class WrappingKeys:
    """Wraps and unwraps data keys.

    Args:
        find: Returns the 32 bytes of the key with a number; raises `KeyStoreError`.
    """

    def __init__(self, find: Callable[[int], bytes]) -> None:
        self._find = find
        self._ciphers: dict[int, AESGCM] = {}
        self._current = FIRST

    @property
    def current(self) -> int:
        """The number of the key that wraps what is new."""
        return self._current

    def wrap(self, record: str, data_key: bytes) -> bytes:
        """Wrap the data key of a record under the current key."""
        number = self._current
        sealed = encrypt(self._cipher(number), data_key, record.encode())
        return number.to_bytes(_NUMBER_LENGTH, "big") + sealed

    def unwrap(self, record: str, wrapped: bytes) -> bytes:
        """Return the data key of a record.

        Raises:
            KeyStoreError: The key that it names is not at hand.
            cryptography.exceptions.InvalidTag: Another key, another record, or changed bytes.
        """
        number = int.from_bytes(wrapped[:_NUMBER_LENGTH], "big")
        return decrypt(self._cipher(number), wrapped[_NUMBER_LENGTH:], record.encode())

    def rewrap(self, record: str, wrapped: bytes) -> bytes:
        """Wrap the data key of a record anew, under the current key; its content is not touched.

        Raises:
            KeyStoreError, cryptography.exceptions.InvalidTag: As `unwrap`.
        """
        return self.wrap(record, self.unwrap(record, wrapped))

    async def refresh(self, connection: Connection) -> None:
        """Take up the keys that the database names.

        Raises:
            KeyStoreError: One of them is missing or another one; the current one stays.
        """
        rows = await connection.fetch(_SQL.wrapping_keys)
        for row in rows:
            await self._check(connection, row["number"], row["check_value"])
        self._current = rows[-1]["number"]

    async def add_next(self, connection: Connection, now_ms: int) -> None:
        """Let the key after the current one, whose file is there, wrap what is new from now on.

        Raises:
            KeyStoreError: The file is missing or damaged; nothing was changed.
        """
        number = self._current + 1
        check_value = self.check_value(number)
        await connection.execute(_SQL.add_wrapping_key, number, check_value, now_ms)
        await self.refresh(connection)

    def check_value(self, number: int) -> bytes:
        """Return 32 bytes that tell a key from others and nothing about it."""
        return hmac.digest(self._find(number), _CHECKED, "sha256")

    async def _check(self, connection: Connection, number: int, expected: bytes | None) -> None:
        found = self.check_value(number)
        if expected is None:
            await connection.execute(_SQL.note_check_value, number, found)
        elif not hmac.compare_digest(found, expected):
            raise KeyDamaged(
                detail=f"Wrapping key {number} is not the one that the database was sealed under."
            )

    def _cipher(self, number: int) -> AESGCM:
        cipher = self._ciphers.get(number)
        if cipher is None:
            cipher = self._ciphers[number] = AESGCM(self._find(number))
        return cipher


def encrypt(cipher: AESGCM, data: bytes, aad: bytes) -> bytes:
    """Return nonce and sealed data."""
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return nonce + cipher.encrypt(nonce, data, aad)


def decrypt(cipher: AESGCM, data: bytes, aad: bytes) -> bytes:
    """Open what `encrypt` made.

    Raises:
        cryptography.exceptions.InvalidTag: It is not that.
    """
    return cipher.decrypt(data[:_NONCE_LENGTH], data[_NONCE_LENGTH:], aad)


async def drop_wrapping_key(connection: Connection, number: int) -> None:
    """Let go of an older key; after this its file opens nothing and can be removed.

    Raises:
        WrappingKeyNeeded: It is the current one or unknown, or records name it.
    """
    try:
        dropped = await connection.fetchval(_SQL.drop_wrapping_key, number)
    except asyncpg.ForeignKeyViolationError:
        raise WrappingKeyNeeded(
            reason=f"Records are still wrapped under key {number}. Rotate first."
        ) from None
    if dropped is None:
        raise WrappingKeyNeeded(reason=f"Key {number} is no older key of this database.")
