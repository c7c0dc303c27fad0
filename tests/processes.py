"""Processes that tests kill: forked from one that has imported the programs already.

Importing a party takes most of a second, and some tests start one twenty times. Each is a process
of its own all the same, with its own interpreter state from the fork on, and dies of any signal.
"""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.operator.run_operator", "tests.registry.run_registry", "tests.wallet.run_wallet"]
)


class ServingProcess:
    """A program that tells its URL once it serves.

    Args:
        main: Called in the process with the arguments and what to call with its URL.
        arguments: Plain values.
        log: Takes what the process writes to standard error.
    """

    def __init__(
        self, main: Callable[..., None], *arguments: object, log: Path | None = None
    ) -> None:
        self._told, telling = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=_run, args=(main, telling, log, *arguments), daemon=True
        )
        self._process.start()
        telling.close()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    async def url(self, timeout_s: float = 60) -> str:
        """Wait until it serves; empty when it ended before that."""
        if not await asyncio.to_thread(self._told.poll, timeout_s):
            raise TimeoutError
        try:
            return str(self._told.recv())
        except EOFError:
            return ""

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, below zero for a signal."""
        await asyncio.to_thread(self._process.join)
        assert self._process.exitcode is not None
        return self._process.exitcode

    async def kill(self) -> None:
        """End it as a power cut would, unless it has ended."""
        if not self._told.closed:
            self._process.kill()
            await self.wait()
            self._told.close()


def _run(
    main: Callable[..., None], telling: "Connection", log: Path | None, *arguments: object
) -> None:
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
    main(*arguments, telling.send)
