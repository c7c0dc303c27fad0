"""The processes that check blocks, one for each core; they end when the audit does.

A frame is a length of 4 bytes and the blocks in Python's own fastest encoding, which only ever
comes from a process of this very program.
"""

import asyncio
import contextlib
import marshal
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from jiaozi.central_bank.audit.check import LENGTH, check_block
from jiaozi.central_bank.audit.model import (
    AuditStopped,
    CheckedBlock,
    CheckedHeader,
    CheckedOrder,
    RawBlock,
    Rule,
)
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.order_types import OrderType

_BUFFER_BYTES = 1 << 24
_JOB_BYTES = 1 << 19
_JOB_BLOCKS_MAX = 256


class CheckerLost(AuditStopped):
    """A checking process ended; the audit has to be started again."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


class Checkers:
    """Checks blocks in processes; with none of them, in a thread."""

    def __init__(self, network: NetworkId, processes: int) -> None:
        self._network = network
        self._processes = [_Process(network) for _ in range(processes)]

    async def __aenter__(self) -> Self:
        for process in self._processes:
            await process.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            await process.stop()

    @property
    def under_way_max(self) -> int:
        """How many requests keep all processes busy."""
        return 1 + 2 * len(self._processes)

    async def check(self, blocks: Sequence[RawBlock]) -> list[CheckedBlock]:
        """Check some blocks by themselves.

        Raises:
            CheckerLost: The process that had them ended.
        """
        if not self._processes:
            return [
                await asyncio.to_thread(check_block, self._network, each.header, each.body)
                for each in blocks
            ]
        process = min(self._processes, key=lambda each: each.bytes_under_way)
        return await process.check(blocks)


async def checked_in_order(
    blocks: AsyncIterator[RawBlock], checkers: Checkers
) -> AsyncGenerator[Iterable[tuple[RawBlock, CheckedBlock]], None]:
    """Have blocks checked, some jobs ahead; what comes out is in their order.

    Raises:
        CheckerLost: A process ended.
    """
    under_way: deque[tuple[list[RawBlock], asyncio.Task[list[CheckedBlock]]]] = deque()
    try:
        async for job in _jobs(blocks):
            under_way.append((job, asyncio.create_task(checkers.check(job))))
            if len(under_way) >= checkers.under_way_max:
                first, task = under_way.popleft()
                yield zip(first, await task, strict=True)
        while under_way:
            first, task = under_way.popleft()
            yield zip(first, await task, strict=True)
    finally:
        for _, task in under_way:
            task.cancel()


async def _jobs(blocks: AsyncIterator[RawBlock]) -> AsyncIterator[list[RawBlock]]:
    """Put small blocks together, so that a job is worth its way to another process."""
    job: list[RawBlock] = []
    size = 0
    async for each in blocks:
        job.append(each)
        size += len(each.body)
        if size >= _JOB_BYTES or len(job) == _JOB_BLOCKS_MAX:
            yield job
            job, size = [], 0
    if job:
        yield job


class _Process:
    """One process and the requests it has not answered, in order."""

    def __init__(self, network: NetworkId) -> None:
        self._network = network
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: deque[tuple[int, asyncio.Future[bytes]]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self.bytes_under_way = 0

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jiaozi.central_bank.audit.check",
            self._network.hex(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_BUFFER_BYTES,
        )
        self._reader = asyncio.create_task(self._read_answers(self._process))

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def check(self, blocks: Sequence[RawBlock]) -> list[CheckedBlock]:
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            raise _lost()
        frame = marshal.dumps([(each.header, each.body) for each in blocks])
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(frame), future))
        self.bytes_under_way += len(frame)
        try:
            process.stdin.write(LENGTH.pack(len(frame)) + frame)
            await process.stdin.drain()
        except OSError:
            raise _lost() from None
        answer = await future
        return [_decode(each) for each in marshal.loads(answer)]  # noqa: S302 - our own child

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                head = await process.stdout.readexactly(LENGTH.size)
                answer = await process.stdout.readexactly(LENGTH.unpack(head)[0])
                size, future = self._waiting.popleft()
                self.bytes_under_way -= size
                if not future.done():
                    future.set_result(answer)
        except asyncio.IncompleteReadError:
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(_lost())


def _lost() -> CheckerLost:
    return CheckerLost(reason="a checking process ended unexpectedly; start the audit again")


def _decode(value: tuple[Any, Any, Any]) -> CheckedBlock:
    header, orders, faults = value
    return CheckedBlock(
        None if header is None else CheckedHeader(*header),
        [CheckedOrder(position, _TYPES[kind], *rest) for position, kind, *rest in orders],
        [(Rule(rule), detail, position) for rule, detail, position in faults],
    )


_TYPES = {int(each): each for each in OrderType}
