"""The archive of an embedded server's log: every finished segment, copied as soon as it is whole.

A base backup and the segments after it give the databases as they were at any moment since. A
segment is finished when it is full, or `SEGMENT_AGE_S` after its first change: so much at most is
in no archive when disk and machine are lost. What must not be lost at all needs a standby.
"""

import shlex
from pathlib import Path

from jiaozi.storage.privilege import Account
from jiaozi.storage.server_files import own_directory

SEGMENT_AGE_S = 60
"""A segment with changes in it is archived after so long, full or not."""

# A segment that is there already is as good as copied if it is the same: the server may have died
# between the copy and its own note of it.
_COPY = (
    "if test -f {to}; then cmp -s %p {to}; "
    "else cp %p {part} && sync {part} && mv {part} {to} && sync {place}; fi"
)


def archive_settings(archive: Path, account: Account) -> dict[str, str]:
    """Make the archive's directory and return the server's settings that fill it.

    Args:
        archive: Absolute; at best on another disk, or a mount of another machine.
        account: The user that the server runs as.

    Raises:
        EmbeddedServerError: It is someone else's, or open to others.
    """
    own_directory(archive, account)
    place = _quoted(archive)
    command = _COPY.format(to=f"{place}/%f", part=f"{place}/.%f.part", place=place)
    return {
        "archive_mode": "on",
        "archive_command": command,
        "archive_timeout": str(SEGMENT_AGE_S),
    }


def recovery_settings(archive: Path) -> dict[str, str]:
    """Return the server's settings that read an archive back."""
    return {"restore_command": f"cp {_quoted(archive)}/%f %p"}


def _quoted(path: Path) -> str:
    """Write a path for a shell in a setting of the server, where a percent sign is doubled."""
    return shlex.quote(str(path)).replace("%", "%%")
