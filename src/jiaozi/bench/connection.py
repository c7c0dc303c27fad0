"""A lean HTTP/1.1 client for load: one connection, one request at a time, nothing more.

A client for people costs about a millisecond per request, several times what is to be measured.
"""

import asyncio
from typing import NamedTuple, cast

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Reply(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: bytes


class ConnectionLost(Exception):
    """The server closed the connection before it had answered."""


class LoadConnection(asyncio.Protocol):
    """One kept-alive connection; made by `connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._reply: asyncio.Future[Reply] | None = None
        self._body_start = 0
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect an answer until it is whole."""
        buffer = self._buffer
        buffer += data
        if self._length < 0:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return
            self._body_start = end + len(_HEAD_END)
            self._length = _content_length(bytes(buffer[:end]))
        if len(buffer) < self._body_start + self._length:
            return
        reply = Reply(
            int(buffer[9:12]), bytes(buffer[self._body_start : self._body_start + self._length])
        )
        buffer.clear()
        self._length = -1
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionLost())

    async def request(self, head: bytes, body: bytes) -> Reply:
        """Send a request whose head lacks only its length, and wait for the answer.

        Raises:
            ConnectionLost: There will be none.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost
        self._reply = asyncio.get_running_loop().create_future()
        length = b"content-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + length + body)
        return await self._reply

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def connect(host: str, port: int) -> LoadConnection:
    """Open a connection."""
    _, protocol = await asyncio.get_running_loop().create_connection(LoadConnection, host, port)
    return protocol


def request_head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """Return the head of a request up to its length."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n").encode()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    return 0
