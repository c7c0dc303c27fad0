"""Exchanges and redemptions in the operator's database: each function is one step, committed."""

from dataclasses import dataclass
from importlib import resources

import asyncpg

from jiaozi.operator.exchange.model import Exchange, ExchangeState, Redemption, RedemptionState
from jiaozi.operator.registry.model import Decided, StoredOrder
from jiaozi.protocol import numbers
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Outcome
from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    add_exchange: str
    find_exchange: str
    keep_exchange_order: str
    reject_exchange: str
    decide_exchange: str
    close_exchange: str
    due_exchanges: str
    add_redemption: str
    find_redemption: str
    decide_redemption: str
    close_redemption: str
    due_redemptions: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When sagas are looked after: those due by ``now_ms``, the next time at ``next_try_ms``."""

    now_ms: int
    next_try_ms: int
    limit: int


class ExchangeStore:
    """The table of sagas."""

    def __init__(self, database: Database, operator: int) -> None:
        self._database = database
        self._vault = numbers.vault_of(operator)

    async def add_exchange(self, exchange: Exchange, *, created_ms: int, next_try_ms: int) -> None:
        """Keep a request; nothing when it is kept already."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.add_exchange,
                exchange.wallet,
                exchange.id,
                exchange.deposit_id,
                exchange.amount_fen,
                created_ms,
                next_try_ms,
            )

    async def find_exchange(self, wallet: int, exchange_id: bytes) -> Exchange | None:
        """Return an exchange."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL.find_exchange, wallet, exchange_id)
        return None if row is None else _exchange(row, self._vault)

    async def keep_exchange_order(self, exchange: Exchange, order: StoredOrder) -> bool:
        """Keep the order of an exchange whose deposit is held; false when it is no longer open."""
        async with self._database.connection() as connection:
            kept = await connection.fetchval(
                _SQL.keep_exchange_order,
                exchange.wallet,
                exchange.id,
                order.id,
                order.submission,
                order.identity,
                order.expires_ms,
            )
        return kept is not None

    async def reject_exchange(self, exchange: Exchange, decided: Decided) -> None:
        """End an exchange that the deposit does not cover."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.reject_exchange, exchange.wallet, exchange.id, decided.outcome
            )

    async def decide_exchange(
        self, exchange: Exchange, state: ExchangeState, decided: Decided | None
    ) -> None:
        """Record what became of the order."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.decide_exchange, exchange.wallet, exchange.id, state.value, *_place(decided)
            )

    async def close_exchange(self, exchange: Exchange, state: ExchangeState) -> None:
        """Record that the core has done its part."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.close_exchange,
                exchange.wallet,
                exchange.id,
                state.value,
                exchange.state.value,
            )

    async def due_exchanges(self, due: Due) -> list[Exchange]:
        """Return unfinished exchanges to go on with."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL.due_exchanges, due.now_ms, due.next_try_ms, due.limit
            )
        found = [await self.find_exchange(row["wallet"], row["id"]) for row in rows]
        return [each for each in found if each is not None]

    async def add_redemption(
        self, redemption: Redemption, *, created_ms: int, next_try_ms: int
    ) -> None:
        """Keep a signed order with its deposit; nothing when it is kept already."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.add_redemption,
                redemption.wallet,
                redemption.order.id,
                redemption.deposit_id,
                redemption.amount_fen,
                redemption.order.submission,
                redemption.order.identity,
                redemption.order.expires_ms,
                created_ms,
                next_try_ms,
            )

    async def find_redemption(self, wallet: int, order_id: bytes) -> Redemption | None:
        """Return a redemption."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL.find_redemption, wallet, order_id)
        return None if row is None else _redemption(row)

    async def decide_redemption(
        self, redemption: Redemption, state: RedemptionState, decided: Decided | None
    ) -> None:
        """Record what became of the order."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL.decide_redemption,
                redemption.wallet,
                redemption.order.id,
                state.value,
                *_place(decided),
            )

    async def close_redemption(self, redemption: Redemption) -> None:
        """Record that the deposit was credited."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL.close_redemption, redemption.wallet, redemption.order.id)

    async def due_redemptions(self, due: Due) -> list[Redemption]:
        """Return unfinished redemptions to go on with."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL.due_redemptions, due.now_ms, due.next_try_ms, due.limit
            )
        found = [await self.find_redemption(row["wallet"], row["order_id"]) for row in rows]
        return [each for each in found if each is not None]


def _exchange(row: asyncpg.Record, vault: AccountNumber) -> Exchange:
    return Exchange(
        wallet=AccountNumber(row["wallet"]),
        id=row["id"],
        deposit_id=row["deposit_id"],
        amount_fen=row["amount_fen"],
        state=ExchangeState(row["state"]),
        order=None if row["order_id"] is None else _order(row, vault),
        decided=_decided(row),
    )


def _redemption(row: asyncpg.Record) -> Redemption:
    return Redemption(
        wallet=AccountNumber(row["wallet"]),
        deposit_id=row["deposit_id"],
        amount_fen=row["amount_fen"],
        state=RedemptionState(row["state"]),
        order=_order(row, row["wallet"]),
        decided=_decided(row),
    )


def _order(row: asyncpg.Record, scope: int) -> StoredOrder:
    return StoredOrder(
        scope=scope,
        id=row["order_id"],
        identity=row["identity"],
        expires_ms=row["expires_ms"],
        submission=row["submission"],
    )


def _decided(row: asyncpg.Record) -> Decided | None:
    if row["outcome"] is None:
        return None
    return Decided(tuple(row["outcome"]), row["height"], row["position"])


def _place(decided: Decided | None) -> tuple[Outcome | None, int | None, int | None]:
    if decided is None:
        return None, None, None
    return decided.outcome, decided.height, decided.position
