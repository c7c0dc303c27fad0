"""Keep the registry's headers: the whole chain, and whatever else was seen of it.

::

    registry's /v1/headers --> chain without a gap, each linked to the one before
    feed, outcomes         --> kept at their heights, compared when the chain gets there

Where two do not fit, that is a proof, and the chain is followed no further.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from jiaozi.operator.headers import store
from jiaozi.operator.headers.doubt import Doubt
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol import blocks
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.equivocation import find_contradiction
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

PAGE = 500
PERIOD_S = 2.0

_log = structlog.get_logger("jiaozi.headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepHeaders:
    """The use case; its dependencies."""

    network: NetworkId
    database: Database
    registry: RegistryClient
    doubt: Doubt

    async def run(self) -> None:
        """Follow until cancelled; an unreachable registry or database is waited for."""
        while True:
            kept = 0
            try:
                kept = await self.step()
            except StorageUnavailable as error:
                _log.warning("headers_not_kept", problem=str(error))
            except Refusal as refusal:
                if refusal.code not in _PASSING:
                    _log.error("headers_not_trusted", code=refusal.code.name.lower())
            await asyncio.sleep(0 if kept == PAGE else PERIOD_S)

    async def step(self) -> int:
        """Keep what was seen, then the next headers of the chain; return how many those were.

        Raises:
            Refusal: The registry does not answer, or with what is no header of its.
            StorageUnavailable: Nothing was kept.
        """
        await self.doubt.learn()
        await self._keep_seen()
        async with self.database.connection() as connection:
            cursor = await store.read_cursor(connection)
            tip = await store.header_at(connection, cursor)
        # The last one is asked for again: a registry that went back has another there.
        start = max(cursor, 0)
        page = await self.registry.headers(start, limit=PAGE)
        headers = [await self.read(each) for each in page]
        if [each.header.height for each in headers] != list(range(start, start + len(headers))):
            raise refuse(Code.UNKNOWN)
        linked = await self._linked(None if tip is None else await self.read(tip), headers)
        if not linked:
            return 0
        async with self.database.transaction() as connection:
            last = linked[-1].header.height
            if not await store.move_cursor(connection, cursor, last):
                return 0
            others = await store.keep(connection, linked)
            if others:
                await store.move_cursor(connection, last, cursor)
        await self._prove_others(linked, others)
        return len(linked)

    async def read(self, encoded: bytes) -> SignedHeader:
        """Check a header by the registry's keys; others get their turn meanwhile.

        Raises:
            Refusal: It is none of the registry's.
        """
        await asyncio.sleep(0)
        return await self.registry.block_keys.checked(
            lambda keys: blocks.read_header(encoded, block_keys=keys, network=self.network)
        )

    async def _keep_seen(self) -> None:
        seen = list(self.registry.headers_seen)
        if not seen:
            return
        async with self.database.connection() as connection:
            others = await store.keep(connection, seen)
        await self._prove_others(seen, others)
        for _ in seen:
            self.registry.headers_seen.popleft()

    async def _linked(
        self, tip: SignedHeader | None, headers: Sequence[SignedHeader]
    ) -> list[SignedHeader]:
        """Return those of a page that go on from the tip, without the tip itself."""
        linked: list[SignedHeader] = []
        for each in headers:
            found = None if tip is None else find_contradiction(tip, each)
            if found is not None:
                await self.doubt.prove(found, by="chain")
                break
            if tip is None or each.header.height > tip.header.height:
                linked.append(each)
            tip = each
        return linked

    async def _prove_others(self, seen: Sequence[SignedHeader], others: dict[int, bytes]) -> None:
        for each in seen:
            other = others.get(each.header.height)
            found = None if other is None else find_contradiction(await self.read(other), each)
            if found is not None:
                await self.doubt.prove(found, by="feed")


_PASSING = frozenset((Code.BUSY, Code.UNAVAILABLE, Code.UNKNOWN))
