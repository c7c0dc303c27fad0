"""Private keys of institutions and officers, by name, in encrypted files.

::

    NAME.key = JSON {"format": "jiaozi-key/1", "name", "suite", "public_key", "kdf", "nonce",
                     "sealed"}, mode 0600
    key      = Argon2id(passphrase in NFC and UTF-8, kdf.salt; RFC 9106)      32 bytes
    sealed   = AES-256-GCM(key, nonce, the 32 bytes of the seed, aad)
    aad      = canonical JSON of all of the file but "sealed"

What signs is asked for by name of a `KeyStore`; whether the key is in such a file or never leaves
a hardware module is the store's alone. What a key may be used for is decided by its certificate.
"""

import base64
import json
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.files import make_directory, write_whole

PASSPHRASE_VARIABLE = "JIAOZI_PASSPHRASE"  # noqa: S105 - a name, not a passphrase
PASSPHRASE_CHARACTERS_MIN = 8

_FORMAT = "jiaozi-key/1"
_FILE_BYTES_MAX = 16 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SEED_LENGTH = 32
_SALT_LENGTH = 16
_NONCE_LENGTH = 12
_COSTS_MAX = {"memory_kib": 4 * 2**20, "passes": 64, "lanes": 64}


@dataclass(kw_only=True, eq=False)
class KeyStoreError(Exception):
    """A key cannot be had or made; `detail` says why and what to do."""

    detail: str

    def __str__(self) -> str:
        return self.detail


class KeyMissing(KeyStoreError):
    """The store has no key of this name."""


class KeyExists(KeyStoreError):
    """The store has a key of this name; it is never overwritten."""


class KeyDamaged(KeyStoreError):
    """What is stored under this name is not a key, or was changed."""


class PassphraseWrong(KeyStoreError):
    """The passphrase does not open the key, or the file was changed."""


class PassphraseUnfit(KeyStoreError):
    """There is no passphrase, or it is too short."""


class KeyStore(Protocol):
    """Private keys by name; names are lower-case letters, digits and hyphens."""

    def names(self) -> Sequence[str]:
        """Return the names of all keys, sorted."""

    def create(self, name: str) -> Signer:
        """Make a new key.

        Raises:
            KeyExists: There is one of this name.
        """

    def signer(self, name: str) -> Signer:
        """Return what signs with a key.

        Raises:
            KeyMissing: There is none of this name.
            KeyDamaged: It cannot be read.
            PassphraseWrong: It cannot be opened.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class KdfCost:
    """How hard it is to try a passphrase; by default RFC 9106's second choice, 64 MiB."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


DEFAULT_COST = KdfCost()


class FileKeyStore:
    """Ed25519 keys in the files of one directory, under one passphrase.

    Raises:
        PassphraseUnfit: Fewer than `PASSPHRASE_CHARACTERS_MIN` characters.
    """

    def __init__(
        self,
        directory: Path,
        passphrase: str,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
        cost: KdfCost = DEFAULT_COST,
    ) -> None:
        if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
            raise PassphraseUnfit(
                detail=f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters."
            )
        self._directory = directory
        self._passphrase = passphrase
        self._random = random
        self._cost = cost

    def names(self) -> Sequence[str]:
        """Return the names of all keys, sorted."""
        return sorted(each.stem for each in self._directory.glob("*.key"))

    def create(self, name: str) -> Signer:
        """Make a new key and put it on disk.

        Raises:
            KeyExists: There is one of this name.
        """
        seed = self._random(_SEED_LENGTH)
        signer = Ed25519Signer(seed)
        document: dict[str, Any] = {
            "format": _FORMAT,
            "name": name,
            "suite": int(signer.suite),
            "public_key": signer.public_key.hex(),
            "kdf": {
                "algorithm": "argon2id",
                "memory_kib": self._cost.memory_kib,
                "passes": self._cost.passes,
                "lanes": self._cost.lanes,
                "salt": _text(self._random(_SALT_LENGTH)),
            },
            "nonce": _text(self._random(_NONCE_LENGTH)),
        }
        key = _derive(self._passphrase, document["kdf"])
        sealed = AESGCM(key).encrypt(_bytes(document["nonce"]), seed, _aad(document))
        document["sealed"] = _text(sealed)
        path = self._path(name)
        make_directory(self._directory)
        try:
            write_whole(path, (json.dumps(document, indent=2) + "\n").encode())
        except FileExistsError:
            raise KeyExists(detail=f"There is a key at {path}; it is left as it is.") from None
        return signer

    def signer(self, name: str) -> Signer:
        """Open a key.

        Raises:
            KeyMissing: There is none of this name.
            KeyDamaged: The file is not such a key.
            PassphraseWrong: Another passphrase, or a changed file.
        """
        path = self._path(name)
        document = _read(path)
        try:
            key = _derive(self._passphrase, document["kdf"])
            nonce, sealed = _bytes(document["nonce"]), _bytes(document["sealed"])
            signer = Ed25519Signer(AESGCM(key).decrypt(nonce, sealed, _aad(document)))
        except InvalidTag:
            raise PassphraseWrong(
                detail=f"The passphrase does not open {path}, or the file was changed."
            ) from None
        except (HashingError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path) from error
        if document["name"] != name or document["public_key"] != signer.public_key.hex():
            raise _damaged(path)
        return signer

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise KeyMissing(detail=f"A key is named by letters, digits and hyphens, not {name!r}.")
        return self._directory / f"{name}.key"


def passphrase_from(*, given: str | None, file: Path | None, environment: Mapping[str, str]) -> str:
    """Return the passphrase that was given, or the first line of a file, or the environment's.

    Raises:
        PassphraseUnfit: There is none anywhere.
    """
    if given is not None:
        return given
    if file is not None:
        return file.read_text("utf-8").partition("\n")[0]
    if PASSPHRASE_VARIABLE in environment:
        return environment[PASSPHRASE_VARIABLE]
    raise PassphraseUnfit(
        detail=f"A passphrase is needed: name a file that holds it, or set {PASSPHRASE_VARIABLE}."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_FILE_BYTES_MAX))
    except FileNotFoundError:
        raise KeyMissing(detail=f"There is no key at {path}.") from None
    except ValueError as error:
        raise _damaged(path) from error
    if type(document) is not dict or document.get("format") != _FORMAT:
        raise _damaged(path)
    return document


def _derive(passphrase: str, kdf: Mapping[str, Any]) -> bytes:
    """Stretch a passphrase; the costs stand in the file, so they are bounded here.

    Raises:
        ValueError: Costs out of bounds.
    """
    costs = {name: kdf[name] for name in _COSTS_MAX}
    if any(
        type(costs[name]) is not int or not 1 <= costs[name] <= _COSTS_MAX[name] for name in costs
    ):
        raise ValueError("costs out of bounds")
    return hash_secret_raw(
        unicodedata.normalize("NFC", passphrase).encode(),
        _bytes(kdf["salt"]),
        time_cost=costs["passes"],
        memory_cost=costs["memory_kib"],
        parallelism=costs["lanes"],
        hash_len=32,
        type=Type.ID,
    )


def _aad(document: Mapping[str, Any]) -> bytes:
    rest = {name: value for name, value in document.items() if name != "sealed"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def _damaged(path: Path) -> KeyDamaged:
    return KeyDamaged(detail=f"{path} is not a key file, or it was changed.")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
