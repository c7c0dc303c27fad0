"""The hash of the whole state, every so many blocks, computed beside the writer (rules.md §H).

A process of its own at low priority reads one snapshot of the database: the height of its last
block, every account, the control state. The writer commits blocks meanwhile; the header of a later
one names height and hash (`jiaozi.protocol.state`), and an audit can go on from there.

Run as a program, this module reads a DSN from its standard input and prints ``HEIGHT HASH``.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import astuple

import structlog

from jiaozi.central_bank.registry import device_store, store
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.protocol.state import (
    AccountRecord,
    DeviceRecord,
    StateHash,
    carrier_record,
    funding_record,
    halt_record,
    key_record,
    list_record,
    quota_record,
    rulebook_record,
    safeguards_record,
    totals_record,
)
from jiaozi.storage.database import Database

STATE_HASH_BLOCKS = 4096
_ROWS_AT_A_TIME = 5_000
_LOWEST_PRIORITY = 19
_WAIT_S = 60.0
_TIMEOUT_S = 3600.0

_log = structlog.get_logger(__name__)


class StateHashFailed(Exception):
    """The state could not be hashed this time; nothing hangs on it."""


class StateHasher:
    """Has the state hashed at each height that `every_blocks` divides; `run` is to be a task."""

    def __init__(self, writer: Writer, dsn: str, *, every_blocks: int = STATE_HASH_BLOCKS) -> None:
        self._writer = writer
        self._dsn = dsn
        self._every_blocks = every_blocks
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Hash whenever the writer passes a height that is due; return only by cancellation."""
        due: int | None = None
        while True:
            await self._writer.next_block(_WAIT_S)
            if not self._writer.leads:
                due = None
                continue
            height = self._writer.tip.height
            if due is not None and height >= due:
                try:
                    await self.hash_now()
                except StateHashFailed as failure:
                    _log.warning("state_not_hashed", reason=str(failure))
            due = height - height % self._every_blocks + self._every_blocks

    async def hash_now(self) -> tuple[int, bytes]:
        """Hash the state as it is now and have the next header name it.

        Returns:
            The height and the 32 bytes of the hash.

        Raises:
            StateHashFailed: The process ended without a result.
        """
        async with self._one_at_a_time:
            height, state_hash = await _hash_beside(self._dsn)
        self._writer.publish_state_hash(height, state_hash)
        _log.info("state_hashed", height=height, state_hash=state_hash.hex())
        return height, state_hash


async def hash_state(database: Database) -> tuple[int, bytes]:
    """Hash the state of a registry in one snapshot; return its height too.

    Raises:
        StateHashFailed: The database has no genesis.
        StorageUnavailable: The database is gone.
    """
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        tip = await store.load_tip(connection)
        if tip is None:
            raise StateHashFailed("this database has no genesis")
        state = StateHash(tip.height)
        accounts = await connection.cursor(store.SQL.state_accounts)
        while rows := await accounts.fetch(_ROWS_AT_A_TIME):
            state.add(AccountRecord(*row).encoded() for row in rows)
        control = await store.read_control(connection)
        state.add(_control_records(control))
        state.add([totals_record(tip.totals.issued_fen, tip.totals.destroyed_fen)])
        state.add(_emergency_records(control))
        safeguards = await connection.cursor(store.SQL.state_safeguards)
        while rows := await safeguards.fetch(_ROWS_AT_A_TIME):
            state.add(safeguards_record(*row) for row in rows)
        devices = await connection.cursor(device_store.SQL.state_devices)
        while rows := await devices.fetch(_ROWS_AT_A_TIME):
            state.add(DeviceRecord(*row).encoded() for row in rows)
        revocations = await device_store.load_tip(connection)
        if revocations.number:
            state.add([list_record(*astuple(revocations))])
    return tip.height, state.digest()


def _control_records(control: Control) -> Iterator[bytes]:
    for _, record in sorted(control.keys.items()):
        yield key_record(record.certified, revoked=record.revoked)
    for operator, quota_fen in sorted(control.quotas_fen.items()):
        yield quota_record(operator, quota_fen)
    for starts_at_ms, rulebook_hash in control.schedule:
        yield rulebook_record(starts_at_ms, rulebook_hash)
    for reference in sorted(control.funded):
        yield funding_record(reference)


def _emergency_records(control: Control) -> Iterator[bytes]:
    for operator, carrier in sorted(control.carriers.items()):
        yield carrier_record(operator, carrier)
    for (scope, subject), halt in sorted(control.halts.items()):
        yield halt_record(scope, subject, halt.until_ms, halt.orders_per_s)


async def _hash_beside(dsn: str) -> tuple[int, bytes]:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await _run_beside(dsn)
    except (OSError, TimeoutError) as error:
        raise StateHashFailed(str(error) or "the process took too long") from error


async def _run_beside(dsn: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await process.communicate(dsn.encode())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        last_line = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise StateHashFailed(last_line or f"the process ended with {process.returncode}")
    height, state_hash = output.split()
    return int(height), bytes.fromhex(state_hash.decode())


async def _main(dsn: str) -> None:
    async with await Database.open(dsn, name="state-hash", pool_size=1) as database:
        height, state_hash = await hash_state(database)
    sys.stdout.write(f"{height} {state_hash.hex()}\n")


if __name__ == "__main__":
    os.nice(_LOWEST_PRIORITY)
    asyncio.run(_main(sys.stdin.read()))
