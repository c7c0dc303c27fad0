"""The registry as a process of its own, with the keys of a benchmark's network.

Run as a program with a DSN and a file of genesis; prints its address once it takes requests. What
runs is the central bank's service itself, as ``jiaozi central-bank serve`` runs it.
"""

import sys
from pathlib import Path

from jiaozi.bench.network import certificates, signer
from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import read_genesis
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party


def main(dsn: str, genesis: Path) -> None:
    """Serve until a signal."""
    configure_logs("central-bank", level="WARNING")
    encoded = genesis.read_bytes()
    settings = CentralBankSettings(
        dsn=dsn,
        genesis=encoded,
        block_signers=BlockSigners([signer("block")]),
        library=shipped(),
        list_signers=BlockSigners([signer("list")], use=Use.LIST_SIGNING),
        certificates=certificates(read_genesis(encoded)),
    )
    run_party(
        lambda: open_central_bank(settings),
        host="127.0.0.1",
        port=0,
        on_ready=lambda url: print(url, flush=True),  # noqa: T201 - for the parent process
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
