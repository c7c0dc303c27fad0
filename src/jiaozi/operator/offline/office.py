"""What clerks do about devices and the guarantee, put together for a process beside the service.

Each order is stored before it is sent. Should the registry not answer in time, the service that
serves goes on with it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jiaozi.operator.history.verdict import FeedVerdict
from jiaozi.operator.life.store import load_carriage
from jiaozi.operator.offline import store
from jiaozi.operator.offline.cases import ReportCases
from jiaozi.operator.offline.desk import Desk, DeskParts, desk_of
from jiaozi.operator.offline.guarantee import MoveGuarantee
from jiaozi.operator.offline.model import OfflineOrder
from jiaozi.operator.offline.store import Decision
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.join import join_network
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.rotate_keys import RotateKeys, RotatingKey
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineOffice:
    """The use cases."""

    database: Database
    desk: Desk
    guarantee: MoveGuarantee
    report: ReportCases
    now_ms: Callable[[], int]

    async def revoke(self, device: bytes, *, clerk: str, file_number: str) -> OfflineOrder:
        """Revoke a device, or return what became of its revocation.

        Raises:
            Refusal: ``device_unknown``: it was not enrolled here.
        """
        await self._decide(device, "revoke", clerk, file_number)
        return await self.desk.revoke(device)

    async def lift(self, device: bytes, *, clerk: str, file_number: str) -> None:
        """Let a suspended device be synchronised again: a person has looked.

        Raises:
            Refusal: ``device_unknown``: it was not enrolled here.
        """
        await self._decide(device, "lift", clerk, file_number)
        async with self.database.transaction() as connection:
            await store.clear(connection, device)

    async def _decide(self, device: bytes, decision: str, clerk: str, file_number: str) -> None:
        async with self.database.transaction() as connection:
            if await store.find_device(connection, device) is None:
                raise refuse(Code.DEVICE_UNKNOWN)
            made = Decision(device, decision, clerk, file_number, self.now_ms())
            await store.add_decision(connection, made)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeKeys:
    """The keys that sign."""

    certify: RotatingKey
    vault: RotatingKey
    transport: RotatingKey


@asynccontextmanager
async def open_offline_office(
    database: Database,
    registry_url: str,
    *,
    operator: int,
    keys: OfficeKeys,
    now_ms: Callable[[], int],
) -> AsyncIterator[OfflineOffice]:
    """Connect to the registry and yield the use cases.

    Raises:
        KeyStoreError: A key cannot be opened.
        Refusal: The registry does not answer.
    """
    network = (await join_network(database, registry_url, None)).network
    async with database.connection() as connection:
        carriage = await load_carriage(connection, operator)
    async with RegistryClient(
        registry_url, network=network, signer=keys.transport, now_ms=now_ms
    ) as registry:
        await RotateKeys(
            operator=operator,
            keys=(keys.certify, keys.vault, keys.transport),
            certificates=registry.certificates,
            now_ms=now_ms,
        ).step()
        settle = SettleOrder(
            submit=registry.submit,
            registry=registry,
            feed=FeedVerdict(database=database),
            now_ms=now_ms,
        )
        desk = desk_of(
            DeskParts(
                code=operator,
                network=network,
                certify=keys.certify,
                database=database,
                registry=registry,
                carriage=carriage,
                submit=registry.submit,
                settle=settle,
                read_feed=_read_nothing,
                now_ms=now_ms,
            )
        )
        yield OfflineOffice(
            database=database,
            desk=desk,
            guarantee=MoveGuarantee(
                operator=operator,
                network=network.id,
                database=database,
                orders=desk.orders,
                registry=registry,
                vault=keys.vault,
                now_ms=now_ms,
            ),
            report=ReportCases(authority=desk.authority, database=database),
            now_ms=now_ms,
        )


async def _read_nothing() -> None:
    """The service follows the feed."""
