"""``jiaozi bench offline``: a day of payments without network is handed in, frauds included.

1. A registry, two operators and PostgreSQL, all of them the real processes; every device is
   enrolled and loaded by orders, so that an audit finds it all in blocks.
2. Purses pay one another by their own rules, and one in a hundred payments is spent twice.
3. All logs are handed in at both operators, shuffled and some of them twice, while the clock runs.
4. Who was convicted is compared with who cheated, each honest device's shadow balance with what
   it holds, and the registry is audited from genesis.
"""

import asyncio
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from jiaozi.bench.founding import Founding, enrol_and_load
from jiaozi.bench.generator import Generator
from jiaozi.bench.load import quantile
from jiaozi.bench.machine import machine
from jiaozi.bench.market import Market, Stalls, Traded
from jiaozi.bench.network import OPERATORS, make_network
from jiaozi.bench.registry import settle_disk
from jiaozi.bench.site import Measured, Progress, Site, operator_process, registry_process
from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres

CONNECTIONS = 32
"""To each operator, from both markets together: so many people hand in at once."""
MARKETS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineBench:
    """What is asked for."""

    payments: int = 100_000
    devices: int = 5_000
    double_spends: float = 0.01
    """Share of the payments."""


async def run(bench: OfflineBench, progress: Progress) -> dict[str, object]:
    """Measure, and return the figures."""
    network = make_network(time.time_ns() // 1_000_000, "2026-11")
    with tempfile.TemporaryDirectory(prefix="jiaozi-bench-") as directory:
        home = Path(directory)
        progress("starting PostgreSQL")
        async with EmbeddedPostgres(home / "postgres") as postgres:
            dsn = await postgres.create_database("central_bank")
            operator_dsns = {
                code: await postgres.create_database(f"operator_{code}") for code in OPERATORS
            }
            genesis = home / "genesis.cbor"
            genesis.write_bytes(network.genesis)
            site = Site(dsn, genesis, postgres.pid)
            measured = Measured(site)
            with ExitStack() as stack:
                registry_url = stack.enter_context(registry_process(site, measured))
                urls = [
                    stack.enter_context(operator_process(code, each, registry_url, measured))
                    for code, each in operator_dsns.items()
                ]
                progress(f"enrolling and loading {bench.devices:,} devices")
                founding = await enrol_and_load(network, registry_url, bench.devices)
                await settle_disk(postgres)
                figures = await _measure(bench, founding, urls, measured, progress)
            async with await Database.open(dsn, pool_size=2, statement_timeout_ms=0) as database:
                progress("comparing, and auditing from genesis")
                traded: Traded = figures.pop("traded")  # type: ignore[assignment]
                return figures | await _judge(database, traded)


async def _measure(
    bench: OfflineBench, founding: Founding, urls: list[str], measured: Measured,
    progress: Progress,
) -> dict[str, object]:  # fmt: skip
    markets = [Generator(Market) for _ in range(MARKETS)]
    try:
        progress(f"{bench.payments:,} payments without network")
        traded = _together(
            await asyncio.gather(
                *(
                    each.call(Market.trade, stalls)
                    for each, stalls in zip(markets, _stalls(bench, founding), strict=True)
                )
            )
        )
        progress("handing in all logs")
        used, started = measured.cpu_s(), time.perf_counter()
        tallies = await asyncio.gather(
            *(
                each.call(Market.hand_in, urls, CONNECTIONS // 2, number)
                for number, each in enumerate(markets)
            )
        )
        settle_s = time.perf_counter() - started
        cpu = measured.cpu_since(used)
    finally:
        for each in markets:
            each.stop()
    outcomes: Counter[str] = sum(tallies, Counter())
    return {
        "payments": traded.payments,
        "devices": bench.devices,
        "settle_s": round(settle_s, 1),
        "payments_per_s": round(traded.payments / settle_s),
        "double_spends": traded.double_spends,
        "verify_ms_p50": round(quantile(traded.collect_ms, 0.5), 3),
        "qr_bytes_max": traded.message_bytes_max,
        "outcomes": dict(+outcomes),
        "cpu_us_per_payment": {
            name: round(seconds / traded.payments * 1e6, 1) for name, seconds in cpu.items()
        },
        "machine": machine(),
        "traded": traded,
    }


async def _judge(database: Database, traded: Traded) -> dict[str, object]:
    """Compare what the registry made of it with what happened, and audit."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT key, shadow_fen, convicted FROM device")
        found = await connection.fetchval(
            "SELECT coalesce(sum(spoken - 1), 0)::bigint FROM (SELECT count(*) AS spoken "
            "FROM offline_payment GROUP BY device, counter HAVING count(*) > 1) AS twice"
        )
    convicted = {row["key"] for row in rows if row["convicted"]}
    shadows_fen = {row["key"]: row["shadow_fen"] for row in rows}
    wrong = sum(shadows_fen[key] != held for key, held in traded.balances_fen.items())
    report = await audit_database(database, AuditOptions(library=shipped()))
    return {
        "found": found,
        "cheats": len(traded.cheats),
        "convicted": len(convicted & traded.cheats),
        "falsely_accused": len(convicted - traded.cheats),
        "wrong_totals": wrong,
        "shortfall_fen": report.shortfall_fen,
        "audit": report.verdict,
    }


def _stalls(bench: OfflineBench, founding: Founding) -> list[Stalls]:
    """Divide devices and payments among the markets; on each, devices of all operators meet."""
    payments = bench.payments // MARKETS
    return [
        Stalls(
            anchor=founding.anchor,
            chains={
                number: chain
                for number, chain in founding.chains.items()
                if number // len(OPERATORS) % MARKETS == market
            },
            certify=founding.certify,
            payments=payments,
            double_spends=int(payments * bench.double_spends),
            seed=market,
            now_ms=founding.now_ms,
        )
        for market in range(MARKETS)
    ]


def _together(markets: list[Traded]) -> Traded:
    traded = Traded()
    for each in markets:
        traded.payments += each.payments
        traded.double_spends += each.double_spends
        traded.cheats |= each.cheats
        traded.balances_fen |= each.balances_fen
        traded.collect_ms += each.collect_ms
        traded.message_bytes_max = max(traded.message_bytes_max, each.message_bytes_max)
    return traded
