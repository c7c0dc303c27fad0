"""Certify keys: whose signature makes a statement or an attestation an operator's, and when.

::

    genesis      names the first keys
    certificate  by the root, use operator-certify: names each later one
    revocation   an officers' order, for a key that may have been stolen

What is signed bears its own time. It is the operator's when that time lies within the certificate
of the key: so what was signed under a key that was changed since holds for good. A revoked key
proves nothing of any time, for its thief writes what time he likes.
"""

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from jiaozi.protocol.block_keys import Span
from jiaozi.protocol.certificates import Certified, Use, read_certificate
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.refusals import Code, refuse


@dataclass(frozen=True, slots=True)
class CertifyKeys:
    """The certify keys of all operators, by operator and public key."""

    spans: Mapping[tuple[int, bytes], Span]

    @classmethod
    def of_network(
        cls, network: Network, certificates: Iterable[bytes] = (), revoked: Collection[bytes] = ()
    ) -> Self:
        """Take the keys that genesis names and those of certificates, without the revoked ones.

        Raises:
            Refusal: A shape code, or ``signature_invalid``: a certificate is not the root's.
        """
        read = [
            read_certificate(each, root_key=network.root_key, network=network.id)
            for each in certificates
        ]
        spans = {
            (each.operator, each.key): _span(each)
            for each in (*read, *network.genesis.keys)
            if each.use is Use.OPERATOR_CERTIFY and each.key not in revoked
        }
        return cls(MappingProxyType(spans))

    def may_sign(self, operator: int, key: bytes, time_ms: int) -> bool:
        """Say whether what a key signed at a time is an operator's."""
        span = self.spans.get((operator, key))
        return span is not None and span.start_ms <= time_ms < span.end_ms


def read_listed(listed: Any) -> tuple[tuple[bytes, ...], dict[bytes, int]]:  # noqa: ANN401 - JSON
    """Read certificates, and block times of revocations, from a decoded list of keys.

    Raises:
        Refusal: ``malformed``.
    """
    try:
        certificates = tuple(
            base64.b64decode(each["certificate"], validate=True)
            for each in listed
            if each["certificate"] is not None
        )
        revocations_ms = {
            bytes.fromhex(each["public_key"]): int(each["revoked_ms"])
            for each in listed
            if each["revoked_ms"] is not None
        }
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise refuse(Code.MALFORMED, "keys") from None
    return certificates, revocations_ms


def read_document(document: bytes, network: Network) -> CertifyKeys:
    """Read the certify keys from what the central bank answers to ``GET /v1/certificates``.

    Raises:
        Refusal: ``malformed``, or as `CertifyKeys.of_network`.
    """
    try:
        keys = json.loads(document)["keys"]
    except (KeyError, TypeError, ValueError):
        raise refuse(Code.MALFORMED, "keys") from None
    certificates, revocations_ms = read_listed(keys)
    return CertifyKeys.of_network(network, certificates, revocations_ms)


def _span(certified: Certified) -> Span:
    return Span(certified.not_before_ms, certified.not_after_ms)
