"""One true story for all tests: played once on a real registry, then told from memory."""

import asyncio

import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.audit.forgery import Forger
from tests.audit.story import Story, play
from tests.registry.builders import registry_world


@pytest.fixture(scope="session")
def story(postgres: EmbeddedPostgres) -> Story:
    """The blocks of the story, and all keys."""

    async def told() -> Story:
        dsn = await postgres.create_database("audit_story")
        async with registry_world(dsn) as world:
            return await play(world)

    return asyncio.run(told())


@pytest.fixture
def forger(story: Story) -> Forger:
    """A registry with the true chain, about to change it."""
    return Forger(story)
