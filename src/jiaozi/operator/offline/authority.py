"""What stands behind the desk's word: certificates of the root, the registry's time and its rules.

The registry hands all of it out; what the root or a block key signed is believed for the signature.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jiaozi.operator.offline.model import RegistryDevice
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.certificates import read_certificate, read_unverified
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Anchor, Profile, PurseLimits
from jiaozi.protocol.offline.operator_messages import read_checkpoint
from jiaozi.protocol.offline.reading import read_parts
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.protocol.suites import Signer

HEADER_KEPT_MS = 1_000
RULES_KEPT_MS = 60_000
_Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineRules:
    """What the rulebook in force says of offline devices; an absent profile is not served."""

    profiles: Mapping[Profile, PurseLimits]
    oldest_generation: int
    claim_wait_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The desk's view of root and registry."""

    operator: int
    network: Network
    registry: RegistryClient
    certify: Signer
    now_ms: Callable[[], int]
    _certificates: dict[bytes, bytes] = field(default_factory=dict)
    """The root's, by the keys that they name."""
    _rules: list[tuple[int, OfflineRules]] = field(default_factory=list)
    """Those asked for last, and when."""
    _headers: list[tuple[int, SignedHeader]] = field(default_factory=list)
    """The last one, and when it was asked for."""

    @property
    def anchor(self) -> Anchor:
        """What devices believe without a proof."""
        return Anchor(network=self.network.id, root_key=self.network.root_key)

    async def own_certificate(self) -> bytes:
        """Return the root's certificate for the key that certifies now.

        The key may be changed at any time: what goes with the certificate is signed at once, before
        anything else is waited for.

        Raises:
            Refusal: ``unavailable``: the registry has none, or does not answer.
        """
        while True:
            key = self.certify.public_key
            certificate = await self._certificate(key)
            if self.certify.public_key == key:
                return certificate

    def is_revoked(self, certify_key: bytes) -> bool:
        """Say whether a certify key was revoked, as far as this operator has heard."""
        return certify_key in self.registry.block_keys.certify_revocations_ms

    def is_disowned(self, message: bytes, time_message: bytes) -> bool:
        """Say whether purses refuse a checkpoint or the time with it: a key was revoked since."""
        _, certifier = read_checkpoint(message, self.anchor)
        _, certificate = read_parts(time_message, "time", size_max=len(time_message), count=2)
        is_refused = read_unverified(certificate).key in self.registry.block_keys.revocations_ms
        return is_refused or self.is_revoked(certifier.key)

    async def time_message(self) -> bytes:
        """Return the registry's time as devices take it: a header, and its key's certificate.

        Raises:
            Refusal: The registry does not answer, or not so that it is understood.
        """
        latest = await self._latest()
        return cbor.encode([latest.encoded, await self._certificate(latest.key)])

    async def time_ms(self) -> int:
        """Return the time of the registry's latest block.

        Raises:
            Refusal: As `time_message`.
        """
        return (await self._latest()).header.time_ms

    async def device(self, key: bytes) -> RegistryDevice | None:
        """Return a device as the registry has it; None when it has none of this key.

        Raises:
            Refusal: As `time_message`.
        """
        try:
            return _device(await self.registry.device(key))
        except Refusal as refusal:
            if refusal.code is Code.NOT_FOUND:
                return None
            raise

    async def rules(self) -> OfflineRules:
        """Return what the rulebook says, as of a minute ago at the earliest.

        Raises:
            Refusal: As `time_message`.
        """
        now_ms = self.now_ms()
        if not self._rules or now_ms - self._rules[0][0] > RULES_KEPT_MS:
            self._rules[:] = [(now_ms, _rules(await self.registry.rulebook()))]
        return self._rules[0][1]

    async def _latest(self) -> SignedHeader:
        """Return the registry's last header, as of a second ago at the earliest."""
        now_ms = self.now_ms()
        if not self._headers or now_ms - self._headers[0][0] > HEADER_KEPT_MS:
            self._headers[:] = [(now_ms, await self._fetch_latest())]
        return self._headers[0][1]

    async def _fetch_latest(self) -> SignedHeader:
        try:
            height = int((await self.registry.supply())["height"])
        except (KeyError, TypeError, ValueError):
            raise refuse(Code.UNKNOWN) from None
        headers = await self.registry.headers(height, limit=1)
        if not headers:
            raise refuse(Code.UNKNOWN)
        return await self.registry.block_keys.checked(
            lambda keys: blocks.read_header(headers[0], block_keys=keys, network=self.network.id)
        )

    async def _certificate(self, key: bytes) -> bytes:
        if key not in self._certificates:
            self._certificates.update(self._read(await self.registry.certificates()))
        if key not in self._certificates:
            raise refuse(Code.UNAVAILABLE)
        return self._certificates[key]

    def _read(self, document: bytes) -> dict[bytes, bytes]:
        try:
            listed = [each["certificate"] for each in json.loads(document)["keys"]]
            encoded = [base64.b64decode(each, validate=True) for each in listed if each is not None]
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise refuse(Code.UNKNOWN) from None
        root, network = self.network.root_key, self.network.id
        return {
            read_certificate(each, root_key=root, network=network).key: each for each in encoded
        }


def _device(document: _Document) -> RegistryDevice:
    try:
        wallet, revoked_ms = document["wallet"], document["revoked_ms"]
        return RegistryDevice(
            operator=int(document["operator"]),
            wallet=None if wallet is None else int(wallet),
            profile=Profile(document["profile"]),
            generation=int(document["generation"]),
            not_after_ms=int(document["not_after_ms"]),
            balance_cap_fen=int(document["balance_cap_fen"]),
            shadow_fen=int(document["shadow_fen"]),
            loads=int(document["loads"]),
            payments=int(document["payments"]),
            revoked_ms=None if revoked_ms is None else int(revoked_ms),
            convicted=bool(document["convicted"]),
            covered_fen=int(document["covered_fen"]),
        )
    except (KeyError, TypeError, ValueError):
        raise refuse(Code.UNKNOWN) from None


def _rules(document: _Document) -> OfflineRules:
    try:
        offline = document["offline"]
        return OfflineRules(
            profiles={
                Profile[name.upper()]: PurseLimits(**{each: int(row[each]) for each in LIMIT_NAMES})
                for name, row in offline["profiles"].items()
            },
            oldest_generation=int(offline["oldest_generation"]),
            claim_wait_ms=int(offline["claim_wait_s"]) * 1000,
        )
    except (KeyError, TypeError, ValueError):
        raise refuse(Code.UNKNOWN) from None
