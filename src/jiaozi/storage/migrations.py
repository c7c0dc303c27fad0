"""Forward-only migrations: numbered SQL files, each applied once, in order, or not at all.

A party keeps them in `migrations/0001_accounts.sql`, `0002_…`; the numbers have no gaps. Each runs
in a transaction of its own, which also records it in `schema_migration` with the hash of the file.
Any number of processes may start at once: an advisory lock lets one apply and the others find it
done. A file that was applied never changes; a mistake is put right by the next file.

Services may run meanwhile. A statement that waits for a table holds up everyone who comes after it,
so a migration waits `LOCK_TIMEOUT_MS` at most, gives way, and tries again. A file therefore locks
briefly: it adds, and what it no longer needs a later release takes away.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Self

import asyncpg

from jiaozi.storage.database import Connection, Database, is_lost, means_unavailable
from jiaozi.storage.errors import MigrationError

__all__ = ["Migration", "migrate", "read_migrations"]

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# Any constant would do; it must only be the same for everyone. "jiaozi" in ASCII.
_LOCK_KEY = 0x6A69616F7A69

LOCK_TIMEOUT_MS = 1_000
"""How long a migration may hold others up while it waits for a table."""
LOCK_TRIES = 120
LOCK_PAUSE_S = 1.0

# A migration may rewrite a large table: the pool's deadlines are not meant for it.
_TIMEOUT_S = 24 * 3600.0

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number     integer     PRIMARY KEY,
    file_name  text        NOT NULL,
    sha256     bytea       NOT NULL CHECK (length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_READ_HISTORY = "SELECT number, file_name, sha256 FROM schema_migration ORDER BY number"
_RECORD = "INSERT INTO schema_migration (number, file_name, sha256) VALUES ($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a directory of migrations."""

    number: int
    file_name: str
    sql: str
    sha256: bytes

    @classmethod
    def read(cls, file: Traversable) -> Self:
        """Read a file named like `0001_accounts.sql`.

        Raises:
            MigrationError: The name has another form.
        """
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise MigrationError(
                happened=f"{file.name} is no name of a migration.",
                remedy="Name it like 0001_accounts.sql.",
            )
        content = file.read_bytes()
        return cls(
            number=int(match[1]),
            file_name=file.name,
            sql=content.decode("utf-8"),
            sha256=hashlib.sha256(content).digest(),
        )


def read_migrations(directory: Traversable) -> list[Migration]:
    """Read a directory of migrations, in order.

    Raises:
        MigrationError: A malformed name, or numbers that are not 1, 2, 3, ….
    """
    files = (file for file in directory.iterdir() if file.name.endswith(".sql"))
    migrations = sorted((Migration.read(file) for file in files), key=lambda it: it.number)
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            raise MigrationError(
                happened=f"{migration.file_name} stands where number {expected:04} is due.",
                remedy="Number the migrations without gaps and doubles.",
            )
    return migrations


async def migrate(database: Database, directory: Traversable) -> int:
    """Bring a database up to the last migration of a directory.

    Returns:
        How many were applied now.

    Raises:
        MigrationError: The directory is malformed; an applied file has changed or is missing; or
            a migration failed, in which case those before it stay and it has had no effect.
        StorageUnavailable: The database is gone; what is committed stays.
    """
    migrations = read_migrations(directory)
    async with database.connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY, timeout=_TIMEOUT_S)
        try:
            await connection.execute(_CREATE_HISTORY)
            applied = await connection.fetch(_READ_HISTORY)
            check_history(applied, migrations)
            for migration in migrations[len(applied) :]:
                await _apply_in_turn(connection, migration)
        finally:
            if not is_lost(connection):
                await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)
    return len(migrations) - len(applied)


def check_history(applied: list[asyncpg.Record], migrations: list[Migration]) -> None:
    """Make sure that what was applied to a database are the first of our files, unchanged.

    Raises:
        MigrationError: It is not so.
    """
    for row, migration in zip(applied[:1], migrations[:1], strict=False):
        if row["file_name"] != migration.file_name:
            raise MigrationError(
                happened=f"The database is another party's: it began with {row['file_name']}.",
                remedy="Nothing was changed: check the DSN.",
            )
    if len(applied) > len(migrations):
        raise MigrationError(
            happened=f"The database has {applied[-1]['file_name']}, which this program does not.",
            remedy="It was used by a newer release: run that one.",
        )
    for row, migration in zip(applied, migrations, strict=False):
        if (row["file_name"], row["sha256"]) != (migration.file_name, migration.sha256):
            raise MigrationError(
                happened=f"{migration.file_name} is not the {row['file_name']} that was applied.",
                remedy="Restore the file as it was, and put the change into a new one.",
            )


async def _apply_in_turn(connection: Connection, migration: Migration) -> None:
    """Apply a migration, giving way to those who use its tables.

    Raises:
        MigrationError: It failed, or never got the tables.
    """
    for _ in range(LOCK_TRIES):
        try:
            await _apply(connection, migration)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(LOCK_PAUSE_S)
        else:
            return
    raise MigrationError(
        happened=f"{migration.file_name} did not get the tables that it changes.",
        remedy="Nothing of it was applied. End the long transaction that uses them; start again.",
    )


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            await connection.execute(migration.sql, timeout=_TIMEOUT_S)
            await connection.execute(
                _RECORD, migration.number, migration.file_name, migration.sha256
            )
    except asyncpg.PostgresError as error:
        if means_unavailable(error, connection):
            raise
        raise MigrationError(
            happened=f"{migration.file_name} failed: {error}.",
            remedy="Nothing of it was applied. Correct it, or the data it stumbled over.",
        ) from error
