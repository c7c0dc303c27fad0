"""A central bank and its operators on this machine: PostgreSQL, then the parties, and back.

::

    start   directory held -> keys and genesis -> PostgreSQL -> central bank, worker, operators
    stop    operators -> worker -> central bank -> PostgreSQL -> directory released

While it runs, whatever dies is started again. An operator that cannot reach the central bank, and
a registry that cannot reach PostgreSQL, wait and lose nothing.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from jiaozi.local.directory import DataDirectory
from jiaozi.local.errors import PortTaken
from jiaozi.local.ports import free_ports
from jiaozi.local.process import PAUSE_MAX_S, PAUSE_MIN_S, PartyProcess, Program
from jiaozi.local.setup import DEFAULT_RULEBOOK, OPERATORS, set_up
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.errors import EmbeddedServerError

HOST = "127.0.0.1"
PORT_BASE = 10240
"""The central bank's port; the operators have those after it, then comes the worker."""

_COMMAND = (sys.executable, "-m", "jiaozi.cli")
_CENTRAL_BANK = "central-bank"
_WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How to run the parties.

    Attributes:
        port_base: First port; 0 takes any that are free.
        network_name: Of a network that is set up now.
        rulebook: In force in a network that is set up now.
        archive: Takes PostgreSQL's log, for `jiaozi restore --until`.
    """

    directory: DataDirectory
    port_base: int = PORT_BASE
    network_name: str = "local"
    rulebook: str = DEFAULT_RULEBOOK
    archive: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNetwork:
    """The parties at work; ``operator_dsns`` are the operators' databases by code."""

    directory: DataDirectory
    central_bank_dsn: str
    operator_dsns: dict[int, str]
    central_bank: PartyProcess
    worker: PartyProcess
    operators: dict[int, PartyProcess]

    @property
    def central_bank_url(self) -> str:
        """Where the central bank serves."""
        return self.central_bank.program.url

    @property
    def operator_urls(self) -> dict[int, str]:
        """Where each operator serves, by code."""
        return {code: each.program.url for code, each in self.operators.items()}


@asynccontextmanager
async def local_network(
    settings: LocalSettings, tell: Callable[[str], None]
) -> AsyncIterator[LocalNetwork]:
    """Run all parties until the end of the context.

    Args:
        settings: How.
        tell: Told in a sentence what happens to a process.

    Raises:
        LocalError: They cannot be started, with what to do about it.
        StorageError: PostgreSQL cannot.
    """
    directory = settings.directory
    async with AsyncExitStack() as stack:
        stack.enter_context(directory.held())
        ports = _ports(settings.port_base)
        await asyncio.to_thread(
            set_up, directory, network_name=settings.network_name, rulebook=settings.rulebook
        )
        postgres = EmbeddedPostgres(directory.postgres, archive=settings.archive)
        await stack.enter_async_context(postgres)
        network = await _describe(directory, postgres, ports, tell)
        parties = [network.central_bank, network.worker, *network.operators.values()]
        for each in parties:
            stack.push_async_callback(each.stop)
        await asyncio.gather(*(each.start() for each in parties))
        await stack.enter_async_context(_kept_running(postgres, parties, tell))
        yield network


async def _describe(
    directory: DataDirectory,
    postgres: EmbeddedPostgres,
    ports: Sequence[int],
    tell: Callable[[str], None],
) -> LocalNetwork:
    central_bank, *operators, worker = ports
    registry_url = _url(central_bank)
    central_bank_dsn = await postgres.create_database("central_bank")
    programs = [
        _program(directory, name, port, _central_bank_options(directory, central_bank_dsn, command))
        for name, port, command in (
            (_CENTRAL_BANK, central_bank, "serve"), (_WORKER, worker, "worker")
        )
    ]  # fmt: skip
    ports_of = dict(zip(OPERATORS, operators, strict=True))
    dsns = {code: await postgres.create_database(f"operator_{code:04d}") for code in OPERATORS}
    for code, port in ports_of.items():
        options = _operator_options(directory, code, dsns[code], registry_url)
        for peer in OPERATORS:
            options += ["--peer", _url(ports_of[peer])] if peer != code else []
        programs.append(_program(directory, f"operator-{code:04d}", port, options))
    first, second, *others = (PartyProcess(each, tell) for each in programs)
    return LocalNetwork(
        directory=directory,
        central_bank_dsn=central_bank_dsn,
        operator_dsns=dsns,
        central_bank=first,
        worker=second,
        operators=dict(zip(OPERATORS, others, strict=True)),
    )


def _program(directory: DataDirectory, name: str, port: int, options: Sequence[str]) -> Program:
    shared = ["--host", HOST, "--port", str(port), "--passphrase-file", str(directory.passphrase)]
    return Program(
        name=name,
        command=(*_COMMAND, *options, *shared),
        url=_url(port),
        log=directory.log(name),
    )


def _central_bank_options(directory: DataDirectory, dsn: str, command: str) -> list[str]:
    place = str(directory.network.directory)
    return ["central-bank", command, "--dsn", dsn, "--network", place]


def _operator_options(
    directory: DataDirectory, code: int, dsn: str, registry_url: str
) -> list[str]:
    return [
        "operator", "serve", "--demo",
        "--code", f"{code:04d}",
        "--dsn", dsn,
        "--registry", registry_url,
        "--keys", str(directory.operator(code)),
        "--network-id", directory.network.network_id.read_text("ascii").strip(),
    ]  # fmt: skip


@asynccontextmanager
async def _kept_running(
    postgres: EmbeddedPostgres, parties: Sequence[PartyProcess], tell: Callable[[str], None]
) -> AsyncIterator[None]:
    """Start again what dies, until the end of the context."""
    tasks = [asyncio.create_task(each.keep_running()) for each in parties]
    tasks.append(asyncio.create_task(_keep_postgres(postgres, tell)))
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_postgres(postgres: EmbeddedPostgres, tell: Callable[[str], None]) -> None:
    pause_s = PAUSE_MIN_S
    while True:
        try:
            await postgres.watch()
        except EmbeddedServerError as error:
            tell(f"PostgreSQL stopped: {error} Starting it again in {pause_s:g} s.")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_MAX_S)
        await postgres.stop()
        try:
            await postgres.start()
        except EmbeddedServerError as error:
            tell(str(error))
        else:
            pause_s = PAUSE_MIN_S


def _ports(base: int) -> list[int]:
    """Choose the ports, and make sure that nobody listens there.

    Raises:
        PortTaken: Somebody does.
    """
    count = 2 + len(OPERATORS)
    wanted = range(base, base + count) if base else free_ports(count)
    probes: list[socket.socket] = []
    try:
        for port in wanted:
            probe = socket.socket()
            probes.append(probe)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise PortTaken(
                    happened=f"Port {port} of {HOST} is taken ({error.strerror}).",
                    remedy=f"Stop the program that listens there, or choose {count} other ports "
                    "with --port-base.",
                ) from None
        return list(wanted)
    finally:
        for probe in probes:
            probe.close()


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
