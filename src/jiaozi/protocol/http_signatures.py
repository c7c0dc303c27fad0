"""HTTP message signatures (RFC 9421) in the one profile that all parties take.

::

    POST /v1/orders HTTP/1.1
    Jiaozi-Network: <network id, 64 hexadecimal digits>
    Content-Digest: sha-256=:<digest of the body>:
    Signature-Input: jiaozi=("@method" "@path" "@query" "jiaozi-network" "content-digest");
        created=1790000000;keyid="<key id>";alg="ed25519";nonce="<nonce>";tag="jiaozi/request/1"
    Signature: jiaozi=:<64 bytes>:

The tag keeps a request apart from whatever else a key signs, the network from other networks. The
body is covered by its digest (RFC 9530), recomputed over the bytes that came. Scheme and authority
are not covered: a reverse proxy may change both. More components may be covered, none of these
may lack, and signatures under other tags are left alone.

Whether a nonce was seen before, and what the key may do, is decided by whoever verifies. Only the
parsing of fields and the signature base are the library's; time comes in as an argument.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_sf.compat import Dictionary, InnerList

from jiaozi.protocol import suites
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer, Suite

NETWORK_HEADER = "Jiaozi-Network"
REQUEST_HEADER = "Jiaozi-Request"
"""Random, and repeated in the answer: what a network delivers twice answers no other request."""
AGE_MAX_S = 300
"""A request is taken for this long after it was signed; its nonce is remembered as long."""
AHEAD_MAX_S = 300
"""How far a caller's clock may be ahead."""
NONCE_LENGTH_MAX = 64
KEY_ID_LENGTH_MAX = 128
FIELD_LENGTH_MAX = 2048
"""Longest value of each signature field: what is parsed before anything is checked."""

_LABEL = "jiaozi"
_TAG = "jiaozi/request/1"
_COVERED = ("@method", "@path", "@query", "jiaozi-network", "content-digest")
_ORIGIN = "http://jiaozi"
_HeaderLines = list[tuple[str, str]]


class VerifiedRequest(NamedTuple):
    """Who signed a request and when; `nonce` is single-use until `AGE_MAX_S` after that."""

    key_id: str
    key: bytes
    nonce: str
    created_s: int


def sign_request(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    signer: Signer,
    key_id: str,
    created_s: int,
    nonce: str,
) -> dict[str, str]:
    """Return the headers to add to a request.

    Args:
        method: In upper case.
        url: Absolute, or path and query, encoded as it will be sent.
        headers: What the request bears already; `NETWORK_HEADER` must be among them.
        body: The bytes that will be sent; empty for a request without body.
        signer: An Ed25519 key.
        key_id: By which the verifier finds the key.
        created_s: Unix time in seconds.
        nonce: Fresh for each request, at most `NONCE_LENGTH_MAX` characters.

    Raises:
        ValueError: An argument that no verifier would take.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    if signer.suite is not Suite.ED25519 or not 0 < len(nonce) <= NONCE_LENGTH_MAX:
        raise ValueError("a request is signed with Ed25519 and a nonce of 1 to 64 characters")
    added: dict[str, str] = {NETWORK_HEADER: fields.get("jiaozi-network", "")}
    try:
        HTTPMessageSigner(signature_algorithm=_Ed25519, key_resolver=_SigningKey(signer)).sign(
            _Request(method, _absolute(url), added),
            key_id=key_id,
            created=datetime.fromtimestamp(created_s, tz=UTC),
            nonce=nonce,
            label=_LABEL,
            tag=_TAG,
            covered_component_ids=_COVERED,
            body=body,
        )
    except HTTPMessageSignaturesException as error:
        raise ValueError(str(error)) from error
    del added[NETWORK_HEADER]
    return added


def verify_request(
    *,
    method: str,
    url: str,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    key_of: Callable[[str], bytes | None],
    now_s: int,
    network: NetworkId,
) -> VerifiedRequest:
    """Check that a request was signed by a known key, lately, for this network and this body.

    Args:
        method: As it came.
        url: Absolute, or path and query, undecoded as it came.
        headers: All field lines as they came, repeated ones too.
        body: The bytes that came.
        key_of: Finds the public key for a key id, or None.
        now_s: Unix time in seconds.
        network: This network.

    Raises:
        Refusal: ``request_unsigned``, ``other_network``, ``request_signature_invalid`` or
            ``digest_differs``, checked in this order.
    """
    lines = _lines(headers)
    if _sole(lines, "jiaozi-network") not in (None, network.hex()):
        raise refuse(Code.OTHER_NETWORK)
    request = _Request(method, _absolute(url), _HeaderView(lines))
    keys = _VerificationKeys(key_of)
    verifier = _Verifier(signature_algorithm=_Ed25519, key_resolver=keys)
    verifier.now_s = now_s
    try:
        results = verifier.verify(request, expect_tag=_TAG, require_components=_COVERED)
    except HTTPMessageSignaturesException:
        if keys.failure is not None:
            raise keys.failure from None
        raise refuse(Code.REQUEST_SIGNATURE_INVALID) from None
    verified = _read(results, keys.key)
    try:
        verifier.verify_body(request, results, body)
    except HTTPMessageSignaturesException:
        raise refuse(Code.DIGEST_DIFFERS) from None
    return verified


def claimed_key_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the key id that a request claims, unverified, so that its key can be looked up.

    Raises:
        Refusal: ``request_unsigned`` or ``request_signature_invalid``.
    """
    value = _sole(_lines(headers), "signature-input") or ""
    members = Dictionary()
    try:
        members.parse(value.encode("latin-1"))
    except ValueError:
        raise refuse(Code.REQUEST_SIGNATURE_INVALID) from None
    for member in members.values():
        key_id = member.params.get("keyid")
        if member.params.get("tag") == _TAG and isinstance(key_id, str):
            return key_id
    raise refuse(Code.REQUEST_SIGNATURE_INVALID)


class _Ed25519(HTTPSignatureAlgorithm):
    """The library's interface over the protocol's strict Ed25519."""

    algorithm_id = "ed25519"

    def __init__(self, public_key: bytes | None = None, private_key: Signer | None = None) -> None:
        self._public_key = public_key
        self._signer = private_key

    def sign(self, message: bytes) -> bytes:
        assert self._signer is not None
        return self._signer.sign(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        assert self._public_key is not None
        if not suites.verify_ed25519(self._public_key, message, signature):
            raise InvalidSignature("the signature does not verify")


class _SigningKey(HTTPSignatureKeyResolver):
    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def resolve_private_key(self, key_id: str) -> Signer:
        return self._signer


class _VerificationKeys(HTTPSignatureKeyResolver):
    """Asks for a key, and keeps a failure to look: the library would call it a bad signature."""

    def __init__(self, key_of: Callable[[str], bytes | None]) -> None:
        self._key_of = key_of
        self.key: bytes | None = None
        self.failure: Exception | None = None

    def resolve_public_key(self, key_id: str) -> bytes | None:
        try:
            self.key = self._key_of(key_id) if len(key_id) <= KEY_ID_LENGTH_MAX else None
        except Exception as error:  # whatever the caller's look-up raises; `verify` raises it again
            self.failure = error
            raise
        return self.key


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with a clock that is an argument."""

    now_s = 0

    def validate_created_and_expires(
        self, sig_input: InnerList, max_age: timedelta | None = None
    ) -> None:
        created = sig_input.params.get("created")
        expires = sig_input.params.get("expires", self.now_s)
        if type(created) is not int or type(expires) is not int:
            raise InvalidSignature("created is missing")
        if not self.now_s - AGE_MAX_S <= created <= self.now_s + AHEAD_MAX_S:
            raise InvalidSignature("signed too long ago, or by a clock that is ahead")
        if expires < self.now_s:
            raise InvalidSignature("the signer said that it has expired")


class _HeaderView:
    """Field lines as the library reads them, repeated ones in their order."""

    def __init__(self, lines: _HeaderLines) -> None:
        self._lines = lines

    def items(self) -> _HeaderLines:
        return self._lines


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str] | _HeaderView


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> _HeaderLines:
    """Decode field lines and refuse a request without signature fields, or with huge ones."""
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    for field in ("signature", "signature-input"):
        value = _sole(lines, field)
        if value is None:
            raise refuse(Code.REQUEST_UNSIGNED)
        if len(value) > FIELD_LENGTH_MAX:
            raise refuse(Code.REQUEST_SIGNATURE_INVALID)
    return lines


def _sole(lines: _HeaderLines, field: str) -> str | None:
    """Return the combined value of a field, or None without one."""
    values = [value.strip(" \t") for name, value in lines if name.lower() == field]
    return ", ".join(values) if values else None


def _absolute(url: str) -> str:
    """Give path and query alone the origin that the library's parser asks for."""
    return _ORIGIN + url if url.startswith("/") else url


def _read(results: list[VerifyResult], key: bytes | None) -> VerifiedRequest:
    """Take out who signed; two signatures under the tag, or none with a nonce, are no request."""
    if len(results) != 1 or key is None:
        raise refuse(Code.REQUEST_SIGNATURE_INVALID)
    parameters, nonce = results[0].parameters, results[0].nonce
    if nonce is None or not 0 < len(nonce) <= NONCE_LENGTH_MAX:
        raise refuse(Code.REQUEST_SIGNATURE_INVALID)
    return VerifiedRequest(
        key_id=str(parameters["keyid"]),
        key=key,
        nonce=nonce,
        created_s=int(parameters["created"]),
    )
