"""A full disk stops orders with a clear answer, and loses nothing that was acknowledged."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.protocol.refusals import SETTLED, Code, Refusal
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.builders import Wallet
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld, registry_world
from tests.storage.conftest import needs_root

SMALL = {"shared_buffers": "16MB", "min_wal_size": "32MB", "max_wal_size": "48MB"}
BATCH = 500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(path: Path, left_bytes: int) -> None:
    """Take all the space but this much."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    os.truncate(path, path.stat().st_size - left_bytes)


async def pay_until_refused(
    world: RegistryWorld, payer: Wallet, payee: Wallet
) -> dict[bytes, Answer]:
    """Pay one fen at a time until a request is not acknowledged; return every order's answer."""
    answers: dict[bytes, Answer] = {}
    while True:
        orders = [world.orders.payment(payer, payee, 1) for _ in range(BATCH)]
        for order, answer in zip(orders, await world.submit(*orders), strict=True):
            answers[order] = answer
        if answer.refusal is not None:
            return answers


async def settled(
    server: EmbeddedPostgres, world: RegistryWorld, orders: list[bytes]
) -> list[Answer]:
    """Send orders until they are settled; start the database again if it has given up."""
    answers: list[Answer] = []

    async def is_settled() -> bool:
        if psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE:
            await server.stop()
            await server.start()
        with suppress(Refusal):
            answers[:] = await world.submit(*orders)
        return bool(answers) and all(each.outcome == SETTLED for each in answers)

    await until(is_settled, timeout_s=30)
    return answers


@needs_root
async def test_full_disk_stops_orders_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    async with EmbeddedPostgres(small_disk / "postgres", settings=SMALL) as server:
        dsn = await server.create_database("central_bank")
        async with registry_world(dsn) as world:
            await world.provide(1001, 1_000_000)
            payer, payee = await world.open_wallets(2, balance_fen=200_000)
            filler = small_disk / "filler"
            fill(filler, left_bytes=3 << 20)
            answers = await pay_until_refused(world, payer, payee)
            last = list(answers.values())[-BATCH:]
            codes = {each.refusal and each.refusal.code for each in last}
            assert codes <= {Code.UNAVAILABLE, Code.UNKNOWN}
            assert world.writer.broken is None
            assert len(answers) > BATCH
            filler.unlink()
            for start in range(0, len(answers), BATCH):
                orders = list(answers)[start : start + BATCH]
                again = await settled(server, world, orders)
                for order, answer in zip(orders, again, strict=True):
                    assert answers[order] == answer or answers[order].refusal is not None
            assert await world.balance_fen(payee) == 200_000 + len(answers)
