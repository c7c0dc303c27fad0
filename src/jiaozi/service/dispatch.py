"""The way into a process: hot routes first, everything else to FastAPI.

A hot route is one exact method and path whose handler takes the raw request and gives the raw
answer; it costs a fraction of a route inside FastAPI. Every body, for whichever side, is read
here, bounded in bytes and time, and every failure that is left becomes a problem document here.
A request that is under way goes on when its sender disconnects: an order that was taken settles.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, TypeAlias

import structlog
from prometheus_client import CollectorRegistry

from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.metrics import HttpMetrics
from jiaozi.service.problems import PROBLEM_MEDIA_TYPE, problem_of

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
HeaderLines: TypeAlias = list[tuple[bytes, bytes]]

BODY_BYTES_MAX = 256 * 1024
"""Largest body of a request outside the hot routes."""
BODY_TIMEOUT_S = 10.0
"""A body has come by then or the request is refused."""

# A sender that is still writing does not hear a refusal, so some of what is too much is read.
_DISCARDED_BYTES_MAX = 16 * 1024 * 1024
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNMATCHED = "unmatched"
_log = structlog.get_logger("jiaozi.http")


class HotRequest(NamedTuple):
    """A request as it came, with its whole body."""

    method: str
    url: str
    """Path and query, undecoded: what HTTP message signatures cover."""
    headers: HeaderLines
    """All field lines with lower-case names."""
    body: bytes

    def header(self, name: bytes) -> bytes:
        """Return the first value of a field, or nothing."""
        return next((value for field, value in self.headers if field == name), b"")


class HotResponse(NamedTuple):
    """An answer."""

    body: bytes
    content_type: str = "application/cbor"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class HotRoute(NamedTuple):
    """What answers one method and path, and how large a body it takes."""

    answer: Callable[[HotRequest], Awaitable[HotResponse]]
    body_bytes_max: int


class Dispatcher:
    """The ASGI application of a process.

    Args:
        app: Takes everything that is not a hot route.
        hot: Hot routes by method and path; such a path takes no other method.
        registry: Where requests are counted.
        body_bytes_max: Largest body for `app`.
        body_timeout_s: Longest wait for a whole body.
    """

    def __init__(
        self,
        app: AsgiApp,
        hot: Mapping[tuple[str, str], HotRoute],
        *,
        registry: CollectorRegistry,
        body_bytes_max: int = BODY_BYTES_MAX,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self._app = app
        self._hot = dict(hot)
        self._hot_paths = frozenset(path for _, path in hot)
        self._metrics = HttpMetrics(registry)
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection are let go."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        watched = _WatchedSend(send)
        try:
            await self._answer(scope, receive, watched)
        except _Disconnected:
            return
        except asyncio.CancelledError:
            # The process ends before the answer is there; what was taken may settle yet.
            if not watched.status:
                await _send(problem_response(refuse(Code.UNKNOWN)), watched)
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the process
            response = problem_response(error)
            if not watched.status:
                await _send(response, watched)
        duration_s = time.perf_counter() - started
        self._metrics.answered(self._route_name(scope), watched.status, duration_s)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        route = self._hot.get((method, path))
        if route is not None:
            body = await self._read_body(scope, receive, route.body_bytes_max)
            request = HotRequest(method, target_of(scope), scope["headers"], body)
            await _send(await route.answer(request), send)
        elif path in self._hot_paths:
            allowed = ", ".join(sorted(each for each, hot in self._hot if hot == path))
            response = problem_response(refuse(Code.METHOD_NOT_ALLOWED))
            await _send(response._replace(headers=(("allow", allowed),)), send)
        else:
            body = await self._read_body(scope, receive, self._body_bytes_max)
            await self._app(scope, _replay(body, receive), send)

    def _route_name(self, scope: Scope) -> str:
        """Name a route by its template: paths bear numbers that are nobody's business."""
        if (scope["method"], scope["path"]) in self._hot:
            return f"{scope['method']} {scope['path']}"
        template = getattr(scope.get("route"), "path", None)
        if template is None or scope["method"] not in _METHODS:
            return _UNMATCHED
        return f"{scope['method']} {template}"

    async def _read_body(self, scope: Scope, receive: Receive, bytes_max: int) -> bytes:
        """Read a whole body, or refuse it before it is all in memory."""
        announced = _content_length(scope["headers"])
        if announced == 0:
            return b""
        if announced is not None and announced > bytes_max + _DISCARDED_BYTES_MAX:
            raise refuse(Code.TOO_LARGE, "body", bytes_max)
        try:
            async with asyncio.timeout(self._body_timeout_s):
                return await _collect(receive, announced, bytes_max)
        except TimeoutError:
            raise refuse(Code.MALFORMED, "body") from None


def target_of(scope: Scope) -> str:
    """Return path and query as they came, undecoded; also for handlers inside FastAPI."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def problem_response(error: Exception) -> HotResponse:
    """Turn an error into a problem document, and log what nobody expected."""
    problem = problem_of(error)
    if problem.status >= 500 and not isinstance(error, Refusal):
        _log.error("request_failed", incident=problem.document.get("incident"), exc_info=error)
    return HotResponse(problem.body, PROBLEM_MEDIA_TYPE, problem.status, problem.headers)


class _Disconnected(Exception):
    """The sender went away before the request was whole."""


class _WatchedSend:
    """Sends, and knows the status that went out; 0 before."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    def __call__(self, message: dict[str, Any]) -> Awaitable[None]:
        self.status = message.get("status", self.status)
        return self._send(message)


async def _collect(receive: Receive, announced: int | None, bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        is_whole = size == announced or not message.get("more_body", False)
        if size <= bytes_max:
            chunks.append(chunk)
            if is_whole:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        elif is_whole or size > bytes_max + _DISCARDED_BYTES_MAX:
            raise refuse(Code.TOO_LARGE, "body", bytes_max)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to an application that reads it again."""
    given = False

    async def replayed() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _send(response: HotResponse, send: Send) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode(), value.encode()) for name, value in response.headers),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _content_length(headers: HeaderLines) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None
