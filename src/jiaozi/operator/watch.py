"""Watch the registry: keep what it signs, compare it with others, stop sending when it lies."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Self

from jiaozi.operator.headers.compare import ComparePeers
from jiaozi.operator.headers.doubt import Doubt
from jiaozi.operator.headers.keep import KeepHeaders
from jiaozi.operator.reconcile.fetch import FetchStatements
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.domains import NetworkId
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryWatch:
    """What watches the registry, ready to run."""

    doubt: Doubt
    keep_headers: KeepHeaders
    compare_peers: ComparePeers
    fetch_statements: FetchStatements

    @classmethod
    async def begin(
        cls,
        database: Database,
        registry: RegistryClient,
        *,
        operator: int,
        network: NetworkId,
        peers: Sequence[str],
        now_ms: Callable[[], int],
    ) -> Self:
        """Learn what was proved before, so that nothing is sent in spite of it.

        Raises:
            StorageUnavailable: The database is gone.
        """
        doubt = Doubt(database, now_ms)
        await doubt.learn()
        registry.in_doubt = lambda: doubt.proofs > 0
        keep = KeepHeaders(network=network, database=database, registry=registry, doubt=doubt)
        return cls(
            doubt=doubt,
            keep_headers=keep,
            compare_peers=ComparePeers(peers=peers, database=database, headers=keep, doubt=doubt),
            fetch_statements=FetchStatements(
                operator=operator, network=network, database=database, registry=registry
            ),
        )

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """Return what is to run in the background."""
        return self.keep_headers.run(), self.compare_peers.run(), self.fetch_statements.run()
