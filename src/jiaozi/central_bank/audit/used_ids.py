"""The ids that orders used up, on disk: each is unique within its account (rules.md §C.1).

A table of SQLite beside the saved state, ordered by id, and so by the time in it: adding is quick
and forgetting is one range. An id is forgotten when no order under it can be alive any more; that
every order was alive at block time is checked apart.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from jiaozi.central_bank.audit.model import AuditStopped
from jiaozi.protocol.ids import LIFETIME_MAX_MS

_CREATE = """
CREATE TABLE IF NOT EXISTS used_id (
    id BLOB, account INTEGER, height INTEGER, position INTEGER, PRIMARY KEY (id, account)
) WITHOUT ROWID
"""
_ADD = "INSERT OR IGNORE INTO used_id (id, account, height, position) VALUES (?, ?, ?, ?)"
_FIND = "SELECT height, position FROM used_id WHERE id = ? AND account = ?"


class UsedId(NamedTuple):
    """An id, the account within which it is unique, and the place of its order."""

    id: bytes
    account: int
    height: int
    position: int


class UsedIdsUnusable(AuditStopped):
    """The file is in use by another audit, damaged, or its disk is full."""


class UsedIds:
    """The ids of one chain; without a path they are in a temporary file.

    Raises:
        UsedIdsUnusable: Another audit has the file, or it is none of ours.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._database = sqlite3.connect("" if path is None else path, timeout=0)
        try:
            with self._failures_told():
                self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._database.execute("BEGIN EXCLUSIVE")
                self._database.execute(_CREATE)
        except UsedIdsUnusable:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @property
    def saved_height(self) -> int:
        """The height of the state that these ids were saved with; 0 without one."""
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    def use(self, uses: Sequence[UsedId]) -> list[tuple[UsedId, int, int]]:
        """Take in the ids of a block; return those that were used before, and where."""
        with self._failures_told():
            added = self._database.executemany(_ADD, uses).rowcount
            if added == len(uses):
                return []
            firsts = [self._database.execute(_FIND, each[:2]).fetchone() for each in uses]
        return [(use, *first) for use, first in zip(uses, firsts, strict=True) if first != use[2:]]

    def forget(self, time_ms: int) -> None:
        """Forget the ids of which no order can be alive at a block time."""
        first_alive_ms = max(time_ms - LIFETIME_MAX_MS, 0)
        bound = first_alive_ms.to_bytes(6, "big")
        with self._failures_told():
            self._database.execute("DELETE FROM used_id WHERE id < ?", (bound,))

    def go_back_to(self, height: int) -> None:
        """Drop the ids of later blocks."""
        with self._failures_told():
            self._database.execute("DELETE FROM used_id WHERE height > ?", (height,))

    def save(self, height: int) -> None:
        """Make durable what is here: all ids up to the height of a state, and maybe later ones."""
        with self._failures_told():
            self._database.execute(f"PRAGMA user_version = {height:d}")
            self._database.commit()

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UsedIdsUnusable(reason=f"the ids in {self._path} fail: {error}") from error
