"""Signature checks beside the writer: large batches in processes, small ones in a thread.

A verifier process is this module run as a program. It reads frames from its standard input and
answers on its standard output, one byte per check, so it ends when the registry does, however that
ends. Frames are a length of 4 bytes and a CBOR list of ``[suite, key, message, signature]``.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from struct import Struct
from typing import BinaryIO, Self

import cbor2
import structlog

from jiaozi.protocol import suites

Check = tuple[int, bytes, bytes, bytes]
"""Suite, key, signed bytes, signature."""

PROCESS_MIN = 48
"""Fewer checks than this are done in a thread: a frame's way there and back costs more."""
ANSWER_TIMEOUT_S = 10.0
"""A process that has not answered by then hangs: its checks are done here and it is replaced."""
_FRAME_MAX = 128
"""Checks per frame, so that one request is spread over the processes."""
_LENGTH = Struct(">I")
_NICENESS = 10
_log = structlog.get_logger(__name__)


class Verifiers:
    """A few verifier processes; a lost one is replaced and its checks are repeated."""

    def __init__(self, processes: int) -> None:
        self._count = processes
        self._processes: list[_Process] = []
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Start the processes."""
        self._processes = [await _Process.start() for _ in range(self._count)]

    async def stop(self) -> None:
        """End the processes."""
        ending, self._processes = self._processes, []
        for process in ending:
            await process.stop()

    async def check(self, checks: Sequence[Check]) -> bytes:
        """Return one byte per check: 1 when the signature holds."""
        if not self._processes or len(checks) < PROCESS_MIN:
            return await asyncio.to_thread(verify_all, checks)
        parts = [checks[i : i + _FRAME_MAX] for i in range(0, len(checks), _FRAME_MAX)]
        return b"".join(await asyncio.gather(*map(self._check_part, parts)))

    async def _check_part(self, checks: Sequence[Check]) -> bytes:
        process = min(self._processes, key=lambda each: each.under_way, default=None)
        if process is not None:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return await process.check(checks)
            except (VerifierLost, TimeoutError):
                await self._replace(process)
        return await asyncio.to_thread(verify_all, checks)

    async def _replace(self, lost: "_Process") -> None:
        async with self._replacing:
            if lost not in self._processes:
                return
            _log.warning("verifier_lost")
            lost.kill()
            try:
                self._processes[self._processes.index(lost)] = await _Process.start()
            except OSError as error:
                _log.error("verifier_not_started", reason=str(error))


class VerifierLost(Exception):
    """A verifier process ended; the checks it had are to be repeated."""


class _Process:
    """One verifier process and the frames it has not answered, in order.

    Never used for a second process: an answer must not meet the frames of another.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self._waiting: deque[tuple[int, asyncio.Future[bytes]]] = deque()
        self._lost = False
        self._reader = asyncio.create_task(self._read_answers())
        self.under_way = 0

    @classmethod
    async def start(cls) -> Self:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        self.kill()
        await self._reader

    async def check(self, checks: Sequence[Check]) -> bytes:
        if self._lost:
            raise VerifierLost
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        body = cbor2.dumps(checks)
        self._waiting.append((len(checks), future))
        self.under_way += len(checks)
        # The reader notices the end of the process as well, and tells; uvloop's pipe that is closed
        # raises a RuntimeError.
        with contextlib.suppress(OSError, RuntimeError):
            self._requests.write(_LENGTH.pack(len(body)) + body)
            await self._requests.drain()
        return await future

    async def _read_answers(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                first = await self._answers.readexactly(1)
                count = self._waiting[0][0]
                answer = first + await self._answers.readexactly(count - 1)
                _, future = self._waiting.popleft()
                self.under_way -= count
                if not future.done():
                    future.set_result(answer)
        self._lost = True
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(VerifierLost())
        await self._process.wait()


def verify_all(checks: Sequence[Check]) -> bytes:
    """Check signatures one after the other: one byte each, 1 when it holds."""
    return bytes(suites.verify(*check) for check in checks)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the source ends."""
    while head := source.read(_LENGTH.size):
        checks = cbor2.loads(source.read(_LENGTH.unpack(head)[0]))
        sink.write(verify_all(checks))
        sink.flush()


if __name__ == "__main__":
    # A Ctrl-C is for the registry: it ends its verifiers when no one waits for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The writer is the one thing that cannot be divided; checks fill what it leaves of the cores.
    os.nice(_NICENESS)
    with contextlib.suppress(BrokenPipeError), open(1, "wb", buffering=0, closefd=False) as answers:
        serve(sys.stdin.buffer, answers)
