"""One true story for all tests: played once on a real registry, then told from memory."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.launch import SUPERUSER
from tests.audit.forgery import Forger
from tests.audit.offline_story import Played, play_offline
from tests.audit.story import Story, play
from tests.audit.telling import Teller
from tests.registry.network import UNLIMITED
from tests.registry.offline_builders import OFFLINE
from tests.registry.world import registry_world


@pytest.fixture(scope="session")
def story(postgres: EmbeddedPostgres) -> Story:
    """The blocks of the story, and all keys."""

    async def told() -> Story:
        dsn = await postgres.create_database("audit_story")
        async with registry_world(dsn) as world:
            return await play(world)

    return asyncio.run(told())


@pytest.fixture(scope="session")
def played(postgres: EmbeddedPostgres) -> Played:
    """The chain of the story of devices, played once on a real registry."""

    async def told() -> Played:
        dsn = await postgres.create_database("audit_offline")
        async with registry_world(dsn, rulebooks=[OFFLINE]) as world:
            return await play_offline(world)

    return asyncio.run(told())


@pytest.fixture
async def story_dsn(story: Story, postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A copy of the database that the story was played on, with the rights of a superuser."""
    await postgres.create_database("audit_copy", template="audit_story")
    yield postgres.dsn("audit_copy", user=SUPERUSER)
    await postgres.drop_database("audit_copy")


@pytest.fixture
async def url(story: Story, story_dsn: str) -> AsyncIterator[str]:
    """A central bank that serves the story."""
    settings = CentralBankSettings(
        dsn=story_dsn,
        genesis=story.blocks[0].body,
        block_signers=BlockSigners([story.keys.block]),
        library={UNLIMITED.hash: UNLIMITED},
        verifier_processes=0,
    )
    async with open_central_bank(settings) as application, listening(application) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            while (await client.get("/healthz")).status_code != httpx.codes.OK:
                pass
        yield server.url


@pytest.fixture
def forger(story: Story) -> Forger:
    """A registry with the true chain, about to change it."""
    return Forger(story)


@pytest.fixture
def teller(forger: Forger, story: Story) -> Teller:
    """Somebody who goes on with the story."""
    return Teller(forger, story)
