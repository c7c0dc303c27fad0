"""One party's process: started, watched, started again when it dies, ended.

It runs in a session of its own, so that a Ctrl-C at the terminal reaches us alone and we end the
parties in order. It never outlives us: the kernel kills it when we are killed. That loses nothing,
since what was acknowledged is on disk.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from jiaozi.local.errors import ProcessFailed
from jiaozi.service.files import make_directory
from jiaozi.storage.privilege import dying_with_us

LOG_BYTES_MAX = 16 * 1024 * 1024
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
PAUSE_MIN_S = 0.5
PAUSE_MAX_S = 30.0
STEADY_S = 60.0
"""A process that has run for so long is started again at once when it dies."""

_POLL_S = 0.05
_LOG_LINES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run.

    Attributes:
        name: Such as ``central-bank``.
        command: Program and arguments.
        url: Where it serves once it is ready.
        log: Takes what it prints.
    """

    name: str
    command: Sequence[str]
    url: str
    log: Path


class PartyProcess:
    """The process of one party; `run` starts it, and again whenever it dies, until cancelled."""

    def __init__(self, program: Program, tell: Callable[[str], None]) -> None:
        self.program = program
        self.restarts = 0
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the process and return when it serves.

        Raises:
            ProcessFailed: It ended before, or took too long; with the end of its log.
        """
        process = await self._spawn()
        deadline = time.monotonic() + READY_TIMEOUT_S
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            while process.returncode is None and time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get(f"{self.program.url}/healthz")
                    if answer.status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(_POLL_S)
        ended = process.returncode is not None
        raise ProcessFailed(
            happened=f"{self.program.name} {'did not start' if ended else 'is not ready'}: "
            f"{_last_lines(self.program.log)}",
            remedy=f"Its log is {self.program.log}.",
        )

    async def keep_running(self) -> None:
        """Start the process again whenever it dies; the pauses grow while it keeps dying."""
        pause_s = PAUSE_MIN_S
        started = time.monotonic()
        while True:
            assert self._process is not None, "it was started before"
            status = await self._process.wait()
            if time.monotonic() - started > STEADY_S:
                pause_s = PAUSE_MIN_S
            self._tell(f"{self.program.name} {_how(status)}; starting it again in {pause_s:g} s.")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
            started = time.monotonic()
            self.restarts += 1
            await self._spawn()

    async def stop(self) -> None:
        """Ask the process to end, and kill it if it takes too long; does nothing to a dead one."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        make_directory(self.program.log.parent)
        with contextlib.suppress(FileNotFoundError):
            if self.program.log.stat().st_size > LOG_BYTES_MAX:
                self.program.log.replace(self.program.log.with_suffix(".log.1"))
        with self.program.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *dying_with_us("KILL"),
                *self.program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process


def _how(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _last_lines(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    return "\n  ".join(["it said", *lines]) if lines else "it said nothing"
