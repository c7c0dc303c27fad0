"""Certificates: a key, one use, whom it belongs to and when (rules.md §B.5).

::

    certificate = COSE_Sign1 by the root, domain "jiaozi/certificate/1"
    payload     = {1: use, 2: operator, ? 3: person, 4: suite, 5: key,
                   6: not before, 7: not after}          ; times in Unix milliseconds

``operator`` is 0 for the central bank. ``person`` is a random 16-byte id that tells two officers
apart; two keys of one person are one approval. Genesis lists its first keys in the same form.
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
    message = cose.decode(data, size_max=CERTIFICATE_BYTES_MAX)
    if [each.key for each in message.signatures] != [root_key]:
        raise refuse(Code.SIGNATURE_INVALID)
    if not cose.verify(message, external_aad(Domain.CERTIFICATE, network)):
        raise refuse(Code.SIGNATURE_INVALID)
    try:
        return read_fields(cbor.decode(message.payload, size_max=CERTIFICATE_BYTES_MAX))
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "certificate") from None


def read_fields(fields: Any) -> Certified:
    """Read the decoded map of a certificate or of a key in genesis.

    Raises:
        Refusal: ``malformed``, naming the field.
    """
    if type(fields) is not dict or not {1, 2, 4, 5, 6, 7} <= fields.keys() <= set(range(1, 8)):
        raise refuse(Code.MALFORMED, "certificate")
    for key in (1, 2, 4, 6, 7):
        if type(fields[key]) is not int:
            raise refuse(Code.MALFORMED, f"certificate.{key}")
    person = fields.get(3)
    is_officer = fields[1] == Use.OFFICER
    if is_officer != (person is not None) or (is_officer and not _is_person(person)):
        raise refuse(Code.MALFORMED, "certificate.person")
    if fields[1] not in set(Use) or not 0 <= fields[2] <= OPERATOR_CODE_MAX:
        raise refuse(Code.MALFORMED, "certificate.use")
    if type(fields[5]) is not bytes or not key_fits(fields[4], fields[5]):
        raise refuse(Code.MALFORMED, "certificate.key")
    if not 0 <= fields[6] < fields[7] <= _TIME_MAX_MS:
        raise refuse(Code.MALFORMED, "certificate.validity")
    return Certified(
        use=Use(fields[1]), operator=fields[2], person=person, suite=fields[4], key=fields[5],
        not_before_ms=fields[6], not_after_ms=fields[7],
    )  # fmt: skip


def _is_person(value: Any) -> bool:
    return type(value) is bytes and len(value) == 16
