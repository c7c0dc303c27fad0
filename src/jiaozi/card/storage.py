"""The card's memory: one file, written as a whole or not at all.

A new state is written beside the old one and synced, then takes its place, and the directory is
synced: after a crash at any byte one of the two stands, and what lies beside is passed over.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

_STATE, _BESIDE, _LOCK = "card", "card.new", "lock"
_OWNER_ONLY = 0o600


class CardInUse(Exception):
    """Another process is this card."""


class Storage:
    """The directory of one card, for one process at a time."""

    def __init__(self, directory: Path) -> None:
        """Open the directory of a card, which is made if it is missing.

        Raises:
            CardInUse: Another process is this card.
            OSError: The directory cannot be used.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise CardInUse(f"another process is the card in {directory}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def read(self) -> bytes | None:
        """Return what was written last; None of a blank card."""
        try:
            return (self._directory / _STATE).read_bytes()
        except FileNotFoundError:
            return None

    def prepare(self, data: bytes) -> None:
        """Write a new state beside the present one and sync it.

        Raises:
            OSError: The present state stands as it is.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(self._directory / _BESIDE, flags, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def commit(self) -> None:
        """Put the prepared state in the place of the present one.

        Raises:
            OSError: It is not known which of the two stands.
        """
        (self._directory / _BESIDE).replace(self._directory / _STATE)
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
