"""Reading bodies of requests, bounded: each in bytes and time, all together in bytes.

The bytes of a request count from their arrival until it is answered, whoever sent them: before a
signature was checked anyone can send, and as many at once as there are connections. One address
holds half of what there is for all at most, so that it cannot shut out the others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from jiaozi.protocol.refusals import Code, refuse

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
HeaderLines: TypeAlias = list[tuple[bytes, bytes]]

BODY_BYTES_MAX = 256 * 1024
"""Largest body of a request outside the hot routes."""
BODY_TIMEOUT_S = 10.0
"""A body has come by then or the request is refused."""
BODIES_BYTES_MAX = 64 * 1024 * 1024
"""Bodies of all requests under way together; what would be more is refused with ``busy``."""

# A sender that is still writing does not hear a refusal, so some of what is too much is read.
_DISCARDED_BYTES_MAX = 16 * 1024 * 1024
_RETRY_AFTER_MS = 1000


class Disconnected(Exception):
    """The sender went away before the request was whole."""


class Budget:
    """How many bytes all requests under way hold, and those of each address."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max
        self._share = bytes_max // 2
        self._held: dict[str, int] = {}

    def hold(self, source: str, count: int) -> None:
        """Count bytes that came.

        Raises:
            Refusal: ``busy``: too much is under way; nothing was counted.
        """
        if not count:
            return
        held = self._held.get(source, 0) + count
        if count > self._left or held > self._share:
            raise refuse(Code.BUSY, _RETRY_AFTER_MS)
        self._left -= count
        self._held[source] = held

    def __len__(self) -> int:
        """How many addresses hold something."""
        return len(self._held)

    def release(self, source: str, count: int) -> None:
        """Count bytes no more."""
        self._left += count
        held = self._held[source] - count
        if held:
            self._held[source] = held
        else:
            del self._held[source]


class Body:
    """The body of one request: counted from `read` to `release`.

    Attributes:
        is_unread: Some of it may come yet, so that no other request can be heard where it does.
    """

    __slots__ = ("_announced", "_budget", "_held", "is_unread", "source")

    def __init__(self, budget: Budget, source: str, headers: HeaderLines) -> None:
        self._budget = budget
        self.source = source
        self._held = 0
        self._announced = _content_length(headers)
        self.is_unread = bool(self._announced) or _is_chunked(headers)

    async def read(self, receive: Receive, *, bytes_max: int, timeout_s: float) -> bytes:
        """Read a whole body, or refuse it before it is all in memory.

        Raises:
            Refusal: ``too_large``; ``busy`` when too much is under way; ``malformed`` when it does
                not come in time.
            Disconnected: The sender went away.
        """
        announced = self._announced
        if announced == 0:
            return b""
        if announced is not None and announced > bytes_max + _DISCARDED_BYTES_MAX:
            raise refuse(Code.TOO_LARGE, "body", bytes_max)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._collect(receive, announced, bytes_max)
        except TimeoutError:
            raise refuse(Code.MALFORMED, "body") from None

    def release(self) -> None:
        """Count nothing any more: the request was answered."""
        if self._held:
            self._budget.release(self.source, self._held)
            self._held = 0

    async def _collect(self, receive: Receive, announced: int | None, bytes_max: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            is_whole = size == announced or not message.get("more_body", False)
            self.is_unread = not is_whole
            if size <= bytes_max:
                self._budget.hold(self.source, len(chunk))
                self._held += len(chunk)
                chunks.append(chunk)
                if is_whole:
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
            elif is_whole or size > bytes_max + _DISCARDED_BYTES_MAX:
                raise refuse(Code.TOO_LARGE, "body", bytes_max)


def _content_length(headers: HeaderLines) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _is_chunked(headers: HeaderLines) -> bool:
    return any(name == b"transfer-encoding" for name, _ in headers)
