"""A central bank in a process of its own: prints its URL, serves until it is asked to end.

Usage: run_registry.py DSN GENESIS_FILE PORT COMMIT_TIMEOUT_S
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.writer import WriterLimits
from jiaozi.service.dispatch import AsgiApp
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party
from tests.registry.builders import Keys
from tests.registry.limited import HASTY, LIMITED


@asynccontextmanager
async def open_party() -> AsyncIterator[AsgiApp]:
    settings = CentralBankSettings(
        dsn=sys.argv[1],
        genesis=Path(sys.argv[2]).read_bytes(),
        block_signers=BlockSigners([Keys().block]),
        library={each.hash: each for each in (LIMITED, HASTY)},
        limits=WriterLimits(commit_timeout_s=float(sys.argv[4])),
    )
    async with open_central_bank(settings) as app:
        yield app


if __name__ == "__main__":
    configure_logs("central-bank")
    run_party(
        open_party,
        host="127.0.0.1",
        port=int(sys.argv[3]),
        on_ready=lambda url: print(url, flush=True),
    )
