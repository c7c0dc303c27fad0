"""A network that loses, doubles and delays, between an operator and the central bank.

Requests and answers go through whole; each request is given to the central bank over a connection
of its own. `Weather` says what befalls the next one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import urlsplit

LINE_BYTES_MAX = 8 << 20


class Fault(Enum):
    """What befalls a request."""

    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()
    """It has its effect, then the connection drops."""
    CUT_ANSWER = auto()
    """Half of the answer arrives."""
    DOUBLE_REQUEST = auto()
    """It arrives twice at once; the second answer comes back."""
    DOUBLE_ANSWER = auto()
    """The answer comes twice, and the connection goes on."""
    LATE_REQUEST = auto()
    """The connection drops, and the request arrives after that."""
    DELAY = auto()


Weather = Callable[[bytes], Fault | None]
"""Told the first line of a request."""


@dataclass
class Proxy:
    """A running proxy."""

    target: str
    url: str = ""
    weather: Weather = lambda _: None
    on_request: Callable[[], None] = lambda: None
    """Called when a request stands before the server."""
    on_answer: Callable[[], None] = lambda: None
    """Called when its answer stands before the caller."""
    befallen: Counter[Fault] = field(default_factory=Counter)
    _late: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the requests of one connection until one of them is befallen or it ends."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._carry(await _message(reader), writer):
                    await writer.drain()
        finally:
            writer.close()

    async def _carry(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        fault = self.weather(request.partition(b"\r\n")[0])
        if fault is None:
            self.on_request()
            answer = await self._ask(request)
            self.on_answer()
            writer.write(answer)
            return True
        self.befallen[fault] += 1
        match fault:
            case Fault.LOSE_REQUEST:
                return False
            case Fault.LOSE_ANSWER:
                await self._ask(request)
                return False
            case Fault.CUT_ANSWER:
                answer = await self._ask(request)
                writer.write(answer[: len(answer) // 2])
                return False
            case Fault.DOUBLE_REQUEST:
                answers = await asyncio.gather(self._ask(request), self._ask(request))
                writer.write(answers[1])
                return True
            case Fault.DOUBLE_ANSWER:
                writer.write(2 * await self._ask(request))
                return True
            case Fault.LATE_REQUEST:
                task = asyncio.create_task(self._ask_late(request))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                return False
            case Fault.DELAY:
                await asyncio.sleep(0.2)
                writer.write(await self._ask(request))
                return True

    async def _ask_late(self, request: bytes) -> None:
        await asyncio.sleep(0.5)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._ask(request)

    async def _ask(self, request: bytes) -> bytes:
        where = urlsplit(self.target)
        reader, writer = await asyncio.open_connection(
            where.hostname, where.port, limit=LINE_BYTES_MAX
        )
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    sizes = [
        int(value)
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
        if name.lower() == b"content-length"
    ]
    return head + (await reader.readexactly(sizes[0]) if sizes else b"")


@asynccontextmanager
async def proxy_to(target: str) -> AsyncIterator[Proxy]:
    """Stand between callers and a server."""
    proxy = Proxy(target)
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        left = [*connections, *proxy._late]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
