"""The keystore: one file that holds a wallet's key, sealed by a passphrase.

::

    file   = JSON {"format": "jiaozi-wallet/1", "public": {...}, "kdf": {...}, "nonce", "sealed"}
    key    = Argon2id(passphrase in NFC and UTF-8, kdf.salt; RFC 9106)            32 bytes
    sealed = AES-256-GCM(key, nonce, CBOR [seed, opening or null], aad)
    aad    = canonical JSON of all of the file but "sealed"

The public part (wallet number, operator, network, pinned keys) can be read without the passphrase,
and is proven unchanged once the file is unlocked. ``opening`` is the request that opens the wallet,
kept until the operator has answered it, so that a lost answer never strands a key. Each writing
takes a new salt and nonce. The file is for its owner alone (0600), replaced as a whole and synced
to disk, and never overwritten by a new wallet.
"""

import base64
import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.protocol import cbor
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.wallet.errors import (
    KeystoreDamaged,
    KeystoreExists,
    KeystoreMissing,
    PassphraseUnfit,
    PassphraseWrong,
)

PASSPHRASE_CHARACTERS_MIN = 8
KEYSTORE_BYTES_MAX = 64 * 1024

_FORMAT = "jiaozi-wallet/1"
_SALT_LENGTH = 16
NONCE_LENGTH = 12
_MEMORY_KIB_MAX = 4 * 2**20
_PASSES_MAX = 64
_LANES_MAX = 64


@dataclass(frozen=True, slots=True)
class KdfCost:
    """How hard it is to try a passphrase; by default RFC 9106's choice for 64 MiB."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


DEFAULT_COST = KdfCost()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPublic:
    """What may be known without the passphrase.

    Attributes:
        number: None until the operator has opened the wallet.
        root_key: Pinned from genesis, like the block key and the network.
        carrier: Code of the operator that carries the wallet since its own failed.
    """

    number: AccountNumber | None
    operator_url: str
    network: NetworkId
    root_key: bytes
    block_key: bytes
    public_key: bytes
    carrier: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystore:
    """An unlocked keystore.

    Attributes:
        seed: The private key.
        opening: The body of the request that opens the wallet, until it is answered.
    """

    public: WalletPublic
    seed: bytes = field(repr=False)
    opening: bytes | None = field(default=None, repr=False)

    @property
    def signer(self) -> Ed25519Signer:
        """The wallet's key."""
        return Ed25519Signer(self.seed)


def write_keystore(
    path: Path,
    keystore: Keystore,
    passphrase: str,
    *,
    random: Callable[[int], bytes],
    replace: bool = False,
    cost: KdfCost = DEFAULT_COST,
) -> None:
    """Seal a keystore and put it on disk, whole or not at all.

    Raises:
        PassphraseUnfit: Fewer than `PASSPHRASE_CHARACTERS_MIN` characters.
        KeystoreExists: There is one already and ``replace`` is false.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise PassphraseUnfit(
            detail=f"A passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters"
        )
    document: dict[str, Any] = {
        "format": _FORMAT,
        "public": _public_fields(keystore.public),
        "kdf": new_kdf(cost, random),
        "nonce": _text(random(NONCE_LENGTH)),
    }
    secret = cbor.encode([keystore.seed, keystore.opening])
    key = derive(passphrase, document["kdf"])
    sealed = AESGCM(key).encrypt(_bytes(document["nonce"]), secret, _aad(document))
    document["sealed"] = _text(sealed)
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode(), replace=replace)


def read_keystore(path: Path, passphrase: str) -> Keystore:
    """Unlock a keystore.

    Raises:
        KeystoreMissing: There is none.
        KeystoreDamaged: The file is not a keystore.
        PassphraseWrong: Another passphrase, or a changed file.
    """
    document = _read_document(path)
    public = _public(path, document)
    try:
        key = derive(passphrase, document["kdf"])
        nonce, sealed = _bytes(document["nonce"]), _bytes(document["sealed"])
        secret = AESGCM(key).decrypt(nonce, sealed, _aad(document))
    except InvalidTag:
        raise PassphraseWrong(detail=f"The passphrase does not open {path}") from None
    except (HashingError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    parts = cbor.decode(secret, size_max=KEYSTORE_BYTES_MAX)
    assert isinstance(parts, list)
    return Keystore(public=public, seed=parts[0], opening=parts[1])


def read_public(path: Path) -> WalletPublic:
    """Read the public part; it is proven unchanged by `read_keystore` only.

    Raises:
        KeystoreMissing: There is none.
        KeystoreDamaged: The file is not a keystore.
    """
    return _public(path, _read_document(path))


def _read_document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(KEYSTORE_BYTES_MAX))
    except FileNotFoundError:
        raise KeystoreMissing(detail=f"There is no keystore at {path}") from None
    except ValueError as error:
        raise _damaged(path) from error
    if type(document) is not dict or document.get("format") != _FORMAT:
        raise _damaged(path)
    return document


def _public_fields(public: WalletPublic) -> dict[str, str | None]:
    return {
        "number": None if public.number is None else format_number(public.number),
        "operator_url": public.operator_url,
        "network_id": public.network.hex(),
        "root_key": public.root_key.hex(),
        "block_key": public.block_key.hex(),
        "public_key": public.public_key.hex(),
        **({} if public.carrier is None else {"carrier": f"{public.carrier:04d}"}),
    }


def _public(path: Path, document: dict[str, Any]) -> WalletPublic:
    try:
        fields = document["public"]
        number = fields["number"]
        return WalletPublic(
            number=None if number is None else parse_number(number),
            operator_url=str(fields["operator_url"]),
            network=NetworkId(bytes.fromhex(fields["network_id"])),
            root_key=bytes.fromhex(fields["root_key"]),
            block_key=bytes.fromhex(fields["block_key"]),
            public_key=bytes.fromhex(fields["public_key"]),
            carrier=int(fields["carrier"]) if "carrier" in fields else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error


def new_kdf(cost: KdfCost, random: Callable[[int], bytes]) -> dict[str, Any]:
    """Return how a key is to be derived, with a fresh salt."""
    return {
        "algorithm": "argon2id",
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": _text(random(_SALT_LENGTH)),
    }


def derive(passphrase: str, kdf: dict[str, Any]) -> bytes:
    """Stretch a passphrase; the costs stand in the file, so they are bounded here.

    Raises:
        ValueError: Costs out of bounds.
    """
    memory_kib, passes, lanes = kdf["memory_kib"], kdf["passes"], kdf["lanes"]
    bounds = ((memory_kib, _MEMORY_KIB_MAX), (passes, _PASSES_MAX), (lanes, _LANES_MAX))
    if any(type(value) is not int or not 1 <= value <= most for value, most in bounds):
        raise ValueError("costs out of bounds")
    if memory_kib < 8 * lanes:
        raise ValueError("costs out of bounds")
    return hash_secret_raw(
        unicodedata.normalize("NFC", passphrase).encode(),
        _bytes(kdf["salt"]),
        time_cost=passes,
        memory_cost=memory_kib,
        parallelism=lanes,
        hash_len=32,
        type=Type.ID,
    )


def _aad(document: dict[str, Any]) -> bytes:
    rest = {name: value for name, value in document.items() if name != "sealed"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def write_whole(path: Path, data: bytes, *, replace: bool) -> None:
    """Write beside, sync, move into place, sync the directory."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            beside.replace(path)
        else:
            path.hardlink_to(beside)
    except FileExistsError:
        raise KeystoreExists(detail=f"There is a keystore at {path} already") from None
    finally:
        beside.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _damaged(path: Path) -> KeystoreDamaged:
    return KeystoreDamaged(detail=f"{path} is not a keystore, or it was changed")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
