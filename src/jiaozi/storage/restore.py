"""Putting a backup back: into the empty directory of an embedded server, or an empty database.

What is there already is never written over, and what does not come back whole is not left there.
"""

import asyncio
import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import asyncpg

from jiaozi.storage import launch
from jiaozi.storage.archive import recovery_settings
from jiaozi.storage.backup import BASE, DUMP, Backup, Kind
from jiaozi.storage.database import address_of, connect, unavailable
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import BackupUnusable
from jiaozi.storage.privilege import Account, server_account
from jiaozi.storage.programs import replay_dump, run_program
from jiaozi.storage.server_files import ServerFiles, sync_directory

_POLL_S = 0.05
_END_TIMEOUT_S = 10.0
_TABLES = """
SELECT count(*) FROM pg_catalog.pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
"""


async def restore_server(
    backup: Path, home: Path, *, archive: Path | None = None, until: datetime | None = None
) -> None:
    """Put an embedded server's backup back and let it recover; it is stopped at the end.

    Args:
        backup: What `back_up_server` made.
        home: Of the server, absolute; must have no databases.
        archive: Of the server's log, absolute: what came after the backup is done again from it.
        until: The moment to stop at; without it, the end of the archive. Needs ``archive``.

    Raises:
        BackupUnusable: It is no server's backup, or ``home`` has databases.
        ProgramFailed: The backup is not as it was made.
        EmbeddedServerError: The server does not recover, or the archive ends before ``until``.
    """
    _expect(backup, Kind.SERVER)
    files = ServerFiles(home)
    if files.data.exists():
        raise BackupUnusable(
            happened=f"{home} has databases already.",
            remedy="Restore into an empty directory, and move it into place afterwards.",
        )
    await run_program("pg_verifybackup", "--quiet", str(backup / BASE))
    await asyncio.to_thread(_copy, backup / BASE, files, is_recovered=archive is not None)
    settings = {} if archive is None else _settings(archive, until)
    try:
        async with EmbeddedPostgres(home, settings=settings) as server:
            await _recovered(server)
    except BaseException:
        shutil.rmtree(files.data, ignore_errors=True)
        raise


async def restore_database(backup: Path, dsn: str) -> None:
    """Put a database's backup into an empty database, whole or not at all.

    Args:
        backup: What `back_up_database` made.
        dsn: Of the database; its owner may do it.

    Raises:
        BackupUnusable: It is no database's backup, or the database has tables.
        ProgramFailed: It could not be put back; the database is as empty as before.
        StorageUnavailable: The database does not answer.
    """
    _expect(backup, Kind.DATABASE)
    connection = await connect(dsn)
    try:
        tables = await connection.fetchval(_TABLES)
    finally:
        await connection.close()
    if tables:
        raise BackupUnusable(
            happened=f"The database {address_of(dsn)} has tables already.",
            remedy="Restore into an empty database, and switch over to it afterwards.",
        )
    await replay_dump(backup / DUMP, dsn)


def _expect(backup: Path, kind: Kind) -> None:
    found = Backup.read(backup).kind
    if found is not kind:
        raise BackupUnusable(
            happened=f"{backup} is the backup of a {found}, not of a {kind}.",
            remedy="A server goes back into a directory, a database into a DSN.",
        )


def _copy(base: Path, files: ServerFiles, *, is_recovered: bool) -> None:
    """Build the data directory under another name, so that it is complete or absent."""
    files.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = server_account(files.data)
    fresh = files.fresh_data(account)
    shutil.copytree(base, fresh, dirs_exist_ok=True)
    if is_recovered:
        (fresh / "recovery.signal").touch(mode=0o600)
    _hand_over(fresh, account)
    os.sync()
    fresh.rename(files.data)
    sync_directory(files.home)


def _hand_over(data: Path, account: Account) -> None:
    data.chmod(0o700)
    os.chown(data, account.uid, account.gid)
    for directory, names, file_names in os.walk(data):
        for name in (*names, *file_names):
            os.chown(Path(directory) / name, account.uid, account.gid)


def _settings(archive: Path, until: datetime | None) -> dict[str, str]:
    settings = recovery_settings(archive)
    if until is not None:
        settings["recovery_target_time"] = until.isoformat()
        settings["recovery_target_action"] = "promote"
    return settings


async def _recovered(server: EmbeddedPostgres) -> None:
    """Wait until a server has all it is to have; the standby of the one it was is not its own."""
    dsn = server.dsn("postgres", user=launch.SUPERUSER)
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            is_recovering = True
            while is_recovering:
                await asyncio.sleep(_POLL_S)
                is_recovering = await connection.fetchval("SELECT pg_is_in_recovery()")
            await connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT_S):
                await server.watch()
        raise unavailable(error, address_of(dsn)) from error
