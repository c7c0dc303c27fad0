"""Fetch the registry's daily statements, check each, and keep it as it came."""

import asyncio
from dataclasses import dataclass

import structlog

from jiaozi.operator.reconcile import store
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.daily_statement import DailyStatement, format_day, read_statement
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

PERIOD_S = 300.0
_log = structlog.get_logger("jiaozi.reconcile")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStatements:
    """The use case; its dependencies."""

    operator: int
    network: NetworkId
    database: Database
    registry: RegistryClient

    async def run(self) -> None:
        """Fetch from time to time until cancelled."""
        while True:
            try:
                await self.step()
            except StorageUnavailable as error:
                _log.warning("statements_not_kept", problem=str(error))
            except Refusal as refusal:
                if refusal.code not in _PASSING:
                    _log.error("statements_not_trusted", code=refusal.code.name.lower())
            await asyncio.sleep(PERIOD_S)

    async def step(self) -> list[DailyStatement]:
        """Keep the statements that are new; return them.

        Raises:
            Refusal: The registry does not answer; or what it gives is no statement of ours.
            StorageUnavailable: Nothing was kept.
        """
        async with self.database.connection() as connection:
            last = await store.last_statement(connection)
        encoded = await self.registry.statements(format_day(0 if last is None else last + 1))
        fetched = [(await self._read(each), each) for each in encoded]
        async with self.database.transaction() as connection:
            for statement, data in fetched:
                await store.add_statement(connection, statement, data)
        for statement, _ in fetched:
            if statement.difference_fen:
                fen = statement.difference_fen
                _log.error("statement_differs", day=statement.date, difference_fen=fen)
        return [statement for statement, _ in fetched]

    async def _read(self, data: bytes) -> DailyStatement:
        statement = await self.registry.block_keys.checked(
            lambda keys: read_statement(data, block_keys=keys, network=self.network)
        )
        if statement.operator != self.operator:
            raise Refusal(code=Code.OTHER_OPERATOR)
        return statement


_PASSING = frozenset((Code.BUSY, Code.UNAVAILABLE, Code.UNKNOWN))
