"""Where keys are, as it is written in settings and on command lines.

::

    store = DIRECTORY              of sealed files
          | pkcs11:token=...       a token of a hardware security module (`keys_pkcs11`)
    key   = DIRECTORY/NAME.key
          | pkcs11:token=...;object=NAME?...
"""

from collections.abc import Callable
from pathlib import Path

from jiaozi.protocol.suites import Signer
from jiaozi.service.keys import FileKeyStore, KeyStore
from jiaozi.service.keys_pkcs11 import SCHEME, LocationInvalid, Pkcs11KeyStore, read_uri

KEY_STORE_VARIABLE = "JIAOZI_KEY_STORE"


def open_store(location: str, passphrase: Callable[[], str]) -> KeyStore:
    """Open a store of keys.

    Args:
        location: A directory or a PKCS #11 URI.
        passphrase: Asked for what opens it: a file's passphrase or a token's PIN.

    Raises:
        LocationInvalid: It is neither.
        KeyStoreError: It cannot be opened.
    """
    if not location.startswith(SCHEME):
        return FileKeyStore(Path(location), passphrase())
    uri = read_uri(location)
    if uri.object is not None:
        raise LocationInvalid(detail="A store of keys is a whole token: leave out object.")
    return Pkcs11KeyStore(uri, passphrase())


def open_key(location: str, passphrase: Callable[[], str]) -> Signer:
    """Open one key.

    Args:
        location: A key file, or a PKCS #11 URI that names an object.
        passphrase: As for `open_store`.

    Raises:
        LocationInvalid: It is neither.
        KeyStoreError: There is no such key, or it cannot be opened.
    """
    if not location.startswith(SCHEME):
        path = Path(location)
        return FileKeyStore(path.parent, passphrase()).signer(path.stem)
    uri = read_uri(location)
    if uri.object is None:
        raise LocationInvalid(detail="Name the key in the token: pkcs11:token=...;object=NAME?...")
    return Pkcs11KeyStore(uri, passphrase()).signer(uri.object)
