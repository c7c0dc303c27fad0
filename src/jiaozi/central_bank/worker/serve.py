"""Run the central bank's worker: its jobs, with health and figures over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import psycopg
import psycopg_pool
import structlog
from procrastinate.exceptions import ConnectorException
from prometheus_client import CollectorRegistry, Gauge

from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.store import MIGRATIONS
from jiaozi.central_bank.statements import store
from jiaozi.central_bank.statements.make import MakeStatements
from jiaozi.central_bank.worker.jobs import catch_up, new_app, prepare
from jiaozi.protocol.daily_statement import start_of
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.application import new_application
from jiaozi.service.dispatch import AsgiApp, Dispatcher
from jiaozi.service.metrics import new_registry
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable
from jiaozi.storage.migrations import migrate

RETRY_S = 2.0
COUNT_PERIOD_S = 10.0
_GONE = (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout)
_log = structlog.get_logger("jiaozi.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker needs to run; ``block_signers`` sign the statements."""

    dsn: str
    network: NetworkId
    block_signers: BlockSigners
    database_connections_max: int = 4


@asynccontextmanager
async def open_worker(settings: WorkerSettings) -> AsyncIterator[AsgiApp]:
    """Start a worker, yield its application, and end it.

    Raises:
        StorageError: The database cannot be used.
    """
    figures = new_registry()
    async with await Database.open(
        settings.dsn, name="worker", pool_size=settings.database_connections_max
    ) as database:
        await migrate(database, MIGRATIONS)
        make = MakeStatements(
            database=database, signers=settings.block_signers, network=settings.network
        )
        works = asyncio.Event()
        running = [
            asyncio.create_task(_work(settings.dsn, make, works)),
            asyncio.create_task(_count(database, figures)),
        ]
        try:
            yield _application(figures, works)
        finally:
            for each in running:
                each.cancel()
            await asyncio.wait(running)


async def _work(dsn: str, make: MakeStatements, works: asyncio.Event) -> None:
    """Work until cancelled; a database that is away is waited for."""
    while True:
        app = new_app(dsn, make)
        try:
            await prepare(app, dsn)
            async with app.open_async():
                await catch_up(app)
                works.set()
                await app.run_worker_async(
                    install_signal_handlers=False, delete_jobs="successful", name="worker"
                )
        except _GONE as error:
            _log.warning("worker_waits", problem=str(error))
        finally:
            works.clear()
        await asyncio.sleep(RETRY_S)


async def _count(database: Database, figures: CollectorRegistry) -> None:
    """Show up to when days are stated, and how many statements do not add up."""
    until_s = Gauge(
        "jiaozi_stated_until_seconds", "Unix time up to which days are stated.", registry=figures
    )
    differing = Gauge(
        "jiaozi_statements_differing", "Daily statements that do not add up.", registry=figures
    )
    while True:
        try:
            async with database.connection() as connection:
                stated = await store.read_stated(connection)
                differing.set(await store.with_difference(connection))
            until_s.set(0 if stated is None else start_of(stated.day + 1) / 1000)
        except StorageUnavailable as error:
            _log.warning("worker_waits", problem=str(error))
        await asyncio.sleep(COUNT_PERIOD_S)


def _application(figures: CollectorRegistry, works: asyncio.Event) -> Dispatcher:
    async def check_health() -> None:
        if not works.is_set():
            raise refuse(Code.UNAVAILABLE)

    app = new_application(
        "Jiaozi central bank's worker",
        summary="Health and figures of what is done by the clock.",
        version=version("jiaozi"),
        registry=figures,
        check_health=check_health,
        hot_operations={},
    )
    return Dispatcher(app, {}, registry=figures)
