"""An operator over HTTP in front of a fake registry."""

import uuid
from collections.abc import AsyncIterator

import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import operator_database
from tests.operator.builders import OperatorWorld, operator_world


@pytest.fixture
async def database_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of an operator's database with nothing in its tables, gone after the test."""
    name = f"test_{uuid.uuid4().hex}"
    yield await operator_database(postgres, name)
    await postgres.drop_database(name)


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OperatorWorld]:
    """A fresh operator and a fresh network."""
    async with operator_world(database_dsn) as world:
        yield world
