"""All parties as the processes that `jiaozi … serve` makes of them, to be killed one by one.

Nothing starts them again but a test. Between an operator and the central bank stands what a test
puts there; by default nothing does.
"""

import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from jiaozi.demo.commands import run_command
from jiaozi.demo.officers import Officers, officers_at_desk
from jiaozi.local.directory import DataDirectory
from jiaozi.local.ports import free_ports
from jiaozi.local.process import PartyProcess, Program
from jiaozi.local.setup import DEFAULT_RULEBOOK, OPERATORS, set_up
from jiaozi.protocol import numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.demo.running import JIAOZI
from tests.registry.waiting import until
from tests.system.proxy import Proxy, proxy_to

SMALL = {"shared_buffers": "32MB", "max_wal_size": "128MB"}
ISSUED_FEN = 100_000_00
"""Into each operator's vault."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Parties:
    """A network at work."""

    directory: DataDirectory
    postgres: EmbeddedPostgres
    central_bank: PartyProcess
    operators: dict[int, PartyProcess] = field(default_factory=dict)
    proxies: dict[int, Proxy] = field(default_factory=dict)

    @property
    def registry_url(self) -> str:
        """The central bank itself, past any proxy."""
        return self.central_bank.program.url

    @property
    def network_id(self) -> NetworkId:
        return NetworkId(bytes.fromhex(self.directory.network.network_id.read_text("ascii")))

    @property
    def registry_dsn(self) -> str:
        return self.postgres.dsn("central_bank")

    def operator_url(self, code: int) -> str:
        return self.operators[code].program.url

    def operator_dsn(self, code: int) -> str:
        return self.postgres.dsn(f"operator_{code:04d}")

    async def kill_central_bank(self) -> None:
        await kill(self.central_bank)
        await self.central_bank.start()

    async def kill_operator(self, code: int) -> None:
        await kill(self.operators[code])
        await self.operators[code].start()

    async def kill_postgres(self) -> None:
        os.kill(self.postgres.pid, signal.SIGKILL)
        await self.postgres.stop()
        await self.postgres.start()

    async def until_healthy(self) -> None:
        """Wait until every party says that it can do its work."""
        urls = [self.registry_url, *map(self.operator_url, self.operators)]
        async with httpx.AsyncClient(trust_env=False) as http:

            async def healthy() -> bool:
                try:
                    answers = [await http.get(f"{url}/healthz") for url in urls]
                except httpx.TransportError:
                    return False
                return all(each.status_code == 200 for each in answers)

            await until(healthy, timeout_s=60)

    async def supply(self) -> Mapping[str, int]:
        async with httpx.AsyncClient(trust_env=False) as http:
            return dict((await http.get(f"{self.registry_url}/v1/supply")).json())

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Officers]:
        async with officers_at_desk(self.directory, self.registry_url) as officers:
            yield officers

    async def provide(self) -> None:
        """Fund every operator's reserve and issue as much into its vault."""
        async with self.desk() as officers:
            for code in self.operators:
                await officers.fund_reserve(code, ISSUED_FEN)
                await officers.issue(code, ISSUED_FEN)

    async def fund_guarantee(self, code: int, yuan: str) -> None:
        """Have an operator set money of its vault aside, by its own command."""
        await run_command(
            *("operator", "guarantee", "fund", yuan, "--code", f"{code:04d}"),
            *("--dsn", self.operator_dsn(code), "--registry", self.registry_url),
            *("--keys", str(self.directory.operator(code))),
            *("--passphrase-file", str(self.directory.passphrase)),
        )

    async def vault_fen(self, code: int) -> int:
        connection = await asyncpg.connect(self.registry_dsn)
        try:
            return int(
                await connection.fetchval(
                    "SELECT balance_fen FROM account WHERE number = $1", numbers.vault_of(code)
                )
            )
        finally:
            await connection.close()


async def kill(party: PartyProcess) -> None:
    """End a process as a power cut would, and wait until it is gone."""
    if party.pid is not None:
        os.kill(party.pid, signal.SIGKILL)
    await until(lambda: party.pid is None)


@asynccontextmanager
async def parties(
    path: Path, *, codes: tuple[int, ...] = OPERATORS, behind_proxies: bool = False
) -> AsyncIterator[Parties]:
    """Run a central bank and operators on a durable PostgreSQL of their own."""
    directory = DataDirectory(path.absolute())
    async with AsyncExitStack() as stack:
        stack.enter_context(directory.held())
        set_up(directory, network_name="test", rulebook=DEFAULT_RULEBOOK)
        postgres = EmbeddedPostgres(directory.postgres, settings=SMALL)
        await stack.enter_async_context(postgres)
        network = str(directory.network.directory)
        dsn = await postgres.create_database("central_bank")
        central_bank = _party(
            directory, "central-bank", ("central-bank", "serve", "--dsn", dsn, "--network", network)
        )
        it = Parties(directory, postgres, central_bank)
        stack.push_async_callback(central_bank.stop)
        await central_bank.start()
        for code in codes:
            url = it.registry_url
            if behind_proxies:
                proxy = await stack.enter_async_context(proxy_to(url))
                it.proxies[code] = proxy
                url = proxy.url
            it.operators[code] = await _operator(it, code, url)
            stack.push_async_callback(it.operators[code].stop)
            await it.operators[code].start()
        await it.provide()
        yield it


async def _operator(it: Parties, code: int, registry_url: str) -> PartyProcess:
    dsn = await it.postgres.create_database(f"operator_{code:04d}")
    options = {
        "--code": f"{code:04d}",
        "--dsn": dsn,
        "--registry": registry_url,
        "--keys": str(it.directory.operator(code)),
        "--network-id": it.network_id.hex(),
    }
    arguments = [each for pair in options.items() for each in pair]
    return _party(it.directory, f"operator-{code}", ("operator", "serve", "--demo", *arguments))


def _party(directory: DataDirectory, name: str, words: tuple[str, ...]) -> PartyProcess:
    [port] = free_ports(1)
    shared = ("--port", str(port), "--passphrase-file", str(directory.passphrase))
    program = Program(
        name=name,
        command=(*JIAOZI, *words, *shared),
        url=f"http://127.0.0.1:{port}",
        log=directory.log(name),
    )
    return PartyProcess(program, lambda _: None)
