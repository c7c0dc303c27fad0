"""The writer's session in the database: hold it, watch it, end it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.registry.waiting import until
from tests.registry.world import RegistryWorld

HOLDERS = """
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""


@asynccontextmanager
async def writer_held(world: RegistryWorld) -> AsyncIterator[None]:
    """Keep the writer from adding its block, in the middle of its transaction."""
    async with world.database.transaction() as connection:
        await connection.execute("LOCK TABLE block IN EXCLUSIVE MODE")
        yield


async def end_leader(world: RegistryWorld) -> None:
    """End the database session that holds the writer's lock."""
    async with world.database.connection() as connection:
        [row] = await connection.fetch(HOLDERS)
        assert await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", row["pid"])


async def waiting_in(world: RegistryWorld, what: str) -> None:
    """Wait until the writer's session does something."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = $1 AND query NOT LIKE 'LOCK%'"
    async with world.database.connection() as connection:

        async def is_waiting() -> bool:
            return bool(await connection.fetchval(sql, what))

        await until(is_waiting)
