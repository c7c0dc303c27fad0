"""Block keys: whose signature makes a header the registry's, and when (rules.md §B.5).

::

    genesis      names the first keys
    certificate  by the root, use registry-block: names each later one
    revocation   an officers' order; a revoked key signs no header of a later time

A header is the registry's when its key was named so and its own time lies within the key's span.
So a key is changed without stopping, and a proof made under an old key holds for good.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Self

from jiaozi.protocol.certificates import Certified, Use, read_certificate
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network

_TIME_END_MS = 2**48
"""The first time that no message can bear."""


class Span(NamedTuple):
    """Times of headers that a key may sign, in Unix milliseconds; ``end_ms`` is exclusive."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class BlockKeys:
    """The keys that may sign headers, by public key."""

    spans: Mapping[bytes, Span]

    @classmethod
    def stated(cls, *keys: bytes) -> Self:
        """Take keys that the reader vouches for, at any time."""
        return cls(MappingProxyType(dict.fromkeys(keys, Span(0, _TIME_END_MS))))

    @classmethod
    def of_network(cls, network: Network, certificates: Iterable[bytes] = ()) -> Self:
        """Take the keys that genesis names, and those of certificates.

        Raises:
            Refusal: As `with_certificates`.
        """
        first = (each for each in network.genesis.keys if each.use is Use.REGISTRY_BLOCK)
        keys = cls(MappingProxyType(dict(map(_span, first))))
        return keys.with_certificates(certificates, root_key=network.root_key, network=network.id)

    def with_certificates(
        self, certificates: Iterable[bytes], *, root_key: bytes, network: NetworkId
    ) -> Self:
        """Add the keys that the root has named; certificates for other uses are passed over.

        Raises:
            Refusal: A shape code, or ``signature_invalid``: one of them is not the root's.
        """
        read = [read_certificate(each, root_key=root_key, network=network) for each in certificates]
        added = dict(_span(each) for each in read if each.use is Use.REGISTRY_BLOCK)
        return type(self)(MappingProxyType({**added, **self.spans}))

    def revoked(self, times_ms: Mapping[bytes, int]) -> Self:
        """End keys at the block times of their revocations: that block is the last they sign."""
        ended = {
            key: Span(span.start_ms, min(span.end_ms, times_ms.get(key, _TIME_END_MS) + 1))
            for key, span in self.spans.items()
        }
        return type(self)(MappingProxyType(ended))

    def accept(self, key: bytes, time_ms: int) -> bool:
        """Say whether a header of this time may be signed with a key."""
        span = self.spans.get(key)
        return span is not None and span.start_ms <= time_ms < span.end_ms


def _span(certified: Certified) -> tuple[bytes, Span]:
    return certified.key, Span(certified.not_before_ms, certified.not_after_ms)
