"""The route of live notices: server-sent events that carry a cursor and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from jiaozi.operator.history.model import Cursor, read_cursor
from jiaozi.operator.http.readers import Readers
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.notices.streams import Stream, StreamLimits, Streams
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.openapi import may_refuse, raw_answer

_CURSOR_LENGTH_MAX = 64
_EXAMPLE = "id: 7.0.0\ndata: 7.0.0\n\n"
_HEARTBEAT = b":\n\n"
LastEventId = Annotated[str | None, Header(max_length=_CURSOR_LENGTH_MAX, examples=["7.0.0"])]


class EventStream(StreamingResponse):
    """Server-sent events (WHATWG HTML §9.2)."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, stream: Stream, lifetime_s: float) -> None:
        super().__init__(
            _events(stream, streams.limits, lifetime_s), headers={"cache-control": "no-store"}
        )
        self._streams, self._stream = streams, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends or its reader is gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.forget(self._stream)


def notice_routes(operator: Operator, readers: Readers) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["notices"])
    notices, streams = operator.notices, operator.notices.streams

    @router.get(
        "/events",
        status_code=200,
        response_class=EventStream,
        responses=raw_answer(EventStream.media_type, "Events until the stream ends", _EXAMPLE),
        openapi_extra=may_refuse(Code.TOO_MANY_STREAMS, Code.SESSION_ENDED, Code.ORIGIN_FOREIGN),
    )
    async def events(
        request: Request, number: Number, last_event_id: LastEventId = None
    ) -> EventStream:
        """Tell how far the history reaches, now and whenever it grows, until the stream ends.

        Each event's id and data are the cursor of the newest line. A stream ends with its session,
        with a freeze or a new key of the wallet, and after a quarter of an hour: come again with
        `Last-Event-ID`, and you are told what you missed.
        """
        told = None if last_event_id is None else _cursor(last_event_id)
        reader = await readers.reader_numbered(request, number)
        lifetime_s = streams.limits.lifetime_s
        session = reader.session
        if session is not None:
            lifetime_s = min(lifetime_s, (session.expires_ms - operator.now_ms()) / 1000)
        stream = await notices.open(
            reader.wallet, session=None if session is None else session.digest, told=told
        )
        return EventStream(streams, stream, lifetime_s)

    return router


async def _events(stream: Stream, limits: StreamLimits, lifetime_s: float) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + lifetime_s
    yield _HEARTBEAT
    while not stream.has_ended and loop.time() < ends_at:
        stream.changed.clear()  # before looking: what comes while it is told is seen next time
        if stream.newest > stream.told:
            stream.told = stream.newest
            yield _event(stream.told)
        wait_s = min(limits.heartbeat_s, ends_at - loop.time())
        try:
            async with asyncio.timeout(wait_s):
                await stream.changed.wait()
        except TimeoutError:
            yield _HEARTBEAT


def _cursor(last_event_id: str) -> Cursor:
    try:
        return read_cursor(last_event_id)
    except Refusal:
        raise refuse(Code.MALFORMED, "header.last-event-id") from None


def _event(cursor: Cursor) -> bytes:
    return f"id: {cursor}\ndata: {cursor}\n\n".encode()
