"""Runs `jiaozi up` in a process of its own, as from a terminal."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

JIAOZI = (sys.executable, "-m", "jiaozi.cli")
STOP_TIMEOUT_S = 40


@dataclass(frozen=True)
class Up:
    """A running `jiaozi up` and where its parties serve."""

    process: "subprocess.Popen[str]"
    central_bank: str
    operators: dict[str, str]

    def supply(self) -> dict[str, Any]:
        """The central bank's figures."""
        figures: dict[str, Any] = httpx.get(f"{self.central_bank}/v1/supply").json()
        return figures

    def children(self) -> list[psutil.Process]:
        """All processes below it, now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def is_healthy(self, url: str) -> bool:
        """Whether a party says that it can do its work."""
        return httpx.get(f"{url}/healthz").status_code == httpx.codes.OK

    def party(self, words: str) -> psutil.Process:
        """The child whose command line holds these words."""
        [found] = [each for each in self.children() if words in command_of(each)]
        return found


@contextmanager
def up(data: Path) -> Iterator[Up]:
    """Run all parties of a directory until the end of the context."""
    command = [*JIAOZI, "up", "--json", "--data", str(data), "--port-base", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Up(
                process=process,
                central_bank=told["central_bank"],
                operators=told["operators"],
            )
        finally:
            process.terminate()
            assert process.wait(STOP_TIMEOUT_S) in (0, -9)


def command_of(process: psutil.Process) -> str:
    """The command line of a process; nothing if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def wait_until_gone(processes: list[psutil.Process], timeout_s: float = 30) -> None:
    """Return when all these processes have ended; a zombie has."""
    deadline = time.monotonic() + timeout_s
    while alive := [each for each in processes if command_of(each)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    """Return when something holds; nobody answering is not it."""
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(httpx.TransportError):
            if holds():
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)
