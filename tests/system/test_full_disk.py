"""An operator on a full disk says so, loses nothing that was acknowledged, and goes on after it.

The central bank has a database elsewhere, as it would in reality.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, operator_world
from tests.operator.fake_registry import fake_registry
from tests.operator.holders import Holder
from tests.operator.test_deposits import BOOKS_DIFFER
from tests.registry.waiting import until
from tests.storage.conftest import needs_root

SMALL = {"shared_buffers": "16MB", "min_wal_size": "32MB", "max_wal_size": "48MB"}
DEPOSIT_FEN = 1_000_000
LEFT_BYTES = 256 << 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(path: Path) -> None:
    """Take all the space but a little."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    os.truncate(path, path.stat().st_size - LEFT_BYTES)


async def exchange(holder: Holder, exchange_id: bytes) -> httpx.Response:
    body = {
        "exchange_id": exchange_id.hex(),
        "deposit_id": holder.deposit_id,
        "amount_fen": 1,
    }
    return await holder.ask("POST", f"{holder.path}/exchanges", body)


async def until_refused(holder: Holder, sent: list[bytes]) -> tuple[int, httpx.Response]:
    """Exchange fen by fen until it is not acknowledged; return how many were, and the answer."""
    while True:
        sent.append(holder.new_id())
        answer = await exchange(holder, sent[-1])
        if answer.status_code != 200 or answer.json()["state"] != "settled":
            return len(sent) - 1, answer
        assert len(sent) < 5_000, "the disk never filled"


async def recovered(server: EmbeddedPostgres, holder: Holder, sent: list[bytes]) -> None:
    """Ask for every exchange again until it is settled; start a database that gave up."""

    async def is_settled() -> bool:
        if psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE:
            await server.stop()
            await server.start()
        with suppress(httpx.TransportError):
            while sent:
                answer = await exchange(holder, sent[-1])
                if answer.status_code != 200 or answer.json()["state"] != "settled":
                    return False
                sent.pop()
        return not sent

    await until(is_settled, timeout_s=40)


@needs_root
async def test_operator_on_a_full_disk_loses_nothing_acknowledged(small_disk: Path) -> None:
    async with AsyncExitStack() as stack:
        server = EmbeddedPostgres(small_disk / "postgres", settings=SMALL)
        await stack.enter_async_context(server)
        registry = await stack.enter_async_context(fake_registry())
        dsn = await server.create_database("operator")
        world: OperatorWorld = await stack.enter_async_context(operator_world(dsn, registry))
        holder = await world.open_wallet(deposit_fen=DEPOSIT_FEN)
        sent: list[bytes] = []
        fill(small_disk / "filler")
        # What is left of the newest WAL segment takes some more.
        acknowledged, answer = await until_refused(holder, sent)
        assert answer.status_code in (200, 503, 504), answer.text
        if answer.status_code != 200:
            assert answer.json()["retry"] == "same_order"
            assert "retry-after" in answer.headers
        assert world.balance_fen(holder) in (acknowledged, acknowledged + 1)

        (small_disk / "filler").unlink()
        count = len(sent)
        await recovered(server, holder, sent)
        assert world.balance_fen(holder) == count
        assert await world.deposit_fen(holder) == (DEPOSIT_FEN - count, 0)
        async with world.database.connection() as connection:
            assert await connection.fetch(BOOKS_DIFFER) == []
