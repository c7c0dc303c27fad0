"""The resolver: goes on with every opening, change, exchange, redemption and sweep that is open.

Started with the service, it first takes up whatever a crash left, then what becomes due. Any number
of resolvers may run, beside the requests that began the sagas: a step taken twice is taken once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from jiaozi.operator.deposits.model import CoreContradiction
from jiaozi.operator.exchange.exchange import ExchangeDeposit
from jiaozi.operator.exchange.redeem import RedeemToDeposit
from jiaozi.operator.exchange.store import Due, ExchangeStore
from jiaozi.operator.life import store as life
from jiaozi.operator.life.rebind import RebindWallet
from jiaozi.operator.offline.desk import Desk
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.operator.waterfall.credit import CreditSweep
from jiaozi.operator.waterfall.store import due_sweeps
from jiaozi.protocol.refusals import Refusal
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

PERIOD_S = 1.0
RETRY_MS = 5_000
LIMIT = 200
_AT_ONCE = 16
_FAR_FUTURE_MS = 2**62

_log = structlog.get_logger("jiaozi.resolver")
_Saga = TypeVar("_Saga")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """The background task; its dependencies."""

    database: Database
    store: ExchangeStore
    open_wallet: OpenWallet
    certify_orders: CertifyOrders
    exchange: ExchangeDeposit
    redeem: RedeemToDeposit
    rebind: RebindWallet
    credit_sweep: CreditSweep
    desk: Desk
    now_ms: Callable[[], int]

    async def run(self) -> None:
        """Resolve until cancelled."""
        due_by_ms = _FAR_FUTURE_MS
        while True:
            try:
                await self.step(due_by_ms)
                due_by_ms = self.now_ms()
            except StorageUnavailable as error:
                _log.warning("sagas_not_read", problem=str(error))
            await asyncio.sleep(PERIOD_S)

    async def step(self, due_by_ms: int) -> int:
        """Go on with what is due by a time; return how many sagas that were.

        Raises:
            StorageUnavailable: The database cannot be read.
        """
        due = Due(now_ms=due_by_ms, next_try_ms=self.now_ms() + RETRY_MS, limit=LIMIT)
        async with self.database.connection() as connection:
            openings = await wallets.due_openings(
                connection, now_ms=due.now_ms, next_try_ms=due.next_try_ms, limit=due.limit
            )
            rebinds = await life.due_rebinds(
                connection, now_ms=due.now_ms, next_try_ms=due.next_try_ms, limit=due.limit
            )
            certified = await wallets.due_certify_orders(
                connection, now_ms=due.now_ms, next_try_ms=due.next_try_ms, limit=due.limit
            )
            sweeps = await due_sweeps(connection, due)
        exchanges = await self.store.due_exchanges(due)
        redemptions = await self.store.due_redemptions(due)
        slots = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(
            *_each(self.open_wallet.advance, openings, slots),
            *_each(self.certify_orders.advance, certified, slots),
            *_each(self.exchange.advance, exchanges, slots),
            *_each(self.redeem.advance, redemptions, slots),
            *_each(self.rebind.advance, rebinds, slots),
            *_each(self.credit_sweep.advance, sweeps, slots),
        )
        found = (openings, certified, exchanges, redemptions, rebinds, sweeps)
        offline = await self.desk.resume(now_ms=due.now_ms, next_try_ms=due.next_try_ms)
        return sum(len(each) for each in found) + offline


def _each(
    advance: Callable[[_Saga], Awaitable[object]],
    sagas: Iterable[_Saga],
    slots: asyncio.Semaphore,
) -> list[Awaitable[None]]:
    async def go_on(saga: _Saga) -> None:
        async with slots:
            try:
                await advance(saga)
            except (Refusal, StorageUnavailable) as error:
                _log.warning("saga_stays_open", problem=str(error))
            except CoreContradiction as error:
                _log.error("saga_needs_a_person", problem=str(error))

    return [go_on(each) for each in sagas]
