"""Batching: orders of many requests leave for the registry together, and each gets its answer.

::

    put -> pending (bounded) -> up to `in_flight_max` batches at the registry -> answers

An order that finds no batch under way leaves at once. Otherwise it waits for company: until
`company` orders wait, no batch is under way any more, or `gather_s` is over. What a batch costs by
itself, a signature and a journey, is so shared by many just when there are many. A full queue
refuses with ``busy``; so is told what waited past the deadline, since it was never sent. What was
sent and not answered is ``unknown``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from jiaozi.operator.registry.answers import RawAnswer, not_taken
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.traces import span

_log = structlog.get_logger("jiaozi.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How much waits and how long.

    Attributes:
        batch_max: Orders in one request to the registry.
        in_flight_max: Requests under way at once.
        company: Orders that leave together beside a batch that is under way.
        queue_max: Orders that wait; more are refused.
        gather_s: Longest wait for company while other batches are under way.
        deadline_s: Longest wait in the queue.
        retry_after_ms: When to try again after ``busy``.
    """

    batch_max: int = 500
    in_flight_max: int = 2
    company: int = 128
    queue_max: int = 8_192
    gather_s: float = 0.005
    deadline_s: float = 10.0
    retry_after_ms: int = 250


class _Waiter:
    """One caller's orders: done when each has its answer."""

    __slots__ = ("answers", "future", "left")

    def __init__(self, count: int, future: "asyncio.Future[list[RawAnswer]]") -> None:
        self.answers: list[RawAnswer] = [[]] * count
        self.future = future
        self.left = count

    def answer(self, place: int, answer: RawAnswer) -> None:
        self.answers[place] = answer
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(self.answers)


class _Pending(NamedTuple):
    submission: bytes
    waiter: _Waiter
    place: int
    overdue_at: float


class Batcher:
    """The one way of this operator's orders to the registry; lives in one event loop."""

    def __init__(
        self,
        send: Callable[[Sequence[bytes]], Awaitable[list[RawAnswer]]],
        limits: BatchLimits | None = None,
    ) -> None:
        self._send = send
        self._limits = limits or BatchLimits()
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Pending] = deque()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._flush_timer: asyncio.Handle | None = None
        self._overdue_timer: asyncio.Handle | None = None
        self._flushes_soon = False
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many orders wait to be sent."""
        return len(self._pending)

    @property
    def in_flight(self) -> int:
        """How many requests are at the registry."""
        return len(self._in_flight)

    def put(self, submissions: Sequence[bytes]) -> "asyncio.Future[list[RawAnswer]]":
        """Queue orders, all or none; the future holds their answers in their order.

        Raises:
            Refusal: ``busy`` when the queue is full, ``unavailable`` when it was closed.
        """
        limits = self._limits
        if self._is_closed:
            raise refuse(Code.UNAVAILABLE)
        if len(self._pending) + len(submissions) > limits.queue_max:
            raise refuse(Code.BUSY, limits.retry_after_ms)
        future: asyncio.Future[list[RawAnswer]] = self._loop.create_future()
        waiter = _Waiter(len(submissions), future)
        overdue_at = self._loop.time() + limits.deadline_s
        for place, submission in enumerate(submissions):
            self._pending.append(_Pending(submission, waiter, place, overdue_at))
        self._plan_flush()
        if self._overdue_timer is None:
            self._overdue_timer = self._loop.call_at(overdue_at, self._answer_overdue)
        return future

    async def submit(self, submissions: Sequence[bytes]) -> list[RawAnswer]:
        """Queue orders and wait for their answers.

        Raises:
            Refusal: As `put`.
        """
        return await self.put(submissions)

    async def close(self) -> None:
        """Refuse what waits, and wait for what is under way."""
        self._is_closed = True
        for timer in (self._flush_timer, self._overdue_timer):
            if timer is not None:
                timer.cancel()
        while self._pending:
            each = self._pending.popleft()
            each.waiter.answer(each.place, not_taken(refuse(Code.UNAVAILABLE)))
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    def _plan_flush(self) -> None:
        """Flush when this turn of the loop is over, so that what came with it goes along."""
        if self._in_flight and len(self._pending) < self._limits.company:
            if self._flush_timer is None:
                self._flush_timer = self._loop.call_later(self._limits.gather_s, self._flush)
        elif not self._flushes_soon:
            self._flushes_soon = True
            if self._flush_timer is not None:
                self._flush_timer.cancel()
            self._flush_timer = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self._flushes_soon = False
        pending = self._pending
        while pending and len(self._in_flight) < self._limits.in_flight_max:
            size = min(len(pending), self._limits.batch_max)
            batch = [pending.popleft() for _ in range(size)]
            task = self._loop.create_task(self._exchange(batch))
            self._in_flight.add(task)
            task.add_done_callback(self._came_back)

    def _came_back(self, task: "asyncio.Task[None]") -> None:
        self._in_flight.discard(task)
        error = task.exception()
        if error is not None:
            _log.error("batch_failed", exc_info=error)
        if self._pending and not self._is_closed:
            self._plan_flush()

    async def _exchange(self, batch: list[_Pending]) -> None:
        """Send one batch and answer all who wait for it, whatever happens."""
        answers = [not_taken(refuse(Code.UNKNOWN))] * len(batch)
        try:
            with span("gateway batch", orders=len(batch)):
                answers = await self._send([each.submission for each in batch])
        except Refusal as refusal:
            _log.warning("batch_not_answered", orders=len(batch), code=refusal.code.name.lower())
            answers = [not_taken(refusal)] * len(batch)
        finally:
            for each, answer in zip(batch, answers, strict=True):
                each.waiter.answer(each.place, answer)

    def _answer_overdue(self) -> None:
        """Tell those who waited too long that nothing was sent."""
        self._overdue_timer = None
        now = self._loop.time()
        busy = not_taken(refuse(Code.BUSY, self._limits.retry_after_ms))
        while self._pending and self._pending[0].overdue_at <= now:
            each = self._pending.popleft()
            each.waiter.answer(each.place, busy)
        if self._pending:
            self._overdue_timer = self._loop.call_at(
                self._pending[0].overdue_at, self._answer_overdue
            )
