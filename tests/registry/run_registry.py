"""A central bank that serves until it is asked to end; `main` is run in a process of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.writer import WriterLimits
from jiaozi.service.dispatch import AsgiApp
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party
from tests.registry.limited import HASTY, LIMITED
from tests.registry.network import Keys


def main(
    dsn: str,
    genesis_file: Path,
    port: int,
    commit_timeout_s: float,
    tell_url: Callable[[str], None],
) -> None:
    """Serve a network that is told by a file, at a port of this machine."""

    @asynccontextmanager
    async def open_party() -> AsyncIterator[AsgiApp]:
        settings = CentralBankSettings(
            dsn=dsn,
            genesis=genesis_file.read_bytes(),
            block_signers=BlockSigners([Keys().block]),
            library={each.hash: each for each in (LIMITED, HASTY)},
            limits=WriterLimits(commit_timeout_s=commit_timeout_s),
        )
        async with open_central_bank(settings) as app:
            yield app

    configure_logs("central-bank")
    run_party(open_party, host="127.0.0.1", port=port, on_ready=tell_url)
