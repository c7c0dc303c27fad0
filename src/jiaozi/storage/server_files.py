"""The files of one embedded PostgreSQL: where they are, who owns them, who holds them.

    home/pgdata          the data directory proper
    home/sockets         the Unix socket; in the temporary directory when home's path is too long
    home/postgres.log    what the server says
    home/owner.lock      held by the process that runs the server

Only these are ever created or changed, never a directory above them. What the server does with
them is left to `embedded`.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import Signals

import psutil

from jiaozi.storage.errors import EmbeddedServerError
from jiaozi.storage.privilege import Account
from jiaozi.storage.shutdown import shut_down

# sockaddr_un holds 108 bytes with the closing zero. Source: unix(7).
SOCKET_PATH_BYTES_MAX = 107
LOG_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Paths below one home directory, which must be absolute."""

    home: Path

    @property
    def data(self) -> Path:
        """The data directory, complete as soon as it exists."""
        return self.home / "pgdata"

    @property
    def log(self) -> Path:
        """The server's log, of this and the last start."""
        return self.home / "postgres.log"

    @property
    def postmaster_pid(self) -> Path:
        """PostgreSQL's own lock file: process id in line 1, readiness in line 8."""
        return self.data / "postmaster.pid"

    @property
    def sockets(self) -> Path:
        """The directory of the Unix socket, short enough for the kernel."""
        near = self.home / "sockets"
        if len(os.fsencode(near / ".s.PGSQL.65535")) <= SOCKET_PATH_BYTES_MAX:
            return near
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()
        return Path(tempfile.gettempdir()) / f"jiaozi-{digest[:16]}"

    def prepare(self, account: Account) -> None:
        """Create what is missing, owned by `account`, and clear what a dead server left.

        Raises:
            EmbeddedServerError: The socket directory belongs to someone else.
        """
        own_directory(self.sockets, account)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        os.chown(self.log, account.uid, account.gid)

    def fresh_data(self, account: Account) -> Path:
        """Make an empty directory in which `data` can be built up and then renamed."""
        fresh = self.home / "pgdata.new"
        shutil.rmtree(fresh, ignore_errors=True)
        own_directory(fresh, account)
        return fresh

    def acquire(self) -> int:
        """Become the one process that may run this server, until it ends or closes the result.

        A process forked from this one holds the lock too; one that was started anew does not.

        Returns:
            The file descriptor that holds the lock.

        Raises:
            EmbeddedServerError: Another process runs it.
        """
        path = self.home / "owner.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode("ascii") or "unknown"
            os.close(lock)
            raise EmbeddedServerError(
                happened=f"The database in {self.home} is in use by process {holder}.",
                remedy="Stop that process, or choose another data directory.",
            ) from None
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode("ascii"))
        return lock

    def release(self, lock: int) -> None:
        """Let others run this server, and leave nothing in the temporary directory."""
        if self.sockets.parent != self.home:
            with contextlib.suppress(OSError):
                self.sockets.rmdir()
        os.close(lock)

    def running_postmaster(self) -> psutil.Process | None:
        """Find the live server of this data directory, if there is one.

        PostgreSQL's lock file alone does not tell: after a crash its process id may be a zombie's
        or belong to any other process.
        """
        try:
            process = psutil.Process(int(self.postmaster_pid.read_text("ascii").split("\n")[0]))
            is_ours = str(self.data) in process.cmdline()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return process if is_ours else None

    async def end_orphan(self) -> None:
        """End a server whose parent was killed, and remove a stale lock file.

        Call only while holding the lock of `acquire`.

        Raises:
            EmbeddedServerError: It does not end.
        """
        orphan = self.running_postmaster()
        if orphan is not None:
            await shut_down(partial(_send, orphan), lambda: self.running_postmaster() is None)
        self.postmaster_pid.unlink(missing_ok=True)


def _send(process: psutil.Process, order: Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(order)


def own_directory(path: Path, account: Account) -> None:
    """Create a directory for `account` alone, or check that an existing one is so.

    Raises:
        EmbeddedServerError: It is someone else's, no directory, or open to others.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        pass
    else:
        os.chown(path, account.uid, account.gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
        raise EmbeddedServerError(
            happened=f"{path} is not a directory of user {account.uid} alone.",
            remedy="Remove it and start again.",
        )


def sync_directory(path: Path) -> None:
    """Put the names in a directory on disk."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
