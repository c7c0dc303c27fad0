"""The HTTP server of a process: granian, embedded in our own event loop.

::

    run_party(open_party, host=..., port=..., on_ready=...)
      uvloop
        open_party()          the party's own start and end: database, writer, tasks
          listening(app)      takes requests, hands out the address
            until SIGTERM or SIGINT, then lets requests under way end, within a deadline

Nothing that must last may hang on the end: a process can be killed at any moment, and then none
of this runs.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import structlog
import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from jiaozi.service.dispatch import AsgiApp, Dispatcher

__all__ = ["AddressInUse", "ServerStopped", "listening", "run_party"]

CONNECTIONS_MAX = 4096
"""Connections served at once; more wait in the kernel."""
DRAIN_TIMEOUT_S = 10.0
"""Requests under way have this long to end after the process was asked to."""

_READY_TIMEOUT_S = 10.0
_RETRY_S = 0.01
_LOGGING = {"incremental": True, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}
_log = structlog.get_logger("jiaozi.server")


@dataclass(kw_only=True, eq=False)
class AddressInUse(Exception):
    """The address to listen on cannot be had."""

    host: str
    port: int
    reason: str

    def __str__(self) -> str:
        return (
            f"Cannot listen on {self.host} port {self.port} ({self.reason}). "
            "Stop whoever does, or choose another port."
        )


@dataclass(kw_only=True, eq=False)
class ServerStopped(Exception):
    """The HTTP server ended on its own; see the log."""

    def __str__(self) -> str:
        return "The HTTP server stopped on its own; nothing that was acknowledged is lost."


def run_party(
    open_party: Callable[[], AbstractAsyncContextManager[AsgiApp]],
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    drain_timeout_s: float = DRAIN_TIMEOUT_S,
    connections_max: int = CONNECTIONS_MAX,
) -> None:
    """Serve one party until SIGTERM or SIGINT, in this process.

    Args:
        open_party: Starts the party and yields its application; ends it afterwards.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        on_ready: Called with the base URL once requests are taken.
        drain_timeout_s: How long requests under way may take to end.
        connections_max: Connections served at once.

    Raises:
        AddressInUse: Someone else listens there.
        ServerStopped: The HTTP server ended on its own.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        async with (
            open_party() as app,
            listening(
                app,
                host=host,
                port=port,
                drain_timeout_s=drain_timeout_s,
                connections_max=connections_max,
            ) as server,
        ):
            on_ready(server.url)
            await server.run_until(stop)

    uvloop.run(main())


class Listening:
    """A server that takes requests at `url`."""

    def __init__(self, url: str, serving: asyncio.Task[None]) -> None:
        self.url = url
        self._serving = serving

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`.

        Raises:
            ServerStopped: The server ended before.
        """
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait((waiting, self._serving), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not stop.is_set():
            raise ServerStopped


@asynccontextmanager
async def listening(
    app: AsgiApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    drain_timeout_s: float = DRAIN_TIMEOUT_S,
    connections_max: int = CONNECTIONS_MAX,
) -> AsyncIterator[Listening]:
    """Serve an application in the running loop for as long as the context lasts.

    Raises:
        AddressInUse: Someone else listens there.
        ServerStopped: The server did not start.
    """
    with _reserved(host, port) as reserved_port:
        server = Server(
            app,
            address=host,
            port=reserved_port,
            interface=Interfaces.ASGINL,
            websockets=False,
            backlog=connections_max,
            backpressure=connections_max,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        serving = asyncio.create_task(server.serve())
        await _wait_until_ready(serving, host, reserved_port)
    url_host = f"[{host}]" if ":" in host else host
    try:
        yield Listening(f"http://{url_host}:{reserved_port}", serving)
    finally:
        if isinstance(app, Dispatcher):
            app.stop()
        server.stop()  # type: ignore[no-untyped-call]
        await _drain(serving, drain_timeout_s)


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Make sure that nobody listens there, and hold a free port until the server does.

    The server shares its port with whoever asks for the same, so that a second process would take
    half of the requests unseen; only a socket that does not share tells.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise AddressInUse(host=host, port=port, reason=reason) from error
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield int(probe.getsockname()[1])


async def _wait_until_ready(serving: asyncio.Task[None], host: str, port: int) -> None:
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while not serving.done():
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    return
                await asyncio.sleep(_RETRY_S)
    except TimeoutError:
        pass
    serving.cancel()
    raise ServerStopped


async def _drain(serving: asyncio.Task[None], timeout_s: float) -> None:
    """Let requests under way end; after the deadline their connections are cut."""
    _, pending = await asyncio.wait((serving,), timeout=timeout_s)
    if pending:
        _log.warning("drain_timeout", timeout_s=timeout_s)
        serving.cancel()
