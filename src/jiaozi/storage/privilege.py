"""As whom the embedded PostgreSQL runs, and that it dies with its parent.

PostgreSQL refuses to run as root. Started by root, it becomes an ordinary user who keeps one
capability, to read through directories closed to it: the virtual environment and the data may lie
below root's home. Everything is done by `setpriv`, which every Debian has.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from jiaozi.storage.errors import EmbeddedServerError

NOBODY = 65534

# Bits of the effective set in /proc/self/status. The first that we hold is handed on: reading
# alone where possible, writing too inside containers that grant root nothing less.
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}

# The parent may have died before the signal was asked for; then nobody would send it.
_UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that owns the data and runs the server."""

    uid: int
    gid: int


def server_account(data: Path) -> Account:
    """Choose the user: ourselves, or when we are root the owner of the data, or nobody.

    Args:
        data: The server's data directory; need not exist.

    Raises:
        EmbeddedServerError: The data belongs to another user.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() == 0:
        if owner is None or owner.st_uid == 0:
            return Account(NOBODY, NOBODY)
        return Account(owner.st_uid, owner.st_gid)
    if owner is not None and owner.st_uid != os.geteuid():
        raise EmbeddedServerError(
            happened=f"The database in {data} belongs to user {owner.st_uid}, not to you.",
            remedy="Run the command as that user or as root, or choose another directory.",
        )
    return Account(os.geteuid(), os.getegid())


def command_prefix(account: Account, *, death_signal: str) -> list[str]:
    """Build the command line that runs what follows it as `account`, and no longer than we run.

    Raises:
        EmbeddedServerError: `setpriv` is not installed.
    """
    options = []
    if os.geteuid() == 0:
        capabilities = ",".join(["-all", *(f"+{name}" for name in _handed_on())])
        options = [
            f"--reuid={account.uid}",
            f"--regid={account.gid}",
            "--clear-groups",
            f"--inh-caps={capabilities}",
            f"--ambient-caps={capabilities}",
            f"--bounding-set={capabilities}",
        ]
    return dying_with_us(death_signal, *options)


def dying_with_us(death_signal: str, *options: str) -> list[str]:
    """Build the command line that runs what follows it no longer than the thread that starts it.

    The program receives `death_signal` when that thread ends, however it ends. `setpriv` asks for
    the signal after a change of user, which would clear it.

    Args:
        death_signal: Such as ``KILL``.
        options: More options of `setpriv`.

    Raises:
        EmbeddedServerError: `setpriv` is not installed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedServerError(
            happened="The program setpriv, of the package util-linux, was not found.",
            remedy="Install util-linux, or give a PostgreSQL by DSN.",
        )
    prefix = [setpriv, "--no-new-privs", "--pdeathsig", death_signal, *options]
    return [*prefix, "/bin/sh", "-c", _UNLESS_ORPHANED, str(os.getpid())]


def _handed_on() -> list[str]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    return [name for name, bit in _CAPABILITIES.items() if effective >> bit & 1][:1]
