"""Certificates: a key, one use, whom it belongs to and when (rules.md §B.5).

::

    certificate = COSE_Sign1 by the root, domain "jiaozi/certificate/1"
    payload     = {1: use, 2: operator, ? 3: person, 4: suite, 5: key,
                   6: not before, 7: not after}          ; times in Unix milliseconds

``operator`` is 0 for the central bank's own uses, and only for these. ``person`` is a random
16-byte id that tells two officers apart; two keys of one person are one approval. Genesis lists
its first keys in the same form.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX
from jiaozi.protocol.order_types import CERTIFICATE_BYTES_MAX
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer, key_fits

PERSON_LENGTH = 16

_TIME_MAX_MS = 2**48 - 1


class Use(IntEnum):
    """The one thing that a certified key may do."""

    OPERATOR_CERTIFY = 1
    OPERATOR_VAULT = 2
    OPERATOR_TRANSPORT = 3
    REGISTRY_BLOCK = 4
    LIST_SIGNING = 5
    OFFICER = 6
    DEVICE = 7
    AUDITOR = 8
    OPERATOR_OFFICER = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a certificate says; times in Unix milliseconds, ``not_after_ms`` exclusive."""

    use: Use
    operator: int
    suite: int
    key: bytes
    not_before_ms: int
    not_after_ms: int
    person: bytes | None = None

    def fields(self) -> dict[int, Any]:
        """Return the map that is signed."""
        values = (
            int(self.use), self.operator, self.person, self.suite, self.key,
            self.not_before_ms, self.not_after_ms,
        )  # fmt: skip
        return {key: value for key, value in enumerate(values, 1) if value is not None}


def certify(certified: Certified, root: Signer, network: NetworkId) -> bytes:
    """Make a certificate, signed by the root."""
    payload = cbor.encode(certified.fields())
    return cose.sign1(payload, root, external_aad(Domain.CERTIFICATE, network))


def read_certificate(data: bytes, *, root_key: bytes, network: NetworkId) -> Certified:
    """Check a certificate against the root's key and return what it says.

    Raises:
        Refusal: A shape code, or ``signature_invalid`` when it is not the root's.
    """
    aad = external_aad(Domain.CERTIFICATE, network)
    message = cose.read1(data, key=root_key, aad=aad, size_max=CERTIFICATE_BYTES_MAX)
    return _read_payload(message.payload)


def read_unverified(data: bytes) -> Certified:
    """Read what a certificate says without asking who signed it.

    Raises:
        Refusal: A shape code.
    """
    return _read_payload(cose.decode(data, size_max=CERTIFICATE_BYTES_MAX).payload)


def read_fields(fields: object) -> Certified:
    """Read the decoded map of a certificate or of a key in genesis.

    Raises:
        Refusal: ``malformed``, naming the field.
    """
    if type(fields) is not dict or not set(_REQUIRED) <= fields.keys() <= {3, *_REQUIRED}:
        raise refuse(Code.MALFORMED, "certificate")
    use, operator, suite, key, not_before_ms, not_after_ms = (fields[each] for each in _REQUIRED)
    for each in (use, operator, suite, not_before_ms, not_after_ms):
        if type(each) is not int:
            raise refuse(Code.MALFORMED, "certificate")
    if use not in _OPERATORS or operator not in _OPERATORS[use]:
        raise refuse(Code.MALFORMED, "certificate.use")
    person = fields.get(3)
    is_person = type(person) is bytes and len(person) == PERSON_LENGTH
    if (3 in fields) != (use in _PERSONS) or (3 in fields and not is_person):
        raise refuse(Code.MALFORMED, "certificate.person")
    if type(key) is not bytes or not key_fits(suite, key):
        raise refuse(Code.MALFORMED, "certificate.key")
    if not 0 <= not_before_ms < not_after_ms <= _TIME_MAX_MS:
        raise refuse(Code.MALFORMED, "certificate.validity")
    return Certified(
        use=Use(use), operator=operator, person=person, suite=suite, key=key,
        not_before_ms=not_before_ms, not_after_ms=not_after_ms,
    )  # fmt: skip


def _read_payload(payload: bytes) -> Certified:
    try:
        return read_fields(cbor.decode(payload, size_max=CERTIFICATE_BYTES_MAX))
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "certificate") from None


_REQUIRED = (1, 2, 4, 5, 6, 7)
_CENTRAL_BANK = range(1)
_OPERATOR = range(1, OPERATOR_CODE_MAX + 1)
_OPERATORS = {
    Use.OPERATOR_CERTIFY: _OPERATOR,
    Use.OPERATOR_VAULT: _OPERATOR,
    Use.OPERATOR_TRANSPORT: _OPERATOR,
    Use.REGISTRY_BLOCK: _CENTRAL_BANK,
    Use.LIST_SIGNING: _CENTRAL_BANK,
    Use.OFFICER: _CENTRAL_BANK,
    Use.DEVICE: _OPERATOR,
    Use.AUDITOR: _CENTRAL_BANK,
    Use.OPERATOR_OFFICER: _OPERATOR,
}
_PERSONS = frozenset((Use.OFFICER, Use.OPERATOR_OFFICER))
