"""Keys in a hardware security module: made there, used there, never seen outside.

::

    pkcs11:token=LABEL[;serial=SERIAL][;object=NAME]?module-path=/path/to/module.so

A store is named by such a URI (RFC 7512), a single key with ``object``. The token's user PIN is
its passphrase and comes as every passphrase does; a PIN in a URI, which other processes can read,
is refused. A key is an Ed25519 pair (`EC_EDWARDS`, mechanism `EDDSA`; PKCS #11 3.0, section 2.3)
whose label is its name, sensitive and not extractable.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    NoSuchKey,
    NoSuchToken,
    PinIncorrect,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.util.ec import encode_named_curve_parameters

from jiaozi.protocol.suites import ED25519_KEY_LENGTH, Signer, Suite
from jiaozi.service.keys import check_name
from jiaozi.service.sealed import (
    KeyDamaged,
    KeyExists,
    KeyMissing,
    KeyStoreError,
    KeyUnavailable,
    PassphraseWrong,
)

SCHEME = "pkcs11:"

_ED25519_OID = "1.3.101.112"
_PATH = frozenset(("token", "serial", "object"))
_QUERY = frozenset(("module-path",))
_Result = TypeVar("_Result")


class LocationInvalid(KeyStoreError):
    """A store or key is not named in a way that is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUri:
    """What a PKCS #11 URI says: the module, the token in it, and which key if it names one."""

    module_path: str
    token: str
    serial: str | None = None
    object: str | None = None


def read_uri(text: str) -> TokenUri:
    """Read a PKCS #11 URI.

    Raises:
        LocationInvalid: It is none, lacks module or token, or says what is not understood.
    """
    path, _, query = text.removeprefix(SCHEME).partition("?")
    if not text.startswith(SCHEME):
        raise LocationInvalid(detail=f"{text} is no PKCS #11 URI.")
    given = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
    for name in ("token", "module-path"):
        if not given.get(name):
            raise LocationInvalid(detail=f"A PKCS #11 URI needs {name}: {SCHEME}token=LABEL?"
                                  "module-path=/path/to/module.so.")  # fmt: skip
    return TokenUri(
        module_path=given["module-path"],
        token=given["token"],
        serial=given.get("serial"),
        object=given.get("object"),
    )


class Pkcs11KeyStore:
    """The Ed25519 keys of one token.

    A process logs in to a token once: a second store of the same token takes part in that.

    Raises:
        KeyUnavailable: The module cannot be loaded, or has no such token.
        PassphraseWrong: The PIN is wrong, or locked.
    """

    def __init__(self, uri: TokenUri, pin: str) -> None:
        self._token = _Token(uri, pin)

    def names(self) -> Sequence[str]:
        """Return the names of all keys, sorted."""
        return sorted(self._token.run(_labels))

    def create(self, name: str) -> Signer:
        """Make a new key in the token.

        Raises:
            KeyExists: There is one of this name.
            KeyUnavailable: The token does not make such keys.
        """
        check_name(name)
        if name in self.names():
            raise KeyExists(detail=f"The token has a key named {name}; it is left as it is.")
        self._token.run(lambda session: _generate(session, name))
        return self.signer(name)

    def signer(self, name: str) -> Signer:
        """Find a key.

        Raises:
            KeyMissing: There is none of this name.
            KeyDamaged: It is no Ed25519 key, or there are several.
            KeyUnavailable: The token does not answer.
        """
        check_name(name)
        return Pkcs11Signer(self._token, name, self._token.run(lambda it: _public_key(it, name)))


class Pkcs11Signer:
    """A key in a token.

    Signing raises `KeyUnavailable` when the token does not answer, also not in a new session.
    """

    suite = Suite.ED25519

    def __init__(self, token: "_Token", name: str, public_key: bytes) -> None:
        self.public_key = public_key
        self._token = token
        self._name = name
        self._found: tuple[pkcs11.Session, Any] | None = None

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._token.run(lambda session: self._sign(session, message))

    def _sign(self, session: pkcs11.Session, message: bytes) -> bytes:
        if self._found is None or self._found[0] is not session:
            key: Any = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._name)
            self._found = session, key
        return bytes(self._found[1].sign(message, mechanism=Mechanism.EDDSA))


class _Token:
    """A session with a token, for one thread at a time; opened again when it was lost."""

    def __init__(self, uri: TokenUri, pin: str) -> None:
        self._uri = uri
        self._pin = pin
        self._lock = threading.Lock()
        with self._told():
            self._session = self._open()

    def run(self, work: Callable[[pkcs11.Session], _Result]) -> _Result:
        """Do something in the session, and once more in a new one if the token fails."""
        with self._lock, self._told():
            try:
                return work(self._session)
            except NoSuchKey:
                raise
            except PKCS11Error:
                self._session = self._open()
                return work(self._session)

    def _open(self) -> pkcs11.Session:
        module = pkcs11.lib(self._uri.module_path)
        token = module.get_token(token_label=self._uri.token, token_serial=self._serial)
        try:
            return token.open(rw=True, user_pin=self._pin)
        except UserAlreadyLoggedIn:
            return token.open(rw=True)

    @property
    def _serial(self) -> bytes | None:
        return None if self._uri.serial is None else self._uri.serial.encode()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell failures of the module in our own terms."""
        name = f"the token {self._uri.token}"
        try:
            yield
        except (PinIncorrect, PinLenRange):
            raise PassphraseWrong(detail=f"The PIN does not open {name}.") from None
        except PinLocked:
            raise PassphraseWrong(detail=f"The PIN of {name} is locked.") from None
        except NoSuchToken:
            raise KeyUnavailable(detail=f"The module has no token {self._uri.token}.") from None
        except NoSuchKey:
            raise KeyMissing(detail=f"There is no such key in {name}.") from None
        except (PKCS11Error, RuntimeError) as error:
            what = f"{type(error).__name__} {error}".rstrip(" .")
            raise KeyUnavailable(detail=f"The module does not serve {name}: {what}.") from error


def _labels(session: pkcs11.Session) -> list[str]:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: KeyType.EC_EDWARDS}
    return [str(each[Attribute.LABEL]) for each in session.get_objects(wanted)]


def _generate(session: pkcs11.Session, name: str) -> None:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_ED25519_OID)}
    parameters = session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
    parameters.generate_keypair(
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        store=True,
        label=name,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )


def _public_key(session: pkcs11.Session, name: str) -> bytes:
    """Return the point of a public key: the last 32 bytes of its encoding."""
    if _labels(session).count(name) != 1:
        raise NoSuchKey
    key: Any = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=name)
    if key.key_type is not KeyType.EC_EDWARDS:
        raise KeyDamaged(detail=f"{name} is no Ed25519 key.")
    point = bytes(key[Attribute.EC_POINT])[-ED25519_KEY_LENGTH:]
    if len(point) != ED25519_KEY_LENGTH:
        raise KeyDamaged(detail=f"{name} is no Ed25519 key.")
    return point


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for each in filter(None, text.split(separator)):
        name, _, value = each.partition("=")
        if name in ("pin-value", "pin-source"):
            raise LocationInvalid(detail="A PIN does not belong in a URI: give it as a passphrase.")
        if name not in known or name in given:
            raise LocationInvalid(detail=f"A PKCS #11 URI has no use for {name!r} here.")
        given[name] = unquote(value)
    return given
