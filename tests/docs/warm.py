"""A `jiaozi` that starts at once, for pages with dozens of commands: the program, imported once.

::

    jiaozi --socket: arguments, directory, environment, standard streams--> a process that has
    imported every command; it forks one that has these and runs the command
           <-- its process id, then its exit code

``JIAOZI`` below is what stands in the place of the real script. It hands on signals, so that the
command can be ended as that can. Passphrases of wallets are quick to try, which else takes most of
the time of a page.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from jiaozi.wallet.keystore import KdfCost, write_keystore

_REQUEST_BYTES_MAX = 1 << 20
_ROOT = Path(__file__).parents[2]

JIAOZI = """#!{python} -IS
import os, pickle, signal, socket, sys

there = socket.socket(socket.AF_UNIX)
there.connect({socket!r})
request = pickle.dumps((sys.argv[1:], os.getcwd(), dict(os.environ)))
socket.send_fds(there, [len(request).to_bytes(4, "big")], [0, 1, 2])
there.sendall(request)
pid = int.from_bytes(there.recv(4), "big")
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, lambda number, _: os.kill(pid, number))
sys.exit(there.recv(1)[0])
"""


@contextmanager
def warm_jiaozi(directory: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Yield a directory for ``PATH`` whose `jiaozi` is there at once."""
    directory.mkdir()
    where, script = str(directory / "socket"), directory / "jiaozi"
    script.write_text(JIAOZI.format(python=sys.executable, socket=where))
    script.chmod(0o755)
    command = [sys.executable, "-m", "tests.docs.warm", where]
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield directory
        finally:
            process.kill()


def serve(where: str) -> None:
    """Run commands for whoever connects, until killed."""
    cli = import_module("jiaozi.cli")
    for module in cli._GROUPS.values():
        import_module(module)
    write_keystore.__kwdefaults__["cost"] = KdfCost(memory_kib=8, passes=1, lanes=1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            _reap()
            if os.fork() == 0:
                listener.close()
                _attend(connection)
            connection.close()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return


def _attend(connection: socket.socket) -> None:
    """Have a command run by a child, and tell its id and how it ended."""
    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(head, "big"):
        request += connection.recv(_REQUEST_BYTES_MAX)
    arguments, place, environment = pickle.loads(request)
    pid = os.fork()
    if pid == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(place)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = arguments
        os._exit(_run())
    for stream in streams:
        os.close(stream)
    connection.sendall(pid.to_bytes(4, "big"))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _run() -> int:
    """Run the command as the real script does; return its exit code."""
    try:
        import_module("jiaozi.cli").main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001 - told as the interpreter would
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(sys.argv[1])
