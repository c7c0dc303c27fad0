"""Private keys of institutions and officers, by name: in sealed files, or in a hardware module.

::

    NAME.key = sealed file (`jiaozi.service.sealed`): {"format": "jiaozi-key/1", "name", "suite",
               "public_key"}; its secret is the seed, 32 bytes

What signs is asked for by name of a `KeyStore`; whether the key is in such a file or never leaves
a hardware module (`jiaozi.service.keys_pkcs11`) is the store's alone. What a key may be used for
is decided by its certificate. A key is followed by NAME-2, NAME-3, ... (`generations`).
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.sealed import (
    DEFAULT_COST,
    KdfCost,
    KeyDamaged,
    KeyExists,
    KeyMissing,
    KeyStoreError,
    KeyUnavailable,
    PassphraseUnfit,
    PassphraseWrong,
    check_passphrase,
    damaged,
    read_sealed,
    write_sealed,
)

__all__ = [
    "FileKeyStore",
    "KdfCost",
    "KeyDamaged",
    "KeyExists",
    "KeyMissing",
    "KeyStore",
    "KeyStoreError",
    "KeyUnavailable",
    "PassphraseUnfit",
    "PassphraseWrong",
    "check_name",
    "generations",
    "next_generation",
    "passphrase_from",
]

PASSPHRASE_VARIABLE = "JIAOZI_PASSPHRASE"  # noqa: S105 - a name, not a passphrase

_FORMAT = "jiaozi-key/1"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SEED_LENGTH = 32


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


class FileKeyStore:
    """Ed25519 keys in the files of one directory, under one passphrase.

    Raises:
        PassphraseUnfit: The passphrase is too short.
    """

    def __init__(
        self,
        directory: Path,
        passphrase: str,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
        cost: KdfCost = DEFAULT_COST,
    ) -> None:
        check_passphrase(passphrase)
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
        known: dict[str, Any] = {
            "format": _FORMAT,
            "name": name,
            "suite": int(signer.suite),
            "public_key": signer.public_key.hex(),
        }
        path = self._path(name)
        write_sealed(path, known, seed, self._passphrase, random=self._random, cost=self._cost)
        return signer

    def signer(self, name: str) -> Signer:
        """Open a key.

        Raises:
            KeyMissing: There is none of this name.
            KeyDamaged: The file is not such a key.
            PassphraseWrong: Another passphrase, or a changed file.
        """
        path = self._path(name)
        document, seed = read_sealed(path, _FORMAT, self._passphrase)
        if len(seed) != _SEED_LENGTH:
            raise damaged(path)
        signer = Ed25519Signer(seed)
        if document.get("name") != name or document.get("public_key") != signer.public_key.hex():
            raise damaged(path)
        return signer

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._directory / f"{name}.key"


def check_name(name: str) -> None:
    """Check that a key may be named so.

    Raises:
        KeyMissing: No key is named so.
    """
    if _NAME.fullmatch(name) is None:
        raise KeyMissing(detail=f"A key is named by letters, digits and hyphens, not {name!r}.")


def generations(store: KeyStore, name: str) -> list[str]:
    """Return the names of a key and its successors in a store, the newest first."""
    form = re.compile(rf"{re.escape(name)}(?:-([1-9][0-9]{{0,8}}))?")
    found = [match for each in store.names() if (match := form.fullmatch(each))]
    return [each[0] for each in sorted(found, key=lambda it: int(it[1] or 1), reverse=True)]


def next_generation(store: KeyStore, name: str) -> str:
    """Return the name for the successor of a key: NAME where there is none, else NAME-2, ..."""
    newest = next(iter(generations(store, name)), None)
    if newest is None:
        return name
    return f"{name}-{int(newest[len(name) + 1 :] or 1) + 1}"


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
