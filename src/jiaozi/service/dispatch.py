"""The way into a process: hot routes first, everything else to FastAPI.

A hot route is one exact method and path whose handler takes the raw request and gives the raw
answer; it costs a fraction of a route inside FastAPI. Every body, for whichever side, is read
here, bounded in bytes and time, and every failure that is left becomes a problem document here.
A request that is under way goes on when its sender disconnects: an order that was taken settles.

What nobody has signed counts for the address it comes from, and so does a signature that turns out
to be false: an address that has used up its rate is refused before anything is read. On hot routes
only what is answered with 401 counts here; the rest they count by themselves.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, TypeAlias

import structlog
from prometheus_client import CollectorRegistry

from jiaozi.protocol.http_signatures import REQUEST_HEADER
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.bodies import (
    BODIES_BYTES_MAX,
    BODY_BYTES_MAX,
    BODY_TIMEOUT_S,
    Body,
    Budget,
    Disconnected,
    HeaderLines,
    Receive,
)
from jiaozi.service.metrics import HttpMetrics
from jiaozi.service.problems import PROBLEM_MEDIA_TYPE, Unhealthy, problem_of
from jiaozi.service.rates import RateLimit, source_of
from jiaozi.service.traces import request_span

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNMATCHED = "unmatched"
_HEALTH = "/healthz"
_SOURCE = "jiaozi.source"
_UNAUTHORIZED = 401
_REQUEST = REQUEST_HEADER.lower().encode()
_CLOSING = ("1", "1.0", "1.1")
"""Later versions end no connection with a field: a request is a stream of its own there."""
_log = structlog.get_logger("jiaozi.http")


class HotRequest(NamedTuple):
    """A request as it came, with its whole body."""

    method: str
    url: str
    """Path and query, undecoded: what HTTP message signatures cover."""
    headers: HeaderLines
    """All field lines with lower-case names."""
    body: bytes
    source: str = ""
    """The address it comes from, as limits count it."""

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
        addresses: How much one address may ask unsigned; by default as much as it likes.
        proxies: Addresses of our own reverse proxies, whose `X-Forwarded-For` is believed.
        body_bytes_max: Largest body for `app`.
        bodies_bytes_max: Largest sum of all bodies under way.
        body_timeout_s: Longest wait for a whole body.
        on_stop: Ends what would keep requests under way for ever.
    """

    def __init__(
        self,
        app: AsgiApp,
        hot: Mapping[tuple[str, str], HotRoute],
        *,
        registry: CollectorRegistry,
        addresses: RateLimit | None = None,
        proxies: frozenset[str] = frozenset(),
        body_bytes_max: int = BODY_BYTES_MAX,
        bodies_bytes_max: int = BODIES_BYTES_MAX,
        body_timeout_s: float = BODY_TIMEOUT_S,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._hot = dict(hot)
        self._hot_paths = frozenset(path for _, path in hot)
        self._metrics = HttpMetrics(registry)
        self._addresses = addresses
        self._proxies = proxies
        self._body_bytes_max = body_bytes_max
        self._budget = Budget(bodies_bytes_max)
        self._body_timeout_s = body_timeout_s
        self.stop = on_stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection are let go."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        with request_span(scope["headers"]) as traced:
            status = await self._answer_whatever_happens(scope, receive, send)
            if status is None:
                return
            name = self._route_name(scope)
            traced.answered(name, status)
        self._metrics.answered(name, status, time.perf_counter() - started)

    async def _answer_whatever_happens(
        self, scope: Scope, receive: Receive, send: Send
    ) -> int | None:
        """Answer, with a problem document if need be; return the status, None without a reader."""
        scope[_SOURCE] = source = self._source(scope)
        body = Body(self._budget, source, scope["headers"])
        watched = _WatchedSend(send, scope, body)
        try:
            await self._answer(scope, receive, watched, body)
        except Disconnected:
            return None
        except asyncio.CancelledError:
            # The process ends before the answer is there; what was taken may settle yet.
            if not watched.status:
                await _send(problem_response(refuse(Code.UNKNOWN)), watched)
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the process
            response = problem_response(error)
            if not watched.status:
                await _send(response, watched)
        finally:
            body.release()
        if watched.status == _UNAUTHORIZED and self._addresses is not None and _is_signed(scope):
            self._addresses.charge(source)
        return watched.status

    async def _answer(
        self, scope: Scope, receive: Receive, send: "_WatchedSend", body: Body
    ) -> None:
        method, path = scope["method"], scope["path"]
        route = self._hot.get((method, path))
        if route is not None:
            if self._addresses is not None:
                self._addresses.check(body.source)
            data = await body.read(
                receive, bytes_max=route.body_bytes_max, timeout_s=self._body_timeout_s
            )
            request = HotRequest(method, target_of(scope), scope["headers"], data, body.source)
            await _send(await route.answer(request), send)
        elif path in self._hot_paths:
            allowed = ", ".join(sorted(each for each, hot in self._hot if hot == path))
            response = problem_response(refuse(Code.METHOD_NOT_ALLOWED))
            await _send(response._replace(headers=(("allow", allowed),)), send)
        else:
            await self._answer_counted(scope, receive, send, body)

    async def _answer_counted(
        self, scope: Scope, receive: Receive, send: "_WatchedSend", body: Body
    ) -> None:
        """Answer what is no hot route, and count it for its address unless it is signed."""
        addresses, source = self._addresses, body.source
        if scope["path"] == _HEALTH:
            source += _HEALTH  # whoever is refused elsewhere still learns that we are well
        if addresses is not None:
            if _is_signed(scope):
                addresses.check(source)
            else:
                addresses.take(source)
        data = await body.read(
            receive, bytes_max=self._body_bytes_max, timeout_s=self._body_timeout_s
        )
        await self._app(scope, _replay(data, receive), send)

    def _source(self, scope: Scope) -> str:
        """Tell where a request comes from; a proxy of ours says it in the field's last item."""
        host: str = scope["client"][0]
        if host in self._proxies:
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            if forwarded:
                host = forwarded[-1].rpartition(b",")[2].strip().decode("latin-1")
        return source_of(host)

    def _route_name(self, scope: Scope) -> str:
        """Name a route by its template: paths bear numbers that are nobody's business."""
        if (scope["method"], scope["path"]) in self._hot:
            return f"{scope['method']} {scope['path']}"
        template = getattr(scope.get("route"), "path", None)
        if template is None or scope["method"] not in _METHODS:
            return _UNMATCHED
        return f"{scope['method']} {template}"


def target_of(scope: Scope) -> str:
    """Return path and query as they came, undecoded; also for handlers inside FastAPI."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def source_in(scope: MutableMapping[str, Any]) -> str:
    """Return the address a request comes from, as limits count it; for handlers inside FastAPI."""
    return str(scope[_SOURCE])


def problem_response(error: Exception) -> HotResponse:
    """Turn an error into a problem document, and log what nobody expected."""
    problem = problem_of(error)
    if problem.status >= 500 and not isinstance(error, Refusal | Unhealthy):
        _log.error("request_failed", incident=problem.document.get("incident"), exc_info=error)
    return HotResponse(problem.body, PROBLEM_MEDIA_TYPE, problem.status, problem.headers)


class _WatchedSend:
    """Sends, repeats the name of the request, and knows the status that went out; 0 before.

    What is answered before its body was read ends the connection. It says so, lest the sender's
    next request goes the same way and is lost.
    """

    def __init__(self, send: Send, scope: Scope, body: Body) -> None:
        self._send = send
        self._named = [each for each in scope["headers"] if each[0] == _REQUEST]
        self._body = body
        self._can_close = scope["http_version"] in _CLOSING
        self.status = 0

    def __call__(self, message: dict[str, Any]) -> Awaitable[None]:
        if "status" in message:
            self.status = message["status"]
            added = self._named[:1]
            if self._can_close and self._body.is_unread:
                added.append((b"connection", b"close"))
            if added:
                message["headers"] = [*message["headers"], *added]
        return self._send(message)


def _is_signed(scope: Scope) -> bool:
    """Tell whether a request claims to be signed."""
    return any(name == b"signature" for name, _ in scope["headers"])


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
