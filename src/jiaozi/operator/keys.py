"""An operator's keys: three that sign, and the secrets that guard what its database holds.

==================  ===========================================================================
file                what it does
==================  ===========================================================================
certify.key         signs the orders that open wallets
vault.key           signs exchanges, and with two officers issue and destroy
transport.key       signs requests to the registry
wrapping.secret     wraps the data keys of personal data (privacy/wrapping.py); those that take its
                    place are wrapping-2.secret, wrapping-3.secret, …
lookup.secret       finds phones and documents by their digest
pepper.secret       keeps PINs from being guessed by who has the database (second_factor/)
==================  ===========================================================================

The signing keys lie in encrypted files or in a hardware module; their successors are certify-2 and
so on (rotate_keys.py). The secrets are plain files of 32 bytes for the owner
alone: what they guard is the database and its backups, which must never lie beside them.
"""

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jiaozi.operator.customers.privacy import KEY_LENGTH
from jiaozi.operator.privacy.wrapping import FIRST
from jiaozi.operator.rotate_keys import RotatingKey
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.suites import Signer
from jiaozi.service.files import make_directory, write_whole
from jiaozi.service.keys import KeyDamaged, KeyMissing, KeyStore

KEY_NAMES: Mapping[Use, str] = {
    Use.OPERATOR_CERTIFY: "certify",
    Use.OPERATOR_VAULT: "vault",
    Use.OPERATOR_TRANSPORT: "transport",
}
"""The signing keys by the use that they are certified for."""

_WRAPPING, _LOOKUP, _PEPPER = "wrapping", "lookup", "pepper"


class WrappingFiles:
    """The key-encryption keys of personal data in a directory, by number."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, number: int) -> bytes:
        """Return the key with a number.

        Raises:
            KeyStoreError: There is none, or it is damaged.
        """
        return _read_secret(self._directory, _wrapping_name(number))

    def check(self) -> None:
        """Read all that there are.

        Raises:
            KeyStoreError: There is none, or one is damaged.
        """
        names = [each.stem for each in self._directory.glob(f"{_WRAPPING}*.secret")]
        for name in names or [_wrapping_name(FIRST)]:
            _read_secret(self._directory, name)

    def create(self, number: int) -> None:
        """Make the key with a number, unless there is one."""
        with contextlib.suppress(FileExistsError):
            path = _secret_path(self._directory, _wrapping_name(number))
            write_whole(path, secrets.token_bytes(KEY_LENGTH))

    def remove(self, number: int) -> None:
        """Remove the key with a number: what it wraps is lost for ever."""
        _secret_path(self._directory, _wrapping_name(number)).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeys:
    """All keys of an operator, opened."""

    certify: Signer
    vault: Signer
    transport: Signer
    wrapping: Callable[[int], bytes] = field(repr=False)
    lookup: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    rotating: tuple[RotatingKey, ...] = ()
    """Those of the signing keys that change while the operator serves."""


def create_keys(store: KeyStore, directory: Path) -> dict[Use, bytes]:
    """Make an operator's keys and return the public ones, to be certified.

    Raises:
        KeyExists: There are keys already; none was changed.
    """
    public = {use: store.create(name).public_key for use, name in KEY_NAMES.items()}
    make_directory(directory)
    for name in (_wrapping_name(FIRST), _LOOKUP, _PEPPER):
        write_whole(_secret_path(directory, name), secrets.token_bytes(KEY_LENGTH))
    return public


def load_keys(store: KeyStore, directory: Path) -> OperatorKeys:
    """Open an operator's keys: those that sign in a store, the others in a directory.

    Raises:
        KeyStoreError: One is missing, damaged, or the passphrase does not open it.
    """
    rotating = tuple(RotatingKey(store, use, name) for use, name in KEY_NAMES.items())
    certify, vault, transport = rotating
    wrapping = WrappingFiles(directory)
    wrapping.check()
    return OperatorKeys(
        certify=certify,
        vault=vault,
        transport=transport,
        wrapping=wrapping,
        lookup=load_lookup(directory),
        pepper=_read_secret(directory, _PEPPER),
        rotating=rotating,
    )


def load_lookup(directory: Path) -> bytes:
    """Return the key of digests.

    Raises:
        KeyStoreError: It is missing or damaged.
    """
    return _read_secret(directory, _LOOKUP)


def _wrapping_name(number: int) -> str:
    return _WRAPPING if number == FIRST else f"{_WRAPPING}-{number}"


def _read_secret(directory: Path, name: str) -> bytes:
    path = _secret_path(directory, name)
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        raise KeyMissing(detail=f"There is no secret at {path}.") from None
    if len(secret) != KEY_LENGTH:
        raise KeyDamaged(detail=f"{path} does not hold a secret of {KEY_LENGTH} bytes.")
    return secret


def _secret_path(directory: Path, name: str) -> Path:
    return directory / f"{name}.secret"
