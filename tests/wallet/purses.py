"""Purses in files, and processes of their own that use them and die by kill -9."""

import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jiaozi.wallet.offline.software import SoftwarePurse
from tests.protocol.builders import signer_of
from tests.protocol.offline_builders import ANCHOR, chain_of, device_of, load_message

DONE, KILLED = 0, -signal.SIGKILL


def made(path: Path, seed: int, *, fen: int = 0, **changes: Any) -> SoftwarePurse:  # noqa: ANN401
    """A new purse; changes are of its device's fields or limits."""
    chain = chain_of(device_of(seed, **changes))
    purse = SoftwarePurse.create(path, chain, signer_of(seed), ANCHOR)
    if fen:
        purse.take_load(load_message(seed, 1, fen))
    return purse


def opened(path: Path, seed: int) -> SoftwarePurse:
    """A purse that was made before."""
    return SoftwarePurse(path, signer_of(seed), ANCHOR)


def copied(path: Path, to: Path) -> Path:
    """What a thief, or a holder who restores a backup, has afterwards."""
    with sqlite3.connect(path) as purse, sqlite3.connect(to) as copy:
        purse.backup(copy)
    purse.close()
    copy.close()
    return to


@dataclass
class Mortal:
    """The connection of a purse, whose process dies before or after a statement."""

    connection: sqlite3.Connection
    moment: str
    statement: str

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401
        """Run a statement, or do not come back from it."""
        is_here = statement.startswith(self.statement)
        if is_here and self.moment == "before":
            _die()
        cursor = self.connection.execute(statement, *values)
        if is_here:
            _die()
        return cursor


def mortal(purse: SoftwarePurse, kill_at: str) -> SoftwarePurse:
    """A purse whose process dies at a place such as ``after COMMIT``."""
    moment, statement = kill_at.split()
    dying = Mortal(purse._connection, moment, statement)
    purse._connection = cast("sqlite3.Connection", dying)
    return purse


def start(act: Callable[[], object]) -> int:
    """Do something in a process of its own; returns its id."""
    process = os.fork()
    if process:
        return process
    try:
        act()
        os._exit(DONE)
    finally:
        os._exit(1)


def ended(process: int) -> int:
    """Wait for a process, and return how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
