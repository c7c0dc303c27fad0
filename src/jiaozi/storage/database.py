"""A party's way to its PostgreSQL: a pool of connections, transactions, deadlines.

Whatever means that the database cannot be used now leaves this module as `StorageUnavailable`, and
as `CommitUnknown` when it happened during a commit. Everything else that PostgreSQL refuses, such
as a broken constraint, passes as the driver raised it: it is for the statement's author.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.transaction import Transaction

from jiaozi.storage.errors import CommitUnknown, StorageUnavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

__all__ = ["Connection", "Database", "commit", "connect", "roll_back"]

Isolation = Literal["read_committed", "repeatable_read", "serializable"]

COMMIT_TIMEOUT_S = 10.0
"""A commit that has no answer by then may or may not have had effect."""

# A client waits a little longer than the server, so that it hears the server's own answer.
_ANSWER_GRACE_S = 5.0
_RETRY_S = 0.1
_CONNECT_TIMEOUT_S = 10.0
_DSN_FORM = "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, %40 for @ in a password."

_DRIVER_ERRORS = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A statement on a connection whose end was announced and is not yet complete.
    asyncpg.InternalClientError,
)
_STARTING = (OSError, asyncpg.CannotConnectNowError)
_UNAVAILABLE = (
    TimeoutError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)


class Database:
    """A pool of connections to one database; made by `open`."""

    def __init__(self, pool: Pool, *, address: str, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._address = address
        self._acquire_timeout_s = acquire_timeout_s

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        name: str = "jiaozi",
        pool_size: int = 8,
        statement_timeout_ms: int = 30_000,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
    ) -> Self:
        """Connect to a database, waiting while it starts.

        Args:
            dsn: `postgresql://user@host/database`; `?host=` may name a socket directory.
            name: Shown by the server for these connections.
            pool_size: Connections at most; one is opened at once.
            statement_timeout_ms: Longest run of one statement.
            connect_timeout_s: Longest wait for a connection, here and later.

        Raises:
            StorageUnavailable: The DSN is none, the server refuses it, or there is no connection
                within `connect_timeout_s`.
        """
        address = address_of(dsn)
        deadline = time.monotonic() + connect_timeout_s
        reason: Exception | None = None
        while True:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    pool = await asyncpg.create_pool(
                        dsn,
                        min_size=1,
                        max_size=pool_size,
                        timeout=connect_timeout_s,
                        command_timeout=statement_timeout_ms / 1000 + _ANSWER_GRACE_S,
                        server_settings=session_settings(name, statement_timeout_ms),
                    )
            except _DRIVER_ERRORS as error:
                # Running out of time says nothing; what went wrong before does.
                reason = error if reason is None or str(error) else reason
                if not isinstance(error, _STARTING) or time.monotonic() > deadline:
                    raise unavailable(reason, address) from error
                await asyncio.sleep(_RETRY_S)
            else:
                return cls(pool, address=address, acquire_timeout_s=connect_timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, those in use too after ten seconds."""
        try:
            async with asyncio.timeout(10):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; each statement on it is a transaction of its own.

        Raises:
            StorageUnavailable: None is free or the database is gone.
        """
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        except _DRIVER_ERRORS as error:
            raise unavailable(error, self._address) from error
        try:
            with self._storage_errors(connection, StorageUnavailable):
                yield connection
        finally:
            # What was done is done, even if the connection does not survive its return.
            with suppress(*_DRIVER_ERRORS):
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation = "read_committed", readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction, committed at the end and undone by any exception.

        Raises:
            StorageUnavailable: The database is gone; nothing has changed.
            CommitUnknown: It went away during the commit.
        """
        async with self.connection() as connection:
            transaction = connection.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            try:
                yield connection
            except BaseException:
                await roll_back(connection, transaction)
                raise
            with self._storage_errors(connection, CommitUnknown):
                await commit(connection, transaction)

    @contextmanager
    def _storage_errors(
        self, connection: Connection, kind: type[StorageUnavailable]
    ) -> Iterator[None]:
        try:
            yield
        except _DRIVER_ERRORS as error:
            if means_unavailable(error, connection):
                raise unavailable(error, self._address, kind) from error
            raise


async def commit(
    connection: Connection, transaction: Transaction, *, timeout_s: float = COMMIT_TIMEOUT_S
) -> None:
    """Commit, or end the connection when the answer takes too long.

    The commit is never cancelled: a server that waits for its synchronous standby would take that
    as leave to go on without it, and show others what is on one machine only.

    Raises:
        CommitUnknown: There was no answer in time.
    """
    is_late = False

    def give_up() -> None:
        nonlocal is_late
        is_late = True
        connection.terminate()

    timer = asyncio.get_running_loop().call_later(timeout_s, give_up)
    try:
        await transaction.commit()
    except _DRIVER_ERRORS as error:
        if not is_late:
            raise
        raise CommitUnknown(
            happened=f"The database did not confirm a commit within {timeout_s:g} s.",
            remedy="Check its disk, and its synchronous standby if it has one.",
        ) from error
    finally:
        timer.cancel()


async def roll_back(connection: Connection, transaction: Transaction) -> None:
    """Undo a transaction after an error; if that fails too, end the connection, which undoes it.

    So nothing hides the error that came first.
    """
    try:
        if not is_lost(connection):
            await transaction.rollback()
    except _DRIVER_ERRORS:
        if not is_lost(connection):
            connection.terminate()


def means_unavailable(error: Exception, connection: Connection) -> bool:
    """Tell whether an error says that the database cannot be used, or concerns its statement."""
    # Of a connection that one task uses, this says that its end is under way.
    is_ending = isinstance(error, asyncpg.InterfaceError) and "in progress" in str(error)
    return is_ending or is_lost(connection) or isinstance(error, _UNAVAILABLE)


def is_lost(connection: Connection) -> bool:
    """Tell whether a lent connection has been lost; the pool takes such a one back at once."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def session_settings(name: str, statement_timeout_ms: int) -> dict[str, str]:
    """Build what the server shall hold for a session, and returns to when it is lent again."""
    return {
        "application_name": name,
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": "60000",
        "jit": "off",
        "timezone": "UTC",
    }


async def connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect once, without a pool and without waiting for a server that starts.

    Raises:
        StorageUnavailable: The DSN is none, the server refuses it or does not answer.
    """
    address = address_of(dsn)
    try:
        return await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S)
    except _DRIVER_ERRORS as error:
        raise unavailable(error, address) from error


def address_of(dsn: str) -> str:
    """Say where a DSN leads, without its user and password.

    Raises:
        StorageUnavailable: It cannot be read.
    """
    try:
        parts = urlsplit(dsn)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        # The reason would tell a part of it, which may be the password.
        raise StorageUnavailable(happened="The DSN cannot be read.", remedy=_DSN_FORM) from None
    host = parts.hostname or parse_qs(parts.query).get("host", ["the default socket"])[0]
    return f"{parts.path.lstrip('/') or 'the default database'} at {host}{port}"


def unavailable(
    error: Exception, address: str, kind: type[StorageUnavailable] = StorageUnavailable
) -> StorageUnavailable:
    """Say what an error of the driver means for the person who runs the service."""
    reason = str(error) or "no answer in time"
    match error:
        case asyncpg.ClientConfigurationError():
            # Without the address: what stands there may be anything, a password too.
            happened, remedy = f"The DSN cannot be used ({reason}).", _DSN_FORM
        case asyncpg.DiskFullError():
            happened = f"The disk of the database {address} is full ({reason})."
            remedy = "Free some space; writing goes on by itself."
        case asyncpg.QueryCanceledError():
            happened = f"The database {address} was too slow ({reason})."
            remedy = "Try again; if it stays slow, look at its load and its disk."
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
            happened = f"The database {address} refused the connection ({reason})."
            remedy = "Check the DSN: user, password and name of the database."
        case _:
            happened = f"The database {address} is not available ({reason})."
            remedy = "Check that PostgreSQL runs and that its disk is not full."
    return kind(happened=happened, remedy=remedy)
