"""An operator over HTTP in front of a fake registry."""

from collections.abc import AsyncIterator

import pytest

from tests.operator.builders import OperatorWorld, operator_world


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OperatorWorld]:
    """A fresh operator and a fresh network."""
    async with operator_world(database_dsn) as world:
        yield world
