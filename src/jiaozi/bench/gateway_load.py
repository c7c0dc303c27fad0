"""The load on a gateway: one order per request, each connection waiting for its answer."""

import asyncio
import time

import cbor2

from jiaozi.bench.connection import LoadConnection, request_head
from jiaozi.bench.load import (
    ORDERS_PATH,
    Share,
    Tally,
    close_all,
    connect_all,
    cpu_used_s,
    kind_of,
    prepare_orders,
)

_HEAD = request_head("POST", ORDERS_PATH, {"content-type": "application/cbor"})


class GatewayLoad:
    """Submits single orders; lives in a generator process."""

    def __init__(self) -> None:
        self._orders: list[bytes] = []

    async def prepare(self, share: Share) -> int:
        """Sign the orders of a share and return how many there are now."""
        self._orders += prepare_orders(share)
        return len(self._orders)

    async def flood(self, url: str, connections: int, seconds: float) -> Tally:
        """Submit on every connection, one order after the other."""
        tally = Tally()
        opened = await connect_all(url, connections)
        used, started = cpu_used_s(), time.perf_counter()
        deadline = started + seconds

        async def work(connection: LoadConnection) -> None:
            while self._orders and (sent := time.perf_counter()) < deadline:
                reply = await connection.request(_HEAD, self._orders.pop())
                if reply.status != 200:
                    tally.outcomes[f"http {reply.status}"] += 1
                    continue
                tally.latencies_s.append(time.perf_counter() - sent)
                tally.outcomes[kind_of(cbor2.loads(reply.body))] += 1

        await asyncio.gather(*map(work, opened))
        tally.elapsed_s, tally.cpu_s = time.perf_counter() - started, cpu_used_s() - used
        close_all(opened)
        return tally
