"""Compare headers with other operators': the latest that both have, and a few at random.

Two histories differ from one height on for good, so the latest common header tells; the random ones
are for a registry that would join them again.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import structlog

from jiaozi.operator.headers import store
from jiaozi.operator.headers.doubt import Doubt
from jiaozi.operator.headers.keep import KeepHeaders
from jiaozi.operator.registry.client import new_http_client, send
from jiaozi.protocol import cbor
from jiaozi.protocol.blocks import HEADER_BYTES_MAX
from jiaozi.protocol.equivocation import find_contradiction
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

PERIOD_S = 10.0
SAMPLE = 3
TIMEOUT_S = 5.0
HEIGHT_HEADER = "jiaozi-height"

_log = structlog.get_logger("jiaozi.headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePeers:
    """The use case; its dependencies. ``peers`` are addresses of other operators."""

    peers: Sequence[str]
    database: Database
    headers: KeepHeaders
    doubt: Doubt

    async def run(self) -> None:
        """Compare until cancelled; who does not answer is asked again later."""
        while True:
            for peer in self.peers:
                try:
                    await self.step(peer)
                except StorageUnavailable as error:
                    _log.warning("headers_not_kept", problem=str(error))
                except Refusal as refusal:
                    _log.warning("peer_not_compared", peer=peer, code=refusal.code.name.lower())
            await asyncio.sleep(PERIOD_S)

    async def step(self, peer: str) -> int:
        """Compare with one peer, unless there is proof already; return how many headers.

        Raises:
            Refusal: It does not answer, or with what is no header of the registry's.
            StorageUnavailable: Ours cannot be read.
        """
        async with self.database.connection() as connection:
            tip = await store.read_cursor(connection)
        if tip < 0 or self.doubt.proofs:
            return 0
        async with new_http_client(peer, TIMEOUT_S) as http:
            common = min(tip, await _tip_of(http, tip))
            if common < 0:
                return 0
            heights = {common, *(secrets.randbelow(common + 1) for _ in range(SAMPLE))}
            for height in sorted(heights, reverse=True):
                await self._compare(http, height, peer)
        return len(heights)

    async def _compare(self, http: httpx.AsyncClient, height: int, peer: str) -> None:
        theirs = await self.headers.read(await _header_of(http, height))
        async with self.database.connection() as connection:
            kept = await store.header_at(connection, height)
        if theirs.header.height != height:
            raise refuse(Code.UNKNOWN)
        found = None if kept is None else find_contradiction(await self.headers.read(kept), theirs)
        if found is not None:
            await self.doubt.prove(found, by=peer)


async def _tip_of(http: httpx.AsyncClient, height: int) -> int:
    answer = await send(http, "GET", f"/v1/headers?from={height}&limit=1", {})
    try:
        return int(answer.headers[HEIGHT_HEADER])
    except (KeyError, ValueError):
        raise refuse(Code.UNKNOWN) from None


async def _header_of(http: httpx.AsyncClient, height: int) -> bytes:
    answer = await send(http, "GET", f"/v1/headers?from={height}&limit=1", {})
    try:
        [(encoded, _)] = cbor.decode_sequence(
            answer.content, items_max=1, item_size_max=HEADER_BYTES_MAX
        )
    except ValueError:
        raise refuse(Code.UNKNOWN) from None
    if type(encoded) is not bytes:
        raise refuse(Code.UNKNOWN)
    return encoded
