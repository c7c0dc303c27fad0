"""``jiaozi bench registry``: signed orders, prepared beforehand, submitted as operators do.

1. An embedded PostgreSQL that writes to disk, a founded registry, wallets, ten million used ids.
2. The rate of signature checks of one thread, while nothing else runs.
3. The registry process; how long it takes to its first settled order.
4. Two operators' generators flood it for the seconds asked: throughput.
5. They submit at half that rate, whether or not answers come: latency.
"""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from jiaozi.bench.generator import Generator
from jiaozi.bench.load import RegistryLoad, Share, Tally, quantile, total
from jiaozi.bench.machine import ed25519_checks_per_s, machine
from jiaozi.bench.network import (
    OPERATORS,
    BenchNetwork,
    make_network,
    seed_used_ids,
    seed_wallets,
    signer,
)
from jiaozi.bench.site import Measured, Progress, Site, registry_process, table_bytes
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.found import found
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.launch import SUPERUSER

BATCH = 500
CONNECTIONS = 8
"""Requests that each operator has under way."""
WARM_UP_S = 2.0
HALF_LOAD_S = 10.0
SPARE = 1.15
"""Orders prepared beyond what the signature rate allows, so that none lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryBench:
    """What is asked for."""

    wallets: int = 100_000
    seconds: float = 30.0
    used_ids: int = 10_000_000
    to_merchant: bool = False


async def run(bench: RegistryBench, progress: Progress) -> dict[str, object]:
    """Measure, and return the figures."""
    network = make_network(time.time_ns() // 1_000_000)
    with tempfile.TemporaryDirectory(prefix="jiaozi-bench-") as home:
        progress("starting PostgreSQL")
        async with EmbeddedPostgres(Path(home) / "postgres") as postgres:
            dsn = await postgres.create_database("central_bank")
            async with await Database.open(dsn, pool_size=2, statement_timeout_ms=0) as database:
                await seed(database, network, bench.wallets, bench.used_ids, progress)
                await settle_disk(postgres)
                genesis = Path(home) / "genesis.cbor"
                genesis.write_bytes(network.genesis)
                return await _measure(
                    bench, network, Site(dsn, genesis, postgres.pid), database, progress
                )


async def seed(
    database: Database, network: BenchNetwork, wallets: int, used_ids: int, progress: Progress
) -> None:
    """Found the registry and fill it."""
    progress(f"writing {wallets:,} wallets")
    await found(
        database, network.genesis, block_signers=BlockSigners([signer("block")]), library=shipped()
    )
    await seed_wallets(database, wallets)
    progress(f"remembering {used_ids:,} used ids")
    async with database.connection() as connection:
        await seed_used_ids(connection, used_ids)


async def settle_disk(postgres: EmbeddedPostgres) -> None:
    """Have what was written reach the disk, so that it is not measured."""
    connection = await asyncpg.connect(postgres.dsn("postgres", user=SUPERUSER))
    await connection.execute("CHECKPOINT")
    await connection.close()
    await asyncio.to_thread(os.sync)


async def _measure(
    bench: RegistryBench, network: BenchNetwork, site: Site, database: Database, progress: Progress
) -> dict[str, object]:
    progress("measuring signature checks of one thread")
    rate = ed25519_checks_per_s()
    generators = [Generator(RegistryLoad, each, network.id) for each in OPERATORS]
    try:
        await _prepare(bench, network, generators, rate, progress)
        started, measured = time.perf_counter(), Measured(site)
        with registry_process(site, measured) as url:
            await generators[0].call(RegistryLoad.first_order, url)
            first_order_s = time.perf_counter() - started
            await _flood(generators, url, WARM_UP_S)
            before = await table_bytes(database)
            used = measured.cpu_s()
            progress(f"full load for {bench.seconds:g} s")
            full = await _flood(generators, url, bench.seconds)
            cpu = measured.cpu_since(used)
            after = await table_bytes(database)
            throughput = full.final / full.elapsed_s
            progress(f"half load for {HALF_LOAD_S:g} s")
            half = await _pace(generators, url, throughput / 2)
            rss_mb = measured.rss_mb("registry")
    finally:
        for each in generators:
            each.stop()
    cpu["load generators"] = full.cpu_s
    return {
        "orders_per_s": round(throughput),
        "ratio_to_ed25519": round(throughput / rate, 3),
        "latency_p50_ms": round(quantile(half.latencies_s, 0.5) * 1000, 1),
        "latency_p99_ms": round(quantile(half.latencies_s, 0.99) * 1000, 1),
        "half_load_orders_per_s": round(half.final / half.elapsed_s),
        "full_load_p99_ms": round(quantile(full.latencies_s, 0.99) * 1000, 1),
        "ed25519_checks_per_s_one_thread": round(rate),
        "wallets": bench.wallets,
        "used_ids": bench.used_ids,
        "to_merchant": bench.to_merchant,
        "fsync": await fsync_is_on(database),
        "orders": full.final,
        "seconds": round(full.elapsed_s, 1),
        "refused": full.outcomes["refused"],
        "outcomes": dict(full.outcomes),
        "rss_mb_registry": rss_mb,
        "cpu_us_per_order": {
            name: round(seconds / full.final * 1e6, 1) for name, seconds in cpu.items()
        },
        "table_mb_per_million_orders": {
            name: round((size - before[name]) / full.final, 1) for name, size in after.items()
        },
        "start_to_first_order_s": round(first_order_s, 2),
        "machine": machine(),
    }


async def _prepare(
    bench: RegistryBench,
    network: BenchNetwork,
    generators: list[Generator],
    rate: float,
    progress: Progress,
) -> None:
    orders = int(rate * SPARE * (bench.seconds + WARM_UP_S + HALF_LOAD_S / 2)) // len(generators)
    progress(f"signing {orders * len(generators):,} orders")
    shares = [
        Share(
            operator=operator,
            wallets=bench.wallets,
            orders=orders,
            network=network.id,
            seed=operator,
            to_merchant=bench.to_merchant,
        )
        for operator in OPERATORS
    ]
    await asyncio.gather(
        *(
            each.call(RegistryLoad.prepare, share)
            for each, share in zip(generators, shares, strict=True)
        )
    )


async def _flood(generators: list[Generator], url: str, seconds: float) -> Tally:
    calls = (each.call(RegistryLoad.flood, url, CONNECTIONS, BATCH, seconds) for each in generators)
    return total(await asyncio.gather(*calls))


async def _pace(generators: list[Generator], url: str, orders_per_s: float) -> Tally:
    share = orders_per_s / len(generators)
    calls = (
        each.call(RegistryLoad.pace, url, 2 * CONNECTIONS, share, HALF_LOAD_S)
        for each in generators
    )
    return total(await asyncio.gather(*calls))


async def fsync_is_on(database: Database) -> bool:
    """Say whether PostgreSQL waits for the disk."""
    async with database.connection() as connection:
        return bool(await connection.fetchval("SHOW fsync") == "on")
