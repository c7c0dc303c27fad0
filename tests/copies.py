"""Databases that are there at once: copies of one that was prepared before.

A copy belongs to the owner of the original, under whose name it is opened.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files

import asyncpg

from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.storage.launch import SUPERUSER
from jiaozi.storage.migrations import migrate

_OPERATOR = "template_of_operators"


async def operator_database(postgres: EmbeddedPostgres, name: str) -> str:
    """Make an operator's database, with its tables; return its DSN."""
    if not await exists(postgres, _OPERATOR):
        dsn = await postgres.create_database(_OPERATOR)
        async with await Database.open(dsn, pool_size=1) as database:
            await migrate(database, files("jiaozi.operator") / "migrations")
    return await copy_of(postgres, _OPERATOR, name)


async def network_databases(postgres: EmbeddedPostgres, names: Sequence[str]) -> list[str]:
    """Make the databases of a registry, which has the first name, and of operators."""
    registry, *operators = names
    return [
        await postgres.create_database(registry),
        *[await operator_database(postgres, each) for each in operators],
    ]


async def copy_of(postgres: EmbeddedPostgres, original: str, name: str) -> str:
    """Copy a database to which nobody is connected; return the DSN of the copy."""
    async with _administrator(postgres) as connection:
        await connection.execute(
            f'CREATE DATABASE "{name}" OWNER "{original}" TEMPLATE "{original}"'
        )
    return postgres.dsn(name, user=original)


async def exists(postgres: EmbeddedPostgres, name: str) -> bool:
    """Say whether there is a database of this name."""
    async with _administrator(postgres) as connection:
        found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    return found is not None


@asynccontextmanager
async def _administrator(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.dsn("postgres", user=SUPERUSER))
    try:
        yield connection
    finally:
        await connection.close()
