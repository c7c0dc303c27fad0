"""The keys whose signatures outlast them, as this operator knows them: block and certify keys.

Genesis names the first ones; the registry publishes the certificates of later ones, which are
believed because the root signed them. They are asked for when a signature does not hold under the
keys known so far, and from time to time, so that a revoked key is not believed for long.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.certify_keys import CertifyKeys, read_listed
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.refusals import Code, Refusal, refuse

PERIOD_S = 60.0

Checked = TypeVar("Checked")
_log = structlog.get_logger("jiaozi.registry")


class RegistryKeys:
    """The block keys and certify keys of one network.

    Attributes:
        current: The block keys as known now.
        certify: The certify keys of all operators.
        certificates: Of the block keys that genesis does not name.
        revocations_ms: Block times at which block keys were revoked.
        certify_certificates: Of the certify keys that genesis does not name.
        certify_revocations_ms: Block times at which certify keys were revoked.
    """

    def __init__(self, network: Network, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._network = network
        self._fetch = fetch
        self.certificates: tuple[bytes, ...] = ()
        self.revocations_ms: dict[bytes, int] = {}
        self.certify_certificates: tuple[bytes, ...] = ()
        self.certify_revocations_ms: dict[bytes, int] = {}
        self.current = BlockKeys.of_network(network)
        self.certify = CertifyKeys.of_network(network)

    async def checked(self, check: Callable[[BlockKeys], Checked]) -> Checked:
        """Check what the registry signed; where it does not hold, look for new keys once.

        Raises:
            Refusal: What is wrong with it, or why the registry's certificates cannot be had.
        """
        try:
            return check(self.current)
        except Refusal as refusal:
            if refusal.code is not Code.SIGNATURE_INVALID:
                raise
        await self.learn()
        return check(self.current)

    async def follow(self) -> None:
        """Ask for certificates and revocations from time to time, until cancelled."""
        while True:
            try:
                await self.learn()
            except Refusal as refusal:
                _log.warning("block_keys_not_learnt", problem=str(refusal))
            await asyncio.sleep(PERIOD_S)

    async def learn(self) -> None:
        """Ask the registry for certificates and revocations; what was known stays known.

        Raises:
            Refusal: It does not answer (``unavailable``), or not so that it is understood
                (``unknown``).
        """
        document = await self._fetch()
        try:
            self._learn_block_keys(_listed(document, Use.REGISTRY_BLOCK))
            self._learn_certify_keys(_listed(document, Use.OPERATOR_CERTIFY))
        except Refusal:
            raise refuse(Code.UNKNOWN) from None

    def _learn_block_keys(self, listed: list[Any]) -> None:
        fetched, revocations_ms = read_listed(listed)
        certificates = tuple(dict.fromkeys((*self.certificates, *fetched)))
        keys = BlockKeys.of_network(self._network, certificates)
        self.certificates = certificates
        self.revocations_ms = {**revocations_ms, **self.revocations_ms}
        self.current = keys.revoked(self.revocations_ms)

    def _learn_certify_keys(self, listed: list[Any]) -> None:
        fetched, revocations_ms = read_listed(listed)
        certificates = tuple(dict.fromkeys((*self.certify_certificates, *fetched)))
        revoked = {**revocations_ms, **self.certify_revocations_ms}
        self.certify = CertifyKeys.of_network(self._network, certificates, revoked)
        self.certify_certificates, self.certify_revocations_ms = certificates, revoked


def _listed(document: bytes, use: Use) -> list[Any]:
    """Return the keys of one use from the registry's list of keys."""
    try:
        return [each for each in json.loads(document)["keys"] if each["use"] == use.name.lower()]
    except (KeyError, TypeError, ValueError):
        raise refuse(Code.MALFORMED, "keys") from None
