"""Be sure that the history has all that a statement is about, before a line of it is written.

A period that has ended is complete once the feed was read past its end. A statement up to now is
closed at a height at which the history's balance is the one that the registry holds: the registry
was asked while the feed stood between two heights, so the balance after one of the blocks between
them must be the answer, however many payments come in meanwhile.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from jiaozi.operator.history import store as history
from jiaozi.operator.history.store import FeedPosition
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.statements import store
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database

WAIT_S = 5.0
_STEP_S = 0.1
_FOREVER_MS = 2**63 - 1
_log = structlog.get_logger("jiaozi.statements")


class Reached(NamedTuple):
    """The last block that a statement takes into account, and the time before which it ends."""

    height: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """The use case; its dependencies."""

    database: Database
    registry: RegistryClient
    now_ms: Callable[[], int]
    wait_s: float = WAIT_S

    async def past(self, wallet: int, until_ms: int) -> Reached:
        """Wait until all blocks from before a time were read.

        Raises:
            Refusal: ``statement_not_ready``, or the registry does not answer.
        """

        async def find() -> Reached | None:
            position = await self._position()
            if position.time_ms >= until_ms or await self._is_read_past(wallet, until_ms):
                return Reached((await self._position()).height, until_ms)
            return None

        return await self._wait(find)

    async def now(self, wallet: int) -> Reached:
        """Wait until the history's balance of a wallet is, at some height, the registry's.

        Raises:
            Refusal: ``statement_not_ready``, or the registry does not answer.
        """
        before = (await self._position()).height
        balance_fen: int = (await self.registry.account(wallet))["balance_fen"]
        return await self._wait(lambda: self._find(wallet, balance_fen, before))

    async def _find(self, wallet: int, balance_fen: int, before: int) -> Reached | None:
        """Return the newest height from another on at which a wallet had this balance."""
        position = await self._position()
        async with self.database.connection() as connection:
            totals, _ = await store.totals(
                connection, wallet, from_ms=0, until_ms=_FOREVER_MS, height=position.height
            )
            changes = await store.changes(connection, wallet, before, position.height)
        # The registry's clock may be ahead of this machine's.
        until_ms = max(self.now_ms(), position.time_ms + 1)
        height, running_fen = position.height, totals.closing_fen
        for change in changes:
            if running_fen == balance_fen:
                break
            height, running_fen = change.height - 1, running_fen - change.added_fen
        return Reached(height, until_ms) if running_fen == balance_fen else None

    async def _is_read_past(self, wallet: int, time_ms: int) -> bool:
        """Say whether the registry is past a time and its feed has nothing that was not read."""
        nobodys_id = new_order_id(self.now_ms(), secrets.token_bytes(10))
        header = (await self.registry.outcome(wallet, nobodys_id)).header
        if header.time_ms < time_ms:
            return False
        page = await self.registry.feed((await self._position()).height, limit=1, wait_ms=0)
        return not page.blocks and page.height >= header.height

    async def _position(self) -> FeedPosition:
        async with self.database.connection() as connection:
            return await history.read_position(connection)

    async def _wait(self, find: Callable[[], Awaitable[Reached | None]]) -> Reached:
        """Ask until there is an answer; books that never agree are somebody's job."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.wait_s
        while True:
            reached = await find()
            if reached is not None:
                return reached
            if loop.time() >= deadline_s:
                _log.warning("statement_not_ready")
                raise refuse(Code.STATEMENT_NOT_READY)
            await asyncio.sleep(_STEP_S)
