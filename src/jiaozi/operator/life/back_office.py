"""What clerks do with wallets, put together for a process beside the service.

Each order is stored before it is sent. Should the registry not answer in time, the service that
serves goes on with it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jiaozi.operator.history.verdict import FeedVerdict
from jiaozi.operator.life.decide import DecideRebind
from jiaozi.operator.life.freeze import FreezeWallet
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.join import join_network
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.rotate_keys import RotateKeys, RotatingKey
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOffice:
    """The use cases."""

    freeze: FreezeWallet
    decide: DecideRebind


@asynccontextmanager
async def open_back_office(
    database: Database,
    registry_url: str,
    *,
    operator: int,
    certify: RotatingKey,
    transport: RotatingKey,
    now_ms: Callable[[], int],
) -> AsyncIterator[BackOffice]:
    """Connect to the registry and yield the use cases.

    Raises:
        KeyStoreError: A key cannot be opened.
        Refusal: The registry does not answer.
    """
    network = (await join_network(database, registry_url, None)).network
    async with RegistryClient(
        registry_url, network=network, signer=transport, now_ms=now_ms
    ) as registry:
        await RotateKeys(
            operator=operator,
            keys=(certify, transport),
            certificates=registry.certificates,
            now_ms=now_ms,
        ).step()
        settle = SettleOrder(
            submit=registry.submit,
            registry=registry,
            feed=FeedVerdict(database=database),
            now_ms=now_ms,
        )
        certifier = Certifier(operator=operator, network=network.id, key=certify)
        orders = CertifyOrders(database=database, settle=settle, now_ms=now_ms)
        yield BackOffice(
            freeze=FreezeWallet(
                database=database, certifier=certifier, orders=orders, now_ms=now_ms
            ),
            decide=DecideRebind(
                database=database, certifier=certifier, orders=orders, now_ms=now_ms
            ),
        )
