"""Join a network: learn its genesis once, and stay with it for good."""

import asyncio
from dataclasses import dataclass
from importlib import resources

import structlog

from jiaozi.operator.registry.client import new_http_client, send
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements

_RETRY_S = 0.2

_log = structlog.get_logger("jiaozi.registry")


@dataclass(frozen=True, slots=True)
class _Statements:
    pin_genesis: str
    pinned_genesis: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


@dataclass(kw_only=True, eq=False)
class OtherNetwork(Exception):
    """The registry belongs to another network than the one that is expected."""

    expected: NetworkId

    def __str__(self) -> str:
        return (
            f"This operator belongs to network {self.expected.hex()}, and the genesis that it has "
            "or was given is another one's."
        )


@dataclass(frozen=True, slots=True)
class Joined:
    """A network and the bytes of its genesis."""

    network: Network
    genesis: bytes


async def join_network(database: Database, registry_url: str, expected: NetworkId | None) -> Joined:
    """Return the network that this database belongs to.

    The first time the genesis comes from the registry, which is waited for; then it is pinned.

    Args:
        database: The operator's.
        registry_url: Where the registry is.
        expected: The network's id as learnt by another way; without it the registry is trusted
            this once.

    Raises:
        OtherNetwork: The genesis is not of the expected network.
    """
    async with database.connection() as connection:
        genesis: bytes | None = await connection.fetchval(_SQL.pinned_genesis)
    if genesis is None:
        genesis = await _fetch(registry_url)
    network = read_genesis(genesis)
    if expected is not None and network.id != expected:
        raise OtherNetwork(expected=expected)
    async with database.connection() as connection:
        await connection.execute(_SQL.pin_genesis, genesis)
    return Joined(network, genesis)


async def _fetch(registry_url: str) -> bytes:
    async with new_http_client(registry_url) as http:
        waited_for = False
        while True:
            try:
                return (await send(http, "GET", "/v1/genesis", {})).content
            except Refusal as refusal:
                if refusal.code not in (Code.UNAVAILABLE, Code.UNKNOWN, Code.BUSY):
                    raise
            if not waited_for:
                _log.warning("registry_waited_for", registry=registry_url)
                waited_for = True
            await asyncio.sleep(_RETRY_S)
