"""What moves money and keys in steps, put together: exchange, redemption, a wallet's life."""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.exchange.exchange import ExchangeDeposit
from jiaozi.operator.exchange.redeem import RedeemToDeposit
from jiaozi.operator.exchange.store import ExchangeStore
from jiaozi.operator.identity import Identity
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.life.adopt import AdoptWallet
from jiaozi.operator.life.freeze import FreezeWallet
from jiaozi.operator.life.prove_holder import ProveHolder
from jiaozi.operator.life.rebind import RebindWallet
from jiaozi.operator.offline.desk import Desk
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.resume import Resolver
from jiaozi.operator.waterfall.credit import CreditSweep
from jiaozi.protocol.domains import NetworkId
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaParts:
    """What the use cases are made of."""

    code: int
    network: NetworkId
    keys: OperatorKeys
    database: Database
    privacy: Privacy
    registry: RegistryClient
    core: CoreBanking
    settle: SettleOrder
    identity: Identity
    desk: Desk
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sagas:
    """The use cases, and what goes on with those that were interrupted."""

    exchange: ExchangeDeposit
    redeem: RedeemToDeposit
    rebind: RebindWallet
    freeze: FreezeWallet
    adopt: AdoptWallet
    resolver: Resolver


def sagas_of(parts: SagaParts) -> Sagas:
    """Put the use cases together."""
    database, identity, now_ms = parts.database, parts.identity, parts.now_ms
    certifier, orders = identity.open_wallet.certifier, identity.certify_orders
    store = ExchangeStore(database, parts.code)
    exchange = ExchangeDeposit(
        operator=parts.code,
        network=parts.network,
        store=store,
        core=parts.core,
        settle=parts.settle,
        vault=parts.keys.vault,
        screen=identity.screen,
        now_ms=now_ms,
    )
    redeem = RedeemToDeposit(
        operator=parts.code,
        network=parts.network,
        store=store,
        core=parts.core,
        settle=parts.settle,
        certify=parts.keys.certify,
        now_ms=now_ms,
    )
    rebind = RebindWallet(
        database=database,
        prove_phone=identity.open_wallet.prove_phone,
        prove_holder=ProveHolder(privacy=parts.privacy),
        certifier=certifier,
        orders=orders,
        registry=parts.registry,
        now_ms=now_ms,
    )
    return Sagas(
        exchange=exchange,
        redeem=redeem,
        rebind=rebind,
        freeze=FreezeWallet(database=database, certifier=certifier, orders=orders, now_ms=now_ms),
        adopt=AdoptWallet(
            operator=parts.code,
            database=database,
            open_wallet=identity.open_wallet,
            registry=parts.registry,
            now_ms=now_ms,
        ),
        resolver=Resolver(
            database=database,
            store=store,
            open_wallet=identity.open_wallet,
            certify_orders=orders,
            exchange=exchange,
            redeem=redeem,
            rebind=rebind,
            credit_sweep=CreditSweep(database=database, core=parts.core),
            desk=parts.desk,
            now_ms=now_ms,
        ),
    )
