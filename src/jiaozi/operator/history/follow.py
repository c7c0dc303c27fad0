"""Follow the feed: check each block, store what it tells, move the cursor, in one transaction.

Any number of processes may follow: whoever moves the cursor first has stored the lines, and the
others begin again from there. A block that does not follow from the cursor stops the follower with
an error: the registry left something out, or this database is another network's. A feed that is
refused is asked for again: the address may be another service's, or the clock wrong.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from jiaozi.operator.history import store
from jiaozi.operator.history.model import Told
from jiaozi.operator.history.store import FeedPosition
from jiaozi.operator.life import store as life
from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.notices.store import tell_history
from jiaozi.operator.offline import payment_store, signed_store, stranger_store
from jiaozi.operator.reconcile.movements import Movement, movements_of
from jiaozi.operator.reconcile.store import add_movements
from jiaozi.operator.registry.client import FeedPage, RegistryClient
from jiaozi.operator.registry.model import Decided
from jiaozi.operator.sessions.end import end_sessions
from jiaozi.operator.sessions.model import ENDS_SESSIONS
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.model import state_after
from jiaozi.operator.waterfall.store import add_sweeps
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.feed import FeedBlock, Head, read_block
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

BLOCKS_MAX = 20
WAIT_MS = 10_000
PAUSE_S = 0.2
"""Between two readings, so that they are few and large while many orders settle."""
RETRY_S = 2.0
REFUSED_RETRY_S = 10.0

_log = structlog.get_logger("jiaozi.history")


@dataclass(slots=True)
class _Gathered:
    """What some blocks of the feed add, and where the feed stands after them."""

    position: FeedPosition
    told: Told = field(default_factory=Told)
    movements: list[Movement] = field(default_factory=list)
    headers: list[SignedHeader] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class FollowFeed:
    """The use case; its dependencies.

    Attributes:
        refused_as: Why whoever is asked for the feed refused it at last; None when it was given.
    """

    carriage: Carriage
    network: Network
    database: Database
    registry: RegistryClient
    refused_as: Code | None = field(default=None, init=False)

    async def run(self) -> None:
        """Follow until cancelled; who is out of reach, or refuses, is asked again.

        Raises:
            Refusal: ``signature_invalid`` or ``malformed``: the feed is not to be trusted.
        """
        while True:
            try:
                await self.step(wait_ms=WAIT_MS)
            except StorageUnavailable as error:
                _log.warning("feed_not_stored", problem=str(error))
                await asyncio.sleep(RETRY_S)
            except Refusal as refusal:
                if self.refused_as is not None:
                    _log.error("feed_refused", code=self.refused_as.name.lower())
                    await asyncio.sleep(REFUSED_RETRY_S)
                    continue
                if refusal.code not in _PASSING:
                    _log.error("feed_not_trusted", code=refusal.code.name.lower())
                    raise
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(PAUSE_S)

    async def step(self, *, wait_ms: int = 0) -> int:
        """Read and store the next blocks; return how many there were.

        Raises:
            Refusal: The registry does not answer, or the feed does not follow from the cursor.
            StorageUnavailable: Nothing was stored.
        """
        async with self.database.connection() as connection:
            before = await store.read_position(connection)
        page = await self._ask(before.height, wait_ms)
        gathered = await self._check(before, page.blocks)
        if gathered.position != before:
            await self._store(before, gathered)
            self.registry.headers_seen.extend(gathered.headers)
        return len(page.blocks)

    async def _ask(self, after: int, wait_ms: int) -> FeedPage:
        try:
            page = await self.registry.feed(after, limit=BLOCKS_MAX, wait_ms=wait_ms)
        except Refusal as refusal:
            self.refused_as = None if refusal.code in _PASSING else refusal.code
            raise
        self.refused_as = None
        return page

    async def _check(self, before: FeedPosition, encoded: Iterable[bytes]) -> _Gathered:
        gathered = _Gathered(before)
        for data in encoded:
            block = await self._read(data, gathered.position.head)
            header = block.header.header
            gathered.told.take(block, self.carriage)
            gathered.movements += movements_of(block, self.carriage.operator)
            gathered.headers.append(block.header)
            gathered.position = FeedPosition(header.height, header.time_ms, block.head)
            # Between two blocks others get their turn: checking is work without waiting.
            await asyncio.sleep(0)
        return gathered

    async def _read(self, data: bytes, before: Head) -> FeedBlock:
        return await self.registry.block_keys.checked(
            lambda keys: read_block(
                data,
                operator=self.carriage.operator,
                before=before,
                block_keys=keys,
                network=self.network.id,
            )
        )

    async def _store(self, before: FeedPosition, gathered: _Gathered) -> None:
        async with self.database.transaction() as connection:
            if not await store.move_position(connection, before, gathered.position):
                return
            told = gathered.told
            await store.add_lines(connection, told.lines)
            if told.lines:
                await tell_history(connection)
            await add_movements(connection, gathered.movements)
            await add_sweeps(connection, told.sweeps)
            await payment_store.take_told(connection, told.payments)
            for stranger in told.strangers:
                await stranger_store.take_told(connection, stranger)
            for load in told.loads:
                await signed_store.add_load(connection, load)
            for opening in told.openings:
                state = state_after(Decided(opening.outcome))
                await wallets.finish_opening(
                    connection, opening.number, opening.order_id, state, opening.outcome
                )
            for event in told.events:
                is_new = await life.take_event(connection, event)
                if is_new and event.event.order_type in ENDS_SESSIONS:
                    await end_sessions(connection, event.event.wallet)
            await life.take_reassignments(connection, self.carriage.operator, told.reassigned)


_PASSING = frozenset((Code.BUSY, Code.UNAVAILABLE, Code.UNKNOWN))
