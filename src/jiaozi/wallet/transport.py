"""Requests to an operator, sent again until there is a definite answer or the deadline has passed.

Every request of the operator API may be repeated: an order is known by its id, an exchange by
its own. So a lost answer, a full queue (429) and a service that cannot write now (503) have one
cure: wait, and send the same again. A signed request gets a new nonce and time for each attempt.
Each attempt has a name, which its answer repeats (`REQUEST_HEADER`): what a network delivers twice
answers no other request. An answer under another name or none is a lost answer, whatever it says.
When the deadline passes nothing is known: `NoAnswer`, never a refusal.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Final

import httpx

from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import NETWORK_HEADER, REQUEST_HEADER, sign_request
from jiaozi.protocol.suites import Signer
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer

ANSWER_BYTES_MAX = 4 << 20
"""Longest answer that is read: 2,000 outcomes or a page of history fit many times."""

QUIET_S = 60.0
"""A stream that shows no sign of life for so long is broken."""

_TRY_AGAIN: Final = frozenset((429, 500, 502, 503, 504))
_NONCE_LENGTH = 16
_NAME_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try for a definite answer; seconds.

    Attributes:
        total_s: From the first attempt to giving up.
        attempt_s: One attempt, from connecting to the last byte.
        pause_min_s: Before the second attempt; doubled for each further one.
        pause_max_s: The longest pause, unless the operator asks for a longer one.
    """

    total_s: float = 30.0
    attempt_s: float = 10.0
    pause_min_s: float = 0.1
    pause_max_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who signs requests: a wallet's number and key, or a new key that names itself."""

    key_id: str
    signer: Signer
    network: NetworkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; ``credentials`` sign it."""

    method: str
    path: str
    body: bytes = b""
    content_type: str | None = None
    accept: str = "application/json"
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A definite answer, and how many attempts it took."""

    status: int
    body: bytes
    attempts: int


@dataclass(slots=True)
class Attempts:
    """The attempts at one thing: counts them and keeps their common deadline."""

    edge: Edge
    patience: Patience
    deadline_s: float
    made: int = 0

    def left_s(self) -> float:
        """Return the seconds until the deadline, below zero when it has passed."""
        return self.deadline_s - self.edge.monotonic_s()

    async def pause(self, *, at_least_s: float = 0.0) -> bool:
        """Wait before the next attempt, a little at random; False when the deadline comes first."""
        doubled = self.patience.pause_min_s * 2 ** min(self.made - 1, 16)
        share = int.from_bytes(self.edge.random(2), "big") / 0xFFFF
        wanted = min(doubled, self.patience.pause_max_s) * (0.5 + share / 2)
        pause_s = max(wanted, at_least_s)
        if pause_s >= self.left_s():
            return False
        await self.edge.sleep(pause_s)
        return True


class AnswerToAnother(httpx.RemoteProtocolError):
    """What came bears another request's name, or none."""


class Transport:
    """Sends requests to one operator."""

    def __init__(
        self, http: httpx.AsyncClient, operator_url: str, *, edge: Edge, patience: Patience
    ) -> None:
        """Take an HTTP client, which the caller closes, and the address without a last slash."""
        self._http = http
        self._url = operator_url.rstrip("/")
        self._edge = edge
        self._patience = patience

    def attempts(self) -> Attempts:
        """Start counting attempts and time for one thing."""
        deadline_s = self._edge.monotonic_s() + self._patience.total_s
        return Attempts(self._edge, self._patience, deadline_s)

    async def send(self, request: Request, attempts: Attempts | None = None) -> Answer:
        """Send until there is a definite answer, a refusal included.

        Raises:
            NoAnswer: The deadline passed; what was asked may have been done.
            AnswerMalformed: The answer is longer than `ANSWER_BYTES_MAX`.
        """
        attempts = attempts or self.attempts()
        while True:
            attempts.made += 1
            retry_after_s = 0.0
            try:
                answer, retry_after_s = await self._attempt(request, attempts)
            except (httpx.RequestError, TimeoutError) as error:
                trouble = str(error) or type(error).__name__
            else:
                if answer.status not in _TRY_AGAIN:
                    return answer
                trouble = f"HTTP status {answer.status}"
            if not await attempts.pause(at_least_s=retry_after_s):
                raise NoAnswer(
                    detail=f"No definite answer from {self._url} in {attempts.made} attempts over "
                    f"{self._patience.total_s:g} s ({trouble})"
                )

    async def download(self, request: Request, sink: BinaryIO) -> Answer:
        """Ask once, and again while the operator is busy; write a good answer into a file.

        It may take any time in all, but no pause in it may be longer than patience is.

        Returns:
            The answer; its body is empty when it was written.

        Raises:
            NoAnswer: There was none, it broke off, or it paused too long.
            AnswerMalformed: What is no good answer is longer than `ANSWER_BYTES_MAX`.
        """
        attempts = self.attempts()
        while True:
            attempts.made += 1
            try:
                answer = await self._download(request, sink, attempts)
            except (httpx.RequestError, TimeoutError) as error:
                if isinstance(error, AnswerToAnother) and await attempts.pause():
                    continue
                reason = str(error) or type(error).__name__
                raise NoAnswer(detail=f"The answer of {self._url} broke off ({reason})") from error
            if answer.status not in _TRY_AGAIN or not await attempts.pause():
                return answer

    async def _download(self, request: Request, sink: BinaryIO, attempts: Attempts) -> Answer:
        built = self._built(request)
        pause_s = self._patience.total_s
        built.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), pause_s)
        body = bytearray()
        async with self._own_answer(built) as response:
            async for chunk in response.aiter_bytes():
                if response.status_code == HTTPStatus.OK:
                    sink.write(chunk)
                    continue
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise AnswerMalformed(detail=f"An answer of {self._url} is far too long")
        return Answer(status=response.status_code, body=bytes(body), attempts=attempts.made)

    async def lines(
        self, request: Request, headers: Mapping[str, str]
    ) -> AsyncIterator[str | Answer]:
        """Yield the lines of an answer as they come; of another answer than a good one, itself.

        Raises:
            httpx.HTTPError: No connection, or nothing came for `QUIET_S`.
        """
        built = self._built(request)
        built.headers.update(headers)
        timeout = httpx.Timeout(self._patience.attempt_s, read=QUIET_S)
        built.extensions["timeout"] = timeout.as_dict()
        async with self._own_answer(built) as response:
            if response.status_code != HTTPStatus.OK:
                body = await response.aread()
                yield Answer(status=response.status_code, body=body, attempts=1)
                return
            async for line in response.aiter_lines():
                yield line

    async def _attempt(self, request: Request, attempts: Attempts) -> tuple[Answer, float]:
        """Send once; return the answer and the seconds it asks to wait before the next attempt."""
        built = self._built(request)
        async with asyncio.timeout(min(self._patience.attempt_s, max(0.0, attempts.left_s()))):
            body = bytearray()
            async with self._own_answer(built) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise AnswerMalformed(detail=f"An answer of {self._url} is far too long")
        answer = Answer(status=response.status_code, body=bytes(body), attempts=attempts.made)
        return answer, _seconds(response.headers.get("Retry-After", ""))

    @asynccontextmanager
    async def _own_answer(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request under a new name; what answers another ends the connection, unread."""
        name = self._edge.random(_NAME_LENGTH).hex()
        request.headers[REQUEST_HEADER] = name
        response = await self._http.send(request, stream=True)
        try:
            if response.headers.get(REQUEST_HEADER) != name:
                raise AnswerToAnother(
                    f"an answer does not repeat {REQUEST_HEADER}: it came twice, or is an older "
                    "service's"
                )
            yield response
        finally:
            await response.aclose()

    def _built(self, request: Request) -> httpx.Request:
        return self._http.build_request(
            request.method,
            self._url + request.path,
            content=request.body or None,
            headers=self._headers(request),
        )

    def _headers(self, request: Request) -> Mapping[str, str]:
        headers = {"Accept": request.accept}
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        credentials = request.credentials
        if credentials is None:
            return headers
        headers[NETWORK_HEADER] = credentials.network.hex()
        return headers | sign_request(
            method=request.method,
            url=request.path,
            headers=headers,
            body=request.body,
            signer=credentials.signer,
            key_id=credentials.key_id,
            created_s=self._edge.now_ms() // 1000,
            nonce=self._edge.random(_NONCE_LENGTH).hex(),
        )


def _seconds(text: str) -> float:
    """Read a Retry-After in seconds; the form with a date is not used here and counts as none."""
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0.0
