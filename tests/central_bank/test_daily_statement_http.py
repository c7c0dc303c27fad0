"""rules.md §D.3, §F.1: each operator is given its own daily statements, and no other's."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.central_bank.statements import store
from jiaozi.protocol import cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.daily_statement import (
    STATEMENT_BYTES_MAX,
    DailyStatement,
    read_statement,
    sign_statement,
)
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Database
from tests.registry.network import OPERATORS, Keys
from tests.registry.served import Served, genesis_for, problem, served_registry

ONE, OTHER = OPERATORS
FIRST_DAY = 20_600
"""2026-05-27."""


@pytest.fixture
async def stated(database_dsn: str) -> AsyncIterator[Served]:
    """A central bank that has stated three days of two operators."""
    async with (
        served_registry(database_dsn, genesis_for(Keys())) as served,
        await Database.open(database_dsn, pool_size=1) as database,
    ):
        async with database.transaction() as connection:
            for operator in OPERATORS:
                for day in range(FIRST_DAY, FIRST_DAY + 3):
                    statement = DailyStatement(
                        operator=operator, day=day, height=0, identity=bytes(32), made_ms=1,
                        opening_fen=0, issued_fen=0, destroyed_fen=0, exchanged_fen=0,
                        redeemed_fen=0, set_aside_fen=0, released_fen=0, vault_fen=0,
                        opening_reserve_fen=0, funded_fen=operator, reserve_fen=operator,
                    )  # fmt: skip
                    encoded = sign_statement(statement, served.keys.block, served.network.id)
                    await store.add(connection, statement, encoded)
        yield served


async def days_of(served: Served, operator: int, query: str) -> list[int]:
    answer = await served.operator(operator).get(f"/v1/statements{query}")
    assert answer.status_code == 200, answer.text
    found = []
    for value, _ in cbor.decode_sequence(
        answer.content, items_max=9, item_size_max=STATEMENT_BYTES_MAX + 9
    ):
        assert isinstance(value, bytes)
        keys, network = BlockKeys.of_network(served.network), served.network.id
        statement = read_statement(value, block_keys=keys, network=network)
        assert statement.operator == operator
        found.append(statement.day - FIRST_DAY)
    return found


async def test_f1_an_operator_is_given_its_own_statements_by_day(stated: Served) -> None:
    for operator in OPERATORS:
        assert await days_of(stated, operator, "") == [0, 1, 2]
        assert await days_of(stated, operator, "?from=2026-05-28") == [1, 2]
        assert await days_of(stated, operator, "?from=2026-05-28&to=2026-05-28") == [1]
        assert await days_of(stated, operator, "?to=2026-05-26") == []
        assert await days_of(stated, operator, "?to=0001-01-01") == []


async def test_f1_nobody_else_is_given_any(stated: Served) -> None:
    for caller in (stated.officer, stated.auditor, stated.caller(None)):
        answer = await caller.get("/v1/statements")
        assert answer.status_code in (401, 403)
        assert problem(answer)["code"] in (Code.NOT_ALLOWED, Code.REQUEST_UNSIGNED)
    answer = await stated.operator(ONE).get("/v1/statements?from=yesterday")
    assert (answer.status_code, problem(answer)["fields"]) == (400, {"field": "query.from"})
