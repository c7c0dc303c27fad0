"""Backups: of a whole embedded server, or of one database anywhere.

::

    TARGET/
      backup.json       what this is, when and from which server; written last
      base/             of a server: a copy of its files, with the log that makes it consistent
      database.dump     of a database: its tables as of one moment, for any server

A server's backup can be rolled on to any later moment by an archive of its log (`archive`). A dump
cannot, but it needs no more than the owner's rights and fits every version. Both are taken while
orders come. Putting them back is `restore`'s.
"""

import json
import os
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from jiaozi.storage import launch
from jiaozi.storage.database import connect
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import BackupUnusable
from jiaozi.storage.programs import run_program
from jiaozi.storage.server_files import ServerFiles

BASE = "base"
DUMP = "database.dump"
_LABEL = "backup.json"
_FORMAT = 1


class Kind(StrEnum):
    """What a backup holds."""

    SERVER = "server"
    DATABASE = "database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished backup, as its label tells.

    Attributes:
        kind: What it holds.
        made_at: When it was begun, ISO 8601 in UTC.
        server_version: Of PostgreSQL, such as ``18.1``.
        format: Of the directory; 1.
    """

    kind: Kind
    made_at: str
    server_version: str
    format: int = _FORMAT

    @classmethod
    def read(cls, target: Path) -> Self:
        """Read the label of a backup.

        Raises:
            BackupUnusable: There is none: no backup, or one that was not finished.
        """
        try:
            document = json.loads((target / _LABEL).read_text("utf-8"))
            label = cls(**{**document, "kind": Kind(document["kind"])})
        except (OSError, ValueError, TypeError, KeyError):
            raise BackupUnusable(
                happened=f"{target} holds no finished backup.",
                remedy=f"Name a directory that `jiaozi backup` made: it has a {_LABEL}.",
            ) from None
        if label.format != _FORMAT:
            raise BackupUnusable(
                happened=f"{target} is of a newer form.",
                remedy="Use the release that made it.",
            )
        return label


async def back_up_server(home: Path, target: Path) -> Backup:
    """Copy the embedded server of a directory, all databases, running or not.

    Args:
        home: Of the server, absolute.
        target: A directory that does not exist or is empty.

    Raises:
        BackupUnusable: ``target`` has something in it, or ``home`` has no server.
        ProgramFailed: The copy could not be made or is not whole.
        StorageError: The server does not answer or does not start.
    """
    files = ServerFiles(home)
    if not files.data.exists():
        raise BackupUnusable(
            happened=f"There is no database in {home}.", remedy="Check the directory."
        )
    _make_empty(target)
    server = EmbeddedPostgres(home)
    async with AsyncExitStack() as stack:
        if files.running_postmaster() is None:
            await stack.enter_async_context(server)
        dsn = server.dsn("postgres", user=launch.SUPERUSER)
        label = await _label(Kind.SERVER, dsn)
        base = target / BASE
        options = ("--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256")
        await run_program("pg_basebackup", f"--pgdata={base}", *options, dsn=dsn)
    await run_program("pg_verifybackup", "--quiet", str(base))
    return _finish(target, label)


async def back_up_database(dsn: str, target: Path) -> Backup:
    """Write down one database as of one moment.

    Args:
        dsn: Of the database; its owner may do it.
        target: A directory that does not exist or is empty.

    Raises:
        BackupUnusable: ``target`` has something in it.
        ProgramFailed: It could not be written.
        StorageUnavailable: The database does not answer.
    """
    _make_empty(target)
    label = await _label(Kind.DATABASE, dsn)
    await run_program("pg_dump", "--format=custom", f"--file={target / DUMP}", dsn=dsn)
    return _finish(target, label)


def _make_empty(target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise BackupUnusable(
            happened=f"{target} is not empty.",
            remedy="Name a new directory for each backup; an old one is never written over.",
        )


async def _label(kind: Kind, dsn: str) -> Backup:
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    connection = await connect(dsn)
    try:
        version = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    return Backup(kind=kind, made_at=made_at, server_version=version)


def _finish(target: Path, label: Backup) -> Backup:
    """Put the label, and with it all else, on disk."""
    path = target / _LABEL
    with path.open("w", encoding="utf-8") as file:
        json.dump(asdict(label), file)
        file.flush()
    os.sync()
    return label
