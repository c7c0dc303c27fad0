"""The desk for offline devices, put together."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.offline import payment_store, store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.claim import SignClaim
from jiaozi.operator.offline.device_orders import OfflineOrders
from jiaozi.operator.offline.enrol import EnrolDevice
from jiaozi.operator.offline.hand_in import HandIn
from jiaozi.operator.offline.load import GiveLoad
from jiaozi.operator.offline.read_devices import ReadDevices
from jiaozi.operator.offline.revoke import RevokeDevice
from jiaozi.operator.offline.settle import SettlePayments
from jiaozi.operator.offline.synchronise import SynchroniseDevice
from jiaozi.operator.offline.take_up import TakeUpDevices
from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database

PAYMENTS_AT_ONCE = 2_000
ORDERS_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskParts:
    """What the use cases are made of."""

    code: int
    network: Network
    certify: Signer
    database: Database
    registry: RegistryClient
    carriage: Carriage
    submit: Callable[[Sequence[bytes]], Awaitable[list[RawAnswer]]]
    settle: SettleOrder
    read_feed: Callable[[], Awaitable[object]]
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The use cases."""

    authority: Authority
    database: Database
    orders: OfflineOrders
    settle: SettlePayments
    enrol: EnrolDevice
    give_load: GiveLoad
    hand_in: HandIn
    synchronise: SynchroniseDevice
    read_devices: ReadDevices
    revoke: RevokeDevice
    sign_claim: SignClaim

    async def resume(self, *, now_ms: int, next_try_ms: int) -> int:
        """Go on with orders and payments that are due; return how many they were.

        Raises:
            StorageUnavailable: The database cannot be read.
        """
        async with self.database.connection() as connection:
            orders = await store.due_orders(
                connection, now_ms=now_ms, next_try_ms=next_try_ms, limit=ORDERS_AT_ONCE
            )
            payments = await payment_store.due(
                connection, now_ms=now_ms, next_try_ms=next_try_ms, limit=PAYMENTS_AT_ONCE
            )
        await self.orders.resume(orders)
        await self.settle.resume(payments)
        return len(orders) + len(payments)


def desk_of(parts: DeskParts) -> Desk:
    """Put the use cases together."""
    database, now_ms, network = parts.database, parts.now_ms, parts.network
    authority = Authority(
        operator=parts.code,
        network=network,
        registry=parts.registry,
        certify=parts.certify,
        now_ms=now_ms,
    )
    orders = OfflineOrders(
        database=database, authority=authority, settle=parts.settle, now_ms=now_ms
    )
    settle = SettlePayments(
        network=network.id,
        database=database,
        carriage=parts.carriage,
        submit=parts.submit,
        certify=parts.certify,
        take_up=TakeUpDevices(
            network=network.id,
            database=database,
            submit=parts.submit,
            certify=parts.certify,
            now_ms=now_ms,
        ),
        now_ms=now_ms,
    )
    hand_in = HandIn(anchor=authority.anchor, database=database, settle=settle, now_ms=now_ms)
    certifier = Certifier(operator=parts.code, network=network.id, key=parts.certify)
    return Desk(
        authority=authority,
        database=database,
        orders=orders,
        settle=settle,
        enrol=EnrolDevice(authority=authority, database=database, orders=orders, now_ms=now_ms),
        give_load=GiveLoad(authority=authority, database=database, read_feed=parts.read_feed),
        hand_in=hand_in,
        synchronise=SynchroniseDevice(
            authority=authority, database=database, hand_in=hand_in, now_ms=now_ms
        ),
        read_devices=ReadDevices(authority=authority, database=database, now_ms=now_ms),
        revoke=RevokeDevice(certifier=certifier, database=database, orders=orders, now_ms=now_ms),
        sign_claim=SignClaim(network=network.id, certify=parts.certify, now_ms=now_ms),
    )
