"""Run an operator's service: its use cases, the background work and the HTTP API in one process."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry

from jiaozi.operator.customers import store as customers
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.figures import OperatorFigures
from jiaozi.operator.http.access import Access
from jiaozi.operator.http.customers import customer_routes
from jiaozi.operator.http.demands import demand_routes
from jiaozi.operator.http.deposits import demo_routes, deposit_routes
from jiaozi.operator.http.headers import header_routes
from jiaozi.operator.http.history import history_routes
from jiaozi.operator.http.identity import identity_routes
from jiaozi.operator.http.life import life_routes
from jiaozi.operator.http.network import network_routes
from jiaozi.operator.http.notices import notice_routes
from jiaozi.operator.http.offline import offline_routes
from jiaozi.operator.http.offline_logs import OPERATIONS, offline_hot_routes
from jiaozi.operator.http.orders import ORDERS_BYTES_MAX, ORDERS_OPERATION, TakeOrders
from jiaozi.operator.http.privacy import privacy_routes
from jiaozi.operator.http.readers import Readers, WalletOrigin
from jiaozi.operator.http.second_factor import second_factor_routes
from jiaozi.operator.http.sessions import session_routes
from jiaozi.operator.http.statements import statement_routes
from jiaozi.operator.http.wallets import wallet_routes
from jiaozi.operator.life.close import CheckMayClose
from jiaozi.operator.sessions import store as sessions
from jiaozi.operator.settings import OperatorSettings
from jiaozi.operator.wiring import Operator, open_operator, working
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.application import add_routes, new_application
from jiaozi.service.dispatch import AsgiApp, Dispatcher, HotRoute
from jiaozi.service.metrics import new_registry
from jiaozi.storage.errors import StorageUnavailable

GARBAGE_THRESHOLD = 50_000
_FORGET_PERIOD_S = 60.0
_log = structlog.get_logger("jiaozi.operator")


@asynccontextmanager
async def serve_operator(settings: OperatorSettings) -> AsyncIterator[AsgiApp]:
    """Start an operator, yield its application, and end it.

    Raises:
        StorageError: The database cannot be used.
        OtherNetwork: It belongs to another network than the registry.
    """
    async with open_operator(settings) as operator, at_work(operator) as app:
        _collect_garbage_rarely()
        yield app


def _collect_garbage_rarely() -> None:
    """Look for cycles seldom: orders and feed entries come by the thousand and have none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


@asynccontextmanager
async def at_work(operator: Operator) -> AsyncIterator[AsgiApp]:
    """Run an operator's background work and yield its application."""
    access = Access(operator.database, operator.joined.network.id, operator.now_ms, operator.limits)
    tasks = (
        operator.resolver.run(),
        operator.follow_feed.run(),
        operator.rotate_keys.run(),
        operator.registry.block_keys.follow(),
        operator.keep_privacy.follow_keys(),
        operator.keep_privacy.keep_terms(),
        operator.notices.run(),
        _forget(operator, access),
        *operator.watch.tasks(),
    )
    await operator.rotate_keys.look()
    registry = new_registry()
    async with working(*tasks) as all_run:

        def all_work() -> bool:
            return all_run() and operator.follow_feed.refused_as is None

        figures = OperatorFigures(
            registry,
            database=operator.database,
            batcher=operator.batcher,
            registry_client=operator.registry,
            doubt=operator.watch.doubt,
            all_work=all_work,
        )
        async with working(figures.run()):
            yield _application(operator, access, all_work, registry)


async def _forget(operator: Operator, access: Access) -> None:
    """Drop used nonces, ended sessions and registrations that came to nothing, now and then."""
    while True:
        try:
            await access.forget()
            async with operator.database.connection() as connection:
                await customers.forget_registrations(connection, operator.now_ms())
                await sessions.forget(connection, operator.now_ms())
        except StorageUnavailable as error:
            _log.warning("not_forgotten", problem=str(error))
        await asyncio.sleep(_FORGET_PERIOD_S)


def _application(
    operator: Operator,
    access: Access,
    all_work: Callable[[], bool],
    figures: CollectorRegistry,
) -> Dispatcher:
    async def check_health() -> str:
        if not all_work():
            raise refuse(Code.UNAVAILABLE)
        await operator.check_reachable()
        return "registry_contradicts_itself" if operator.watch.doubt.proofs else "ok"

    origin = WalletOrigin(operator.wallet_origin)
    readers = Readers(
        operator.database,
        operator.joined.network.id,
        operator.now_ms,
        operator.limits,
        origin=origin,
    )
    app = new_application(
        "Jiaozi operator",
        summary="Wallets, payments, deposits and their exchange, for holders.",
        version=version("jiaozi"),
        registry=figures,
        check_health=check_health,
        hot_operations={("POST", "/v1/orders"): ORDERS_OPERATION, **OPERATIONS},
    )
    add_routes(
        app,
        network_routes(operator),
        header_routes(operator.database),
        customer_routes(operator, access),
        wallet_routes(operator, readers),
        identity_routes(operator, access),
        demand_routes(operator, access),
        history_routes(operator, readers),
        statement_routes(operator, access),
        life_routes(operator, access),
        notice_routes(operator, readers),
        session_routes(operator, origin),
        second_factor_routes(operator, access),
        deposit_routes(operator, access),
        *offline_routes(operator, access),
        privacy_routes(operator, access),
    )
    if operator.demo and isinstance(operator.core, LedgerCore):
        add_routes(app, demo_routes(operator.core))
    take_orders = TakeOrders(
        operator.batcher,
        operator.carriage,
        operator.limits,
        CheckMayClose(network=operator.joined.network.id, database=operator.database),
    )
    hot = {
        ("POST", "/v1/orders"): HotRoute(take_orders, ORDERS_BYTES_MAX),
        **offline_hot_routes(operator.desk, operator.limits),
    }
    return Dispatcher(
        app,
        hot,
        registry=figures,
        addresses=operator.limits.addresses,
        proxies=operator.limits.proxies,
        on_stop=operator.notices.streams.close,
    )
