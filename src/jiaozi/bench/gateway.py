"""``jiaozi bench gateway``: one signed order per HTTP request, on many connections.

Registry, operator and PostgreSQL are the real processes, the operator follows its feed and keeps
its histories, and the load comes from the same machine.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from jiaozi.bench.gateway_load import GatewayLoad
from jiaozi.bench.generator import Generator
from jiaozi.bench.load import Share, Tally, quantile
from jiaozi.bench.machine import ed25519_checks_per_s, machine
from jiaozi.bench.network import OPERATORS, make_network
from jiaozi.bench.registry import fsync_is_on, seed, settle_disk
from jiaozi.bench.site import Measured, Progress, Site, operator_process, registry_process
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres

WARM_UP_S = 2.0
ORDERS_PER_S_MAX = 12_000
"""Orders are prepared for this rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayBench:
    """What is asked for."""

    connections: int = 256
    seconds: float = 20.0
    wallets: int = 100_000
    used_ids: int = 1_000_000


async def run(bench: GatewayBench, progress: Progress) -> dict[str, object]:
    """Measure, and return the figures."""
    network = make_network(time.time_ns() // 1_000_000)
    operator = OPERATORS[0]
    with tempfile.TemporaryDirectory(prefix="jiaozi-bench-") as home:
        progress("starting PostgreSQL")
        async with EmbeddedPostgres(Path(home) / "postgres") as postgres:
            dsn = await postgres.create_database("central_bank")
            operator_dsn = await postgres.create_database("operator")
            async with await Database.open(dsn, pool_size=2, statement_timeout_ms=0) as database:
                await seed(database, network, bench.wallets, bench.used_ids, progress)
                await settle_disk(postgres)
                fsync = await fsync_is_on(database)
            genesis = Path(home) / "genesis.cbor"
            genesis.write_bytes(network.genesis)
            site = Site(dsn, genesis, postgres.pid)
            progress("measuring signature checks of one thread")
            rate = ed25519_checks_per_s()
            generator = Generator(GatewayLoad)
            try:
                orders = int((bench.seconds + WARM_UP_S) * ORDERS_PER_S_MAX)
                progress(f"signing {orders:,} orders")
                share = Share(
                    operator=operator, wallets=bench.wallets, orders=orders,
                    network=network.id, seed=operator,
                )  # fmt: skip
                await generator.call(GatewayLoad.prepare, share)
                measured = Measured(site)
                with (
                    registry_process(site, measured) as registry_url,
                    operator_process(operator, operator_dsn, registry_url, measured) as url,
                ):
                    await generator.call(GatewayLoad.flood, url, bench.connections, WARM_UP_S)
                    used = measured.cpu_s()
                    progress(f"{bench.connections} connections for {bench.seconds:g} s")
                    tally = await generator.call(
                        GatewayLoad.flood, url, bench.connections, bench.seconds
                    )
                    cpu = measured.cpu_since(used) | {"load generator": tally.cpu_s}
                    return _figures(bench, tally, rate, cpu) | {
                        "rss_mb_registry": measured.rss_mb("registry"),
                        "rss_mb_operator": measured.rss_mb("operator"),
                        "fsync": fsync,
                        "machine": machine(),
                    }
            finally:
                generator.stop()


def _figures(
    bench: GatewayBench, tally: Tally, rate: float, cpu: dict[str, float]
) -> dict[str, object]:
    return {
        "orders_per_s": round(tally.final / tally.elapsed_s),
        "latency_p50_ms": round(quantile(tally.latencies_s, 0.5) * 1000, 1),
        "latency_p99_ms": round(quantile(tally.latencies_s, 0.99) * 1000, 1),
        "connections": bench.connections,
        "ed25519_checks_per_s_one_thread": round(rate),
        "wallets": bench.wallets,
        "used_ids": bench.used_ids,
        "orders": tally.final,
        "seconds": round(tally.elapsed_s, 1),
        "refused": tally.outcomes["refused"],
        "outcomes": dict(tally.outcomes),
        "cpu_us_per_order": {
            name: round(seconds / tally.final * 1e6, 1) for name, seconds in cpu.items()
        },
    }
