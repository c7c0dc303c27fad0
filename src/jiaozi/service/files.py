"""Files that a process must not lose or show: written whole, on disk, for their owner alone."""

import os
from pathlib import Path

from jiaozi.storage.server_files import sync_directory

__all__ = ["make_directory", "write_whole"]


def make_directory(path: Path) -> None:
    """Create a directory for its owner alone, and so those above it that are missing."""
    if not path.parent.exists():
        make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def write_whole(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Put a file of mode 0600 on disk: all of it or nothing, whenever the process is killed.

    Raises:
        FileExistsError: There is one and ``replace`` is false; it is left as it is.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            beside.replace(path)
        else:
            path.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)
    sync_directory(path.parent)
