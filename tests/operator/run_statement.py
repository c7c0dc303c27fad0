"""Give out one statement and say what it cost: ``python -m tests.operator.run_statement DSN FORM``.

A process of its own, so that its memory is that of a statement and nothing else. The pieces are
taken as fast as they come and dropped.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import psutil

from jiaozi.operator.http.statements import FORMS
from jiaozi.operator.statements.catch_up import CatchUp, Reached
from jiaozi.operator.statements.issue import IssueStatement
from jiaozi.operator.statements.model import Period
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.database import Database
from tests.operator.statements import DAY_MS, START_MS, WALLET

NOW_MS = START_MS + 30 * DAY_MS


def _peak_bytes() -> int:
    """The most memory that this process had; `getrusage` would tell its parent's too."""
    status = Path("/proc/self/status").read_text().splitlines()
    [line] = [each for each in status if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


class CaughtUp(CatchUp):
    """A history that has everything."""

    async def past(self, wallet: int, until_ms: int) -> Reached:
        return Reached(2**62, until_ms)


async def run(dsn: str, form_name: str) -> dict[str, float]:
    form = FORMS[form_name]
    async with await Database.open(dsn) as database:
        issue = IssueStatement(
            operator=1001,
            network=NetworkId(bytes(32)),
            database=database,
            catch_up=CaughtUp(database=database, registry=None, now_ms=lambda: NOW_MS),  # type: ignore[arg-type]
            certify=Ed25519Signer(bytes(32)),
            now_ms=lambda: NOW_MS,
        )
        before_bytes = psutil.Process().memory_info().rss
        started_s, cpu_s = time.perf_counter(), time.process_time()
        head = await issue.head(WALLET, Period(START_MS, NOW_MS), "王小明")
        sizes = [len(piece) async for piece in issue.pieces(head, form(head))]
        peak_bytes = _peak_bytes()
        return {
            "entries": head.totals.entries,
            "bytes": sum(sizes),
            "pieces": len(sizes),
            "wall_s": round(time.perf_counter() - started_s, 2),
            "cpu_s": round(time.process_time() - cpu_s, 2),
            "rss_growth_mb": round((peak_bytes - before_bytes) / 1e6, 1),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], sys.argv[2]))))
