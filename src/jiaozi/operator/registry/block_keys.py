"""The registry's block keys as this operator knows them.

Genesis names the first; the registry publishes the certificates of later ones, which are believed
because the root signed them. They are asked for when a signature does not hold under the keys
known so far, and from time to time, so that a revoked key is not believed for long.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.refusals import Code, Refusal, refuse

PERIOD_S = 60.0

Checked = TypeVar("Checked")
_log = structlog.get_logger("jiaozi.registry")


class RegistryKeys:
    """The block keys of one network.

    Attributes:
        current: As known now.
        certificates: Of the keys that genesis does not name.
        revocations_ms: Block times at which keys were revoked.
    """

    def __init__(self, network: Network, fetch: Callable[[], Awaitable[bytes]]) -> None:
        self._network = network
        self._fetch = fetch
        self.certificates: tuple[bytes, ...] = ()
        self.revocations_ms: dict[bytes, int] = {}
        self.current = BlockKeys.of_network(network)

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
        fetched, revocations_ms = _read(await self._fetch())
        certificates = tuple(dict.fromkeys((*self.certificates, *fetched)))
        try:
            keys = BlockKeys.of_network(self._network, certificates)
        except Refusal:
            raise refuse(Code.UNKNOWN) from None
        self.certificates = certificates
        self.revocations_ms = {**revocations_ms, **self.revocations_ms}
        self.current = keys.revoked(self.revocations_ms)


def _read(document: bytes) -> tuple[list[bytes], dict[bytes, int]]:
    """Read certificates and revocations of block keys from the registry's list of keys."""
    try:
        listed = [each for each in json.loads(document)["keys"] if each["use"] == "registry_block"]
        certificates = [
            base64.b64decode(each["certificate"], validate=True)
            for each in listed
            if each["certificate"] is not None
        ]
        revocations_ms = {
            bytes.fromhex(each["public_key"]): int(each["revoked_ms"])
            for each in listed
            if each["revoked_ms"] is not None
        }
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise refuse(Code.UNKNOWN) from None
    return certificates, revocations_ms
