"""Hear what any process of this operator tells, and pass it on to the streams of this one.

A connection of its own listens. When it is lost, all streams end, since their own end might not be
heard; their readers come again and are told how far their history reaches.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from jiaozi.operator.history.model import Cursor
from jiaozi.operator.notices import store
from jiaozi.operator.notices.streams import START, Stream, Streams
from jiaozi.operator.wallets.model import Wallet
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.errors import StorageUnavailable

RETRY_S = 1.0

_log = structlog.get_logger("jiaozi.notices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """The background task and the opening of streams; their dependencies."""

    database: Database
    streams: Streams

    async def open(
        self, wallet: Wallet, *, session: bytes | None = None, told: Cursor | None = None
    ) -> Stream:
        """Open a stream; it tells at once how far the history reaches, if that is news.

        What ended after its right was checked, and before it could hear of it, ends the stream.

        Raises:
            Refusal: As `Streams.open`.
            StorageUnavailable: The history cannot be read.
        """
        number = wallet.number
        stream = self.streams.open(number, session=session, told=told or START)
        try:
            async with self.database.connection() as connection:
                if not await store.may_read(connection, wallet, session):
                    stream.end()
                self.streams.reach(await store.newest(connection, [number]))
        except BaseException:  # a reader who went away too: the stream would hold its place
            self.streams.forget(stream)
            raise
        return stream

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self.database.connection() as connection:
                    await self._listen(connection)
            except StorageUnavailable as error:
                _log.warning("notices_not_heard", problem=str(error))
            self.streams.end_all()
            await asyncio.sleep(RETRY_S)

    async def _listen(self, connection: Connection) -> None:
        """Pass on what is heard; returns when the connection is lost."""
        woken, lost = asyncio.Event(), asyncio.Event()

        def hear(_: object, _pid: int, _channel: str, message: object) -> None:
            self._heard(str(message), woken.set)

        def lose(_: object) -> None:
            lost.set()
            woken.set()

        connection.add_termination_listener(lose)
        await connection.add_listener(store.CHANNEL, hear)
        self.streams.end_all()  # what was opened before would not have heard of its end
        try:
            while not lost.is_set():
                if wallets := self.streams.wallets:
                    self.streams.reach(await store.newest(connection, wallets))
                await woken.wait()
                woken.clear()
        finally:
            connection.remove_termination_listener(lose)
            if not lost.is_set():
                await connection.remove_listener(store.CHANNEL, hear)

    def _heard(self, message: str, look: Callable[[], None]) -> None:
        kind, _, subject = message.partition(" ")
        match kind:
            case store.HISTORY:
                look()
            case store.WALLET:
                self.streams.end_wallet(int(subject))
            case store.SESSION:
                self.streams.end_session(bytes.fromhex(subject))
            case _:
                _log.warning("notice_unknown", kind=kind)
