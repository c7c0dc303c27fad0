"""Sixty-four clients at once against one process: no order stuck, none booked wrongly."""

import asyncio
from pathlib import Path

from tests.registry.load import Load
from tests.registry.process import callers_of, registry_process
from tests.registry.waiting import until

CLIENTS = 64


async def test_sixty_four_clients_get_every_order_booked_once(
    database_dsn: str, tmp_path: Path
) -> None:
    async with (
        registry_process(database_dsn, tmp_path) as process,
        callers_of(process, tmp_path) as served,
    ):
        load = await Load.prepare(served, wallets=40)
        running = asyncio.create_task(load.run(CLIENTS, orders_per_request=3))
        await until(lambda: len(load.sent) > 5 * CLIENTS, timeout_s=60)
        load.stopping = True
        await asyncio.wait_for(running, 60)
        assert not load.failures
        assert load.acknowledged.keys() == load.sent.keys()
        await load.reckon()
