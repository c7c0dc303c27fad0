"""Signature checks beside the writer: large batches in processes, small ones in a thread.

A verifier process is this module run as a program. It reads frames from its standard input and
answers on its standard output, one byte per check, so it ends when the registry does, however that
ends. Frames are a length of 4 bytes and a CBOR list of ``[suite, key, message, signature]``.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from struct import Struct
from typing import BinaryIO

import cbor2

from jiaozi.protocol import suites

Check = tuple[int, bytes, bytes, bytes]
"""Suite, key, signed bytes, signature."""

PROCESS_MIN = 48
"""Fewer checks than this are done in a thread: a frame's way there and back costs more."""
_FRAME_MAX = 128
"""Checks per frame, so that one request is spread over the processes."""
_LENGTH = Struct(">I")


class Verifiers:
    """A few verifier processes; a lost one is started again and its checks are repeated."""

    def __init__(self, processes: int) -> None:
        self._processes = [_Process() for _ in range(processes)]

    async def start(self) -> None:
        """Start the processes."""
        for process in self._processes:
            await process.start()

    async def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            await process.stop()

    async def check(self, checks: Sequence[Check]) -> bytes:
        """Return one byte per check: 1 when the signature holds."""
        if not self._processes or len(checks) < PROCESS_MIN:
            return await asyncio.to_thread(verify_all, checks)
        parts = [checks[i : i + _FRAME_MAX] for i in range(0, len(checks), _FRAME_MAX)]
        return b"".join(await asyncio.gather(*map(self._check_part, parts)))

    async def _check_part(self, checks: Sequence[Check]) -> bytes:
        process = min(self._processes, key=lambda each: each.under_way)
        try:
            return await process.check(checks)
        except VerifierLost:
            await process.start()
            return await asyncio.to_thread(verify_all, checks)


class VerifierLost(Exception):
    """A verifier process ended; the checks it had are to be repeated."""


class _Process:
    """One verifier process and the frames it has not answered, in order."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: deque[tuple[int, asyncio.Future[bytes]]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self.under_way = 0

    async def start(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read_answers(self._process))

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def check(self, checks: Sequence[Check]) -> bytes:
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            raise VerifierLost
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        body = cbor2.dumps(checks)
        self._waiting.append((len(checks), future))
        self.under_way += len(checks)
        try:
            process.stdin.write(_LENGTH.pack(len(body)) + body)
            await process.stdin.drain()
        except OSError:
            raise VerifierLost from None
        return await future

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                first = await process.stdout.readexactly(1)
                count = self._waiting[0][0]
                answer = first + await process.stdout.readexactly(count - 1)
                _, future = self._waiting.popleft()
                self.under_way -= count
                if not future.done():
                    future.set_result(answer)
        except asyncio.IncompleteReadError:
            await process.wait()
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(VerifierLost())
            self._waiting.clear()
            self.under_way = 0


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
    serve(sys.stdin.buffer, sys.stdout.buffer)
