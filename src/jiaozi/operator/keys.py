"""An operator's keys: three that sign, two that protect personal data.

==================  ===========================================================================
file                what it does
==================  ===========================================================================
certify.key         signs the orders that open wallets
vault.key           signs exchanges, and with two officers issue and destroy
transport.key       signs requests to the registry
wrapping.secret     wraps the data keys of personal data (customers/privacy.py)
lookup.secret       finds phones and documents by their digest
==================  ===========================================================================

The signing keys lie in encrypted files. The two secrets are plain files of 32 bytes for the owner
alone: what they guard is the database and its backups, which must never lie beside them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jiaozi.operator.customers.privacy import KEY_LENGTH
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.suites import Signer
from jiaozi.service.files import make_directory, write_whole
from jiaozi.service.keys import FileKeyStore, KeyDamaged, KeyMissing

KEY_NAMES: Mapping[Use, str] = {
    Use.OPERATOR_CERTIFY: "certify",
    Use.OPERATOR_VAULT: "vault",
    Use.OPERATOR_TRANSPORT: "transport",
}
"""The signing keys by the use that they are certified for."""

_WRAPPING, _LOOKUP = "wrapping", "lookup"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeys:
    """All keys of an operator, opened."""

    certify: Signer
    vault: Signer
    transport: Signer
    wrapping: bytes = field(repr=False)
    lookup: bytes = field(repr=False)


def create_keys(store: FileKeyStore, directory: Path) -> dict[Use, bytes]:
    """Make an operator's keys and return the public ones, to be certified.

    Raises:
        KeyExists: There are keys already; none was changed.
    """
    public = {use: store.create(name).public_key for use, name in KEY_NAMES.items()}
    make_directory(directory)
    for name in (_WRAPPING, _LOOKUP):
        write_whole(_secret_path(directory, name), secrets.token_bytes(KEY_LENGTH))
    return public


def load_keys(store: FileKeyStore, directory: Path) -> OperatorKeys:
    """Open an operator's keys.

    Raises:
        KeyStoreError: One is missing, damaged, or the passphrase does not open it.
    """
    certify, vault, transport = (store.signer(name) for name in KEY_NAMES.values())
    return OperatorKeys(
        certify=certify,
        vault=vault,
        transport=transport,
        wrapping=_read_secret(directory, _WRAPPING),
        lookup=_read_secret(directory, _LOOKUP),
    )


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
