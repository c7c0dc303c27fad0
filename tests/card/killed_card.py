"""The real card program in a process that kills itself at one of its system steps.

A step is what outlives the process or is seen outside of it: the file beside opened, written,
synced and put in the place of the card's; the directory opened and synced; an answer said. Writing
and saying may also stop half-way. The program has no hooks for it: the calls that it makes of the
system are replaced before it starts. Steps count from when the card is in the slot.

``python -m tests.card.killed_card`` reads one order a line and tells the process that it forked for
it: importing takes longer than most of these cards live.
"""

import io
import json
import os
import runpy
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from jiaozi.card import emulator
from jiaozi.card.virtual_reader import ATR

BEFORE, WITHIN, AFTER = "before", "within", "after"
OPEN, WRITE, SYNC, REPLACE, SYNC_DIRECTORY, ANSWER = (
    "open", "write", "sync", "replace", "sync directory", "answer",
)  # fmt: skip
_LENGTH_BYTES = 2
_ENDED_TIMEOUT_MS = 20_000


@dataclass(frozen=True, kw_only=True)
class Order:
    """A card to be started.

    Attributes:
        steps: A file to which it writes the steps that it takes, each before it takes it.
        last: The number of the step at which it kills itself, from 1; 0: none.
    """

    directory: str
    port: int
    steps: str
    last: int = 0


class Steps:
    """Counts the steps of this process, and ends it at one."""

    def __init__(self, order: Order) -> None:
        self._last, self._taken = order.last, 0
        self._told = os.open(order.steps, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.is_counting = False

    def take(self, name: str) -> None:
        if self.is_counting:
            self._taken += 1
            os.write(self._told, f"{name}\n".encode())
            if self._taken == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def whole(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Make a call a step that is done or not done."""

        def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the call takes
            step = SYNC_DIRECTORY if name == SYNC and _is_directory(given[0]) else name
            self.take(f"{BEFORE} {step}")
            result = call(*given, **named)
            self.take(f"{AFTER} {step}")
            return result

        return watched

    def in_halves(self, name: str, call: Callable[[bytes], object], data: bytes) -> None:
        """Make a call a step that may be done by half."""
        self.take(f"{BEFORE} {name}")
        if self.is_counting and self._taken + 1 == self._last:
            call(data[: len(data) // 2])
        self.take(f"{WITHIN} {name}")
        call(data)
        self.take(f"{AFTER} {name}")


def watch(steps: Steps) -> None:
    """Put what counts in the place of the calls that a card makes of the system."""
    connect, say = socket.create_connection, socket.socket.sendall

    class File(io.FileIO):
        def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is a buffer
            steps.in_halves(WRITE, super().write, bytes(data))
            return len(data)

    def connected(*given: Any, **named: Any) -> socket.socket:  # noqa: ANN401
        slot = connect(*given, **named)
        steps.is_counting = True
        return slot

    def answer(slot: socket.socket, frame: bytes) -> None:
        if frame[_LENGTH_BYTES:] == ATR:  # as often as pcscd happens to look
            say(slot, frame)
        else:
            steps.in_halves(ANSWER, lambda data: say(slot, data), frame)

    replaced: dict[tuple[object, str], Callable[..., Any]] = {
        (os, "open"): steps.whole(OPEN, os.open),
        (os, "fdopen"): lambda number, _: io.BufferedWriter(File(number, "wb")),
        (os, "fsync"): steps.whole(SYNC, os.fsync),
        (os, "replace"): steps.whole(REPLACE, os.replace),
        (socket, "create_connection"): connected,
        (socket.socket, "sendall"): answer,
    }
    for (place, name), call in replaced.items():
        setattr(place, name, call)


class Cards:
    """Starts cards, any number at once."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self._one_at_a_time = process, threading.Lock()

    @contextmanager
    def started(self, order: Order) -> Iterator[Callable[[], None]]:
        """Run a card until the end of the block; yields what waits until it has ended itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(asdict(order)) + "\n")
            self._process.stdin.flush()
            card = os.pidfd_open(int(self._process.stdout.readline()))
        try:
            yield lambda: _await_end(card)
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(card, signal.SIGKILL)
            _await_end(card)
            os.close(card)


@contextmanager
def cards() -> Iterator[Cards]:
    """Run the process that starts cards; they all end with it."""
    command = [sys.executable, "-m", "tests.card.killed_card"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield Cards(process)


def _await_end(card: int) -> None:
    ended = select.poll()
    ended.register(card, select.POLLIN)
    assert ended.poll(_ENDED_TIMEOUT_MS), "the card did not end"


def _is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def _be_card(order: Order) -> NoReturn:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    watch(Steps(order))
    sys.argv = ["python -m jiaozi.card", order.directory, "--port", str(order.port)]
    runpy.run_module("jiaozi.card", run_name="__main__")
    sys.exit("a card never ends by itself")


if __name__ == "__main__":
    assert emulator, "imported once for all of them"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        number = os.fork()
        if not number:
            _be_card(Order(**json.loads(line)))
        print(number, flush=True)
    os.killpg(0, signal.SIGKILL)
