"""Sealed files: a secret under a passphrase, with what may be known of it beside.

::

    FILE   = JSON {"format", ..., "kdf", "nonce", "sealed"}, mode 0600
    key    = Argon2id(passphrase in NFC and UTF-8, kdf.salt; RFC 9106)      32 bytes
    sealed = AES-256-GCM(key, nonce, secret, aad)
    aad    = canonical JSON of all of the file but "sealed"
"""

import base64
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.service.files import make_directory, write_whole

PASSPHRASE_CHARACTERS_MIN = 8

_FILE_BYTES_MAX = 16 * 1024
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


class KeyUnavailable(KeyStoreError):
    """The device that has the key does not answer, or not as it should."""


class PassphraseWrong(KeyStoreError):
    """The passphrase does not open the key, or the file was changed."""


class PassphraseUnfit(KeyStoreError):
    """There is no passphrase, or it is too short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KdfCost:
    """How hard it is to try a passphrase; by default RFC 9106's second choice, 64 MiB."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


DEFAULT_COST = KdfCost()


def check_passphrase(passphrase: str) -> None:
    """Check that a passphrase is long enough.

    Raises:
        PassphraseUnfit: Fewer than `PASSPHRASE_CHARACTERS_MIN` characters.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise PassphraseUnfit(
            detail=f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters."
        )


def write_sealed(
    path: Path,
    known: Mapping[str, Any],
    secret: bytes,
    passphrase: str,
    *,
    random: Callable[[int], bytes],
    cost: KdfCost = DEFAULT_COST,
) -> None:
    """Seal a secret and put it on disk, in a directory for its owner alone.

    Args:
        path: Where to.
        known: What stands beside it in clear and cannot be changed unnoticed; its "format" tells
            kinds of files apart.
        secret: What is sealed.
        passphrase: Opens it.
        random: Returns that many random bytes.
        cost: Of trying a passphrase.

    Raises:
        KeyExists: There is a file; it is left as it is.
    """
    document: dict[str, Any] = {
        **known,
        "kdf": {
            "algorithm": "argon2id",
            "memory_kib": cost.memory_kib,
            "passes": cost.passes,
            "lanes": cost.lanes,
            "salt": _text(random(_SALT_LENGTH)),
        },
        "nonce": _text(random(_NONCE_LENGTH)),
    }
    key = _derive(passphrase, document["kdf"])
    sealed = AESGCM(key).encrypt(_bytes(document["nonce"]), secret, _aad(document))
    document["sealed"] = _text(sealed)
    make_directory(path.parent)
    try:
        write_whole(path, (json.dumps(document, indent=2) + "\n").encode())
    except FileExistsError:
        raise KeyExists(detail=f"There is a key at {path}; it is left as it is.") from None


def read_sealed(path: Path, form: str, passphrase: str) -> tuple[dict[str, Any], bytes]:
    """Open a sealed file; return what stands in clear, and the secret.

    Raises:
        KeyMissing: There is none.
        KeyDamaged: The file is not of this form.
        PassphraseWrong: Another passphrase, or a changed file.
    """
    document = _read(path, form)
    try:
        key = _derive(passphrase, document["kdf"])
        nonce, sealed = _bytes(document["nonce"]), _bytes(document["sealed"])
        return document, AESGCM(key).decrypt(nonce, sealed, _aad(document))
    except InvalidTag:
        raise PassphraseWrong(
            detail=f"The passphrase does not open {path}, or the file was changed."
        ) from None
    except (HashingError, KeyError, TypeError, ValueError) as error:
        raise damaged(path) from error


def damaged(path: Path) -> KeyDamaged:
    """Return the error for a file that is not what it should be."""
    return KeyDamaged(detail=f"{path} is not a key file, or it was changed.")


def _read(path: Path, form: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_FILE_BYTES_MAX))
    except FileNotFoundError:
        raise KeyMissing(detail=f"There is no key at {path}.") from None
    except ValueError as error:
        raise damaged(path) from error
    if type(document) is not dict or document.get("format") != form:
        raise damaged(path)
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


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
