"""The open streams of one process: who hears of news, and when a stream ends.

A stream keeps the newest cursor only, so that a slow reader costs no more than a quick one. It ends
with its session, with a freeze or a new key of its wallet, with the process, and after a while in
any case: then its reader comes again with a fresh right.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jiaozi.operator.history.model import Cursor
from jiaozi.protocol.refusals import Code, refuse

START = Cursor(0, 0, 0)
"""Before the first line of any history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How many streams, and how long.

    Attributes:
        per_wallet_max: Open at once for one wallet, in one process.
        total_max: Open at once in one process.
        heartbeat_s: Between two signs of life.
        lifetime_s: Of one stream at most.
    """

    per_wallet_max: int = 4
    total_max: int = 2_000
    heartbeat_s: float = 15.0
    lifetime_s: float = 15 * 60.0


@dataclass(slots=True, eq=False)
class Stream:
    """One open stream; ``session`` is the digest of the session that it hangs on, if any."""

    wallet: int
    session: bytes | None
    told: Cursor
    newest: Cursor
    has_ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def reach(self, cursor: Cursor) -> None:
        """Note how far the history reaches now."""
        if cursor > self.newest:
            self.newest = cursor
            self.changed.set()

    def end(self) -> None:
        """Let the stream end at its next turn."""
        self.has_ended = True
        self.changed.set()


class Streams:
    """All streams of this process; lives in one event loop."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._open: dict[int, set[Stream]] = {}
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._open.values()))

    @property
    def wallets(self) -> list[int]:
        """Whose streams are open."""
        return list(self._open)

    def open(self, wallet: int, *, session: bytes | None, told: Cursor) -> Stream:
        """Open a stream that tells what comes after a cursor; `forget` it in any case.

        Raises:
            Refusal: ``too_many_streams``; ``unavailable`` when the process is about to end.
        """
        if self._is_closed:
            raise refuse(Code.UNAVAILABLE)
        own = self._open.get(wallet, set())
        for count, limit in (
            (len(own), self.limits.per_wallet_max),
            (self.count, self.limits.total_max),
        ):
            if count >= limit:
                raise refuse(Code.TOO_MANY_STREAMS, limit)
        stream = Stream(wallet, session, told, told)
        self._open.setdefault(wallet, own).add(stream)
        return stream

    def forget(self, stream: Stream) -> None:
        """Take a stream out; twice is once."""
        own = self._open.get(stream.wallet, set())
        own.discard(stream)
        if not own:
            self._open.pop(stream.wallet, None)

    def reach(self, cursors: Mapping[int, Cursor]) -> None:
        """Note how far the histories of wallets reach now."""
        for wallet, cursor in cursors.items():
            for stream in self._open.get(wallet, ()):
                stream.reach(cursor)

    def end_wallet(self, wallet: int) -> None:
        """End all streams of a wallet."""
        _end(self._open.get(wallet, ()))

    def end_session(self, digest: bytes) -> None:
        """End all streams of a session."""
        _end(each for each in self._all() if each.session == digest)

    def end_all(self) -> None:
        """End all streams; new ones may be opened."""
        _end(self._all())

    def close(self) -> None:
        """End all streams and open no more: the process is about to end."""
        self._is_closed = True
        self.end_all()

    def _all(self) -> list[Stream]:
        return [each for own in self._open.values() for each in own]


def _end(streams: Iterable[Stream]) -> None:
    for each in streams:
        each.end()
