"""A registry for a test: on a database that many tests share, or on one of its own.

In the shared one each test opens wallets of its own and leaves the rest alone: keys, quotas,
rulebooks and the clock. Whoever changes one of those takes `own_world`.
"""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import copy_of
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS, Keys
from tests.registry.offline_builders import OFFLINE, OfflineDesk
from tests.registry.served import Served, genesis_for, served_registry
from tests.registry.world import RegistryWorld, registry_world

PROVIDED_FEN = 10**12


@pytest.fixture(scope="session")
def provided(postgres: EmbeddedPostgres) -> str:
    """A database to copy: a founded network whose operators have money in their vaults."""

    async def prepare() -> None:
        dsn = await postgres.create_database("provided_registry")
        async with registry_world(dsn, rulebooks=[LIMITED]) as world:
            for operator in OPERATORS:
                await world.provide(operator, PROVIDED_FEN)

    asyncio.run(prepare())
    return "provided_registry"


@pytest.fixture(scope="session")
def shared_dsn(postgres: EmbeddedPostgres, provided: str) -> str:
    """The network that tests share."""
    return asyncio.run(copy_of(postgres, provided, "shared_registry"))


@pytest.fixture(scope="session")
def series() -> Iterator[int]:
    """Numbers that keep the wallets and ids of tests apart."""
    return itertools.count(1)


@pytest.fixture
async def world(shared_dsn: str, series: Iterator[int]) -> AsyncIterator[RegistryWorld]:
    """The shared registry; class II has `LIMITS`."""
    async with registry_world(shared_dsn, rulebooks=[LIMITED], series=next(series)) as world:
        yield world


@pytest.fixture(scope="session")
def guaranteed(postgres: EmbeddedPostgres) -> str:
    """A database to copy: a founded network with rules for devices, money and guarantees."""

    async def prepare() -> None:
        dsn = await postgres.create_database("guaranteed_registry")
        async with registry_world(dsn, rulebooks=[OFFLINE]) as world:
            await OfflineDesk(world).prepare()

    asyncio.run(prepare())
    return "guaranteed_registry"


@pytest.fixture(scope="session")
def offline_dsn(postgres: EmbeddedPostgres, guaranteed: str) -> str:
    """The network with devices that tests share."""
    return asyncio.run(copy_of(postgres, guaranteed, "offline_registry"))


@pytest.fixture
async def desk(offline_dsn: str, series: Iterator[int]) -> AsyncIterator[OfflineDesk]:
    """A shared registry in which devices are enrolled."""
    async with registry_world(offline_dsn, rulebooks=[OFFLINE], series=next(series)) as world:
        yield OfflineDesk(world)


@pytest.fixture
async def own_offline_dsn(postgres: EmbeddedPostgres, guaranteed: str) -> AsyncIterator[str]:
    """The network with guarantees for one test, gone after it."""
    name = f"test_{uuid.uuid4().hex}"
    yield await copy_of(postgres, guaranteed, name)
    await postgres.drop_database(name)


@pytest.fixture
async def own_desk(own_offline_dsn: str) -> AsyncIterator[OfflineDesk]:
    """A registry in which devices are enrolled, for this test alone."""
    async with registry_world(own_offline_dsn, rulebooks=[OFFLINE], series=1) as world:
        yield OfflineDesk(world)


@pytest.fixture(scope="session")
def served_genesis() -> bytes:
    """A genesis of the time at which the tests began."""
    return genesis_for(Keys())


@pytest.fixture(scope="session")
def served_dsn(postgres: EmbeddedPostgres, served_genesis: bytes) -> str:
    """The database of the central bank that tests share over HTTP; its vaults have money."""

    async def prepare() -> str:
        dsn = await postgres.create_database("served_registry")
        async with served_registry(dsn, served_genesis) as served:
            for operator in OPERATORS:
                await served.provide(operator, PROVIDED_FEN)
        return dsn

    return asyncio.run(prepare())


@pytest.fixture
async def served(
    served_dsn: str, served_genesis: bytes, series: Iterator[int]
) -> AsyncIterator[Served]:
    """The shared central bank over HTTP; class II has `LIMITS`."""
    async with served_registry(served_dsn, served_genesis, series=next(series)) as served:
        yield served


@pytest.fixture
async def own_dsn(postgres: EmbeddedPostgres, provided: str) -> AsyncIterator[str]:
    """The network with money for one test, gone after it."""
    name = f"test_{uuid.uuid4().hex}"
    yield await copy_of(postgres, provided, name)
    await postgres.drop_database(name)


@pytest.fixture
async def own_world(own_dsn: str) -> AsyncIterator[RegistryWorld]:
    """A registry for this test alone, with money in the vaults; class II has `LIMITS`."""
    async with registry_world(own_dsn, rulebooks=[LIMITED], series=1) as world:
        yield world
