"""A registry for a test: on a database that many tests share, or on one of its own.

In the shared one each test opens wallets of its own and leaves the rest alone: keys, quotas,
rulebooks and the clock. Whoever changes one of those takes `own_world`.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol.order_types import Holder
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.builders import OPERATORS, RegistryWorld, registry_world

LIMITS = ClassLimits(
    balance_cap_fen=1_000_000, single_fen=50_000, day_fen=100_000, year_fen=300_000
)
"""Of class II, the class that `open_wallet` takes."""
UNCAPPED = 1
"""A personal class without caps."""
LIMITED = Rulebook(
    hash=b"limited".ljust(32),
    name="limited",
    limits={
        (Holder.PERSONAL, UNCAPPED): ClassLimits(),
        (Holder.PERSONAL, 2): LIMITS,
        (Holder.CORPORATE, 1): ClassLimits(),
    },
)
PROVIDED_FEN = 10**12


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """Keep structlog from drawing tracebacks with all variables: it takes seconds."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
    )


@pytest.fixture(scope="session")
def shared_dsn(postgres: EmbeddedPostgres) -> str:
    """A founded network whose operators have money in their vaults."""

    async def prepare() -> str:
        dsn = await postgres.create_database("shared_registry")
        async with registry_world(dsn, rulebooks=[LIMITED]) as world:
            for operator in OPERATORS:
                await world.provide(operator, PROVIDED_FEN)
        return dsn

    return asyncio.run(prepare())


@pytest.fixture(scope="session")
def series() -> Iterator[int]:
    """Numbers that keep the wallets and ids of tests apart."""
    return itertools.count(1)


@pytest.fixture
async def world(shared_dsn: str, series: Iterator[int]) -> AsyncIterator[RegistryWorld]:
    """The shared registry; class II has `LIMITS`."""
    async with registry_world(shared_dsn, rulebooks=[LIMITED], series=next(series)) as world:
        yield world


@pytest.fixture
async def own_world(database_dsn: str) -> AsyncIterator[RegistryWorld]:
    """A registry for this test alone, with money in the vaults; class II has `LIMITS`."""
    async with registry_world(database_dsn, rulebooks=[LIMITED]) as world:
        for operator in OPERATORS:
            await world.provide(operator, PROVIDED_FEN)
        yield world
