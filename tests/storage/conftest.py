"""Servers of their own, durable, for tests that kill them."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for a server, with a short path."""
    with tempfile.TemporaryDirectory(prefix="jiaozi-test-") as path:
        yield Path(path) / "postgres"


@contextmanager
def server_process(home: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a server in a process of its own, behind the command `prefix`.

    Yields:
        That process, and the process id of PostgreSQL.
    """
    program = Path(__file__).parent / "run_server.py"
    command = [*prefix, sys.executable, str(program), str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        assert it.stderr is not None
        line = it.stdout.readline()
        assert line, it.stderr.read()
        try:
            yield it, int(line)
        finally:
            it.kill()
            wait_until_gone(int(line))


def wait_until_gone(pid: int, *, timeout_s: float = 10) -> None:
    """Wait for the end of a process that is not our child; a zombie has ended."""
    deadline = time.monotonic() + timeout_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
