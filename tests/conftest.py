"""Fixtures for everything with SQL: a real PostgreSQL, and a fresh database for each test."""

import asyncio
import logging
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
import structlog
from httpx import _config
from httpx._transports import default

from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from tests import hsm as softhsm

# Commands print for a wide terminal, in whatever order tests bring their consoles into being.
os.environ["COLUMNS"] = "200"

# Each client reads all of the machine's certificates, which takes longer than most tests' requests.
default.create_ssl_context = cache(default.create_ssl_context)

# Clients without a timeout of their own give up after five seconds; a busy machine may take those.
for _phase in ("connect", "read", "write", "pool"):
    setattr(_config.DEFAULT_TIMEOUT_CONFIG, _phase, 60.0)

# For tests of what statements do, not of what survives a crash.
FAST_NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
}


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """Have everything logged where pytest keeps it.

    By itself structlog prints, into whatever stands for the standard output of a command at that
    moment, and draws tracebacks with all variables, which takes seconds.
    """
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a test does to logging: its stream is closed when the next service wants to log."""
    loggers = [logging.getLogger(name) for name in (None, "httpx", "httpcore")]
    before = [(each, each.handlers[:], each.level) for each in loggers]
    configuration = structlog.get_config()
    yield
    structlog.configure(**configuration)
    for each, handlers, level in before:
        each.handlers[:] = handlers
        each.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for all tests of this worker; it forgets in a crash."""
    with tempfile.TemporaryDirectory(prefix="jiaozi-test-") as home:
        server = EmbeddedPostgres(Path(home), settings=FAST_NOT_DURABLE)
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())


@pytest.fixture(scope="session")
def hsm() -> Iterator[softhsm.Hsm]:
    """A module for PKCS #11 with fresh tokens for all tests of this worker."""
    with tempfile.TemporaryDirectory(prefix="jiaozi-hsm-") as home:
        yield softhsm.start(Path(home))


@pytest.fixture
async def database_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of an empty database, gone after the test."""
    name = f"test_{uuid.uuid4().hex}"
    yield await postgres.create_database(name)
    await postgres.drop_database(name)


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """An open pool on an empty database."""
    async with await Database.open(database_dsn, pool_size=4) as database:
        yield database
