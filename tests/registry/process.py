"""A central bank as a real process: started, killed, started again at the same address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

from jiaozi.local.ports import free_ports
from jiaozi.protocol.genesis import read_genesis
from jiaozi.storage.database import COMMIT_TIMEOUT_S
from tests.processes import ServingProcess
from tests.registry import run_registry
from tests.registry.builders import Orders
from tests.registry.network import Keys
from tests.registry.served import Served, clock_ms, genesis_for, until_healthy


class RegistryProcess:
    """One central bank on a database; `start` it again after `kill`."""

    def __init__(
        self, dsn: str, genesis_file: Path, log: Path, *, commit_timeout_s: float = COMMIT_TIMEOUT_S
    ) -> None:
        self._dsn = dsn
        self._genesis_file = genesis_file
        self._commit_timeout_s = commit_timeout_s
        self.log = log
        [self._port] = free_ports(1)
        self._process: ServingProcess | None = None

    @property
    def url(self) -> str:
        """The address, the same after each start."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process and wait until it takes requests; it need not lead yet."""
        self._process = ServingProcess(
            run_registry.main, self._dsn, self._genesis_file, self._port, self._commit_timeout_s,
            log=self.log,
        )  # fmt: skip
        assert await self._process.url() == self.url, self.log.read_text()

    async def kill(self) -> None:
        """End the process as a power cut would."""
        assert self._process is not None
        await self._process.kill()

    def children(self) -> list[psutil.Process]:
        """Return its verifier processes."""
        return psutil.Process(self.pid).children(recursive=True)


@asynccontextmanager
async def registry_process(
    dsn: str,
    directory: Path,
    *,
    name: str = "one",
    commit_timeout_s: float = COMMIT_TIMEOUT_S,
) -> AsyncIterator[RegistryProcess]:
    """Run a central bank; two with one directory belong to one network."""
    genesis_file = directory / "genesis"
    if not genesis_file.exists():
        genesis_file.write_bytes(genesis_for(Keys()))
    log = directory / f"{name}.log"
    process = RegistryProcess(dsn, genesis_file, log, commit_timeout_s=commit_timeout_s)
    try:
        await process.start()
        yield process
    except BaseException:
        print(process.log.read_text())  # pytest shows it
        raise
    finally:
        await process.kill()


@asynccontextmanager
async def callers_of(process: RegistryProcess, directory: Path) -> AsyncIterator[Served]:
    """Callers of a process that is leading."""
    keys = Keys()
    network = read_genesis((directory / "genesis").read_bytes())
    limits = httpx.Limits(max_connections=128, max_keepalive_connections=128)
    async with httpx.AsyncClient(base_url=process.url, timeout=30, limits=limits) as http:
        await until_healthy(http)
        yield Served(http, keys, network, Orders(keys, network.id, clock_ms))
