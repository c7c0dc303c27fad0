"""Every fen of the operator's books is explained; what is not is named by its cause."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from jiaozi.cli.operator import app
from jiaozi.operator.exchange.model import ExchangeState
from jiaozi.operator.reconcile.model import Cause
from jiaozi.operator.reconcile.reconcile import reconcile
from jiaozi.protocol.daily_statement import DailyStatement, day_of, format_day, sign_statement
from jiaozi.protocol.refusals import Refusal
from tests.operator.builders import OPERATOR, OperatorWorld
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder


async def busy_day(world: OperatorWorld) -> Holder:
    """A holder who exchanged 300.00 and redeemed 100.00."""
    holder = await world.open_wallet(deposit_fen=1_000_00)
    await holder.exchange(200_00)
    await holder.exchange(100_00)
    assert (await holder.redeem(holder.redeem_order(100_00)))["state"] == "settled"
    await world.until_followed()
    return holder


async def causes(world: OperatorWorld, day: int | None = None) -> list[tuple[Cause, int]]:
    report = await reconcile(world.database, day)
    return [(each.cause, each.amount_fen) for each in report.differences]


TABLES = ("exchange", "redemption", "deposit_posting", "deposit_hold", "vault_movement")


@asynccontextmanager
async def tampered(world: OperatorWorld, *statements: str) -> AsyncIterator[None]:
    """Change rows that nothing may change, as a fault or a fraud would; then put them back."""
    async with world.database.transaction() as connection:
        for each in TABLES:
            await connection.execute(f"CREATE TABLE was_{each} AS TABLE {each}")
            await connection.execute(f"ALTER TABLE {each} DISABLE TRIGGER USER")
        for each in statements:
            await connection.execute(each)
    yield
    async with world.database.transaction() as connection:
        for each in TABLES:
            await connection.execute(f"DELETE FROM {each}")
            await connection.execute(f"INSERT INTO {each} TABLE was_{each}")
            await connection.execute(f"DROP TABLE was_{each}")


def statement(world: OperatorWorld, **changes: int) -> DailyStatement:
    """What an honest registry states of `busy_day`."""
    fields = {
        "day": day_of(world.clock()), "height": 1, "made_ms": world.clock(), "opening_fen": 0,
        "issued_fen": 0, "destroyed_fen": 0, "exchanged_fen": 300_00, "redeemed_fen": 100_00,
        "set_aside_fen": 0, "released_fen": 0, "vault_fen": -200_00, "opening_reserve_fen": 0,
        "funded_fen": 0, "reserve_fen": 0,
    } | changes  # fmt: skip
    return DailyStatement(operator=OPERATOR, identity=bytes(32), **fields)


async def state_day(world: OperatorWorld, stated: DailyStatement) -> None:
    signer, network = world.registry.keys.block, world.network
    world.registry.statements.append(sign_statement(stated, signer, network))
    await world.operator.watch.fetch_statements.step()


async def test_books_that_agree_have_nothing_to_explain(world: OperatorWorld) -> None:
    await busy_day(world)
    await state_day(world, statement(world))
    today = day_of(world.clock())
    for day in (None, today):
        report = await reconcile(world.database, day)
        assert (report.open, report.differences, report.statements) == ([], [], 1)
    assert tuple(report.totals) == (300_00, 300_00, 100_00, 100_00)
    assert await causes(world, today + 1) == [(Cause.STATEMENT_MISSING, 0)]


async def test_what_is_under_way_is_listed_and_no_difference(world: OperatorWorld) -> None:
    holder = await busy_day(world)
    world.registry.faults += [Fault.LOSE_ANSWER]
    await holder.exchange(50_00)  # settled; the operator does not know it yet
    world.registry.faults += [Fault.LOSE_REQUEST]
    await holder.redeem(holder.redeem_order(7_00))
    await world.until_followed()
    report = await reconcile(world.database)
    assert report.differences == []
    assert sorted((each.state, each.under_way_fen) for each in report.open) == [
        ("held", 50_00),
        ("stored", 0),
    ]


OVER = f"state = '{ExchangeState.CAPTURED.value}' AND amount_fen = 10000"


DIFFERENCES: list[tuple[list[str], tuple[Cause, int]]] = [
    (
        ["UPDATE exchange SET state = 'released', outcome = NULL "
         f"WHERE {OVER}"],
        (Cause.SETTLED_IN_VAIN, 100_00),
    ),
    (
        ["DELETE FROM vault_movement WHERE NOT incoming AND amount_fen = 10000"],
        (Cause.VAULT_MISSING, 100_00),
    ),
    (
        ["DELETE FROM deposit_posting WHERE credit = 'digital-yuan' AND amount_fen = 10000"],
        (Cause.CORE_MISSING, 100_00),
    ),
    (
        ["UPDATE deposit_posting SET amount_fen = 9999 "
         "WHERE credit = 'digital-yuan' AND amount_fen = 10000"],
        (Cause.AMOUNT_DIFFERS, 1),
    ),
    (
        ["UPDATE vault_movement SET amount_fen = 10003 WHERE incoming"],
        (Cause.AMOUNT_DIFFERS, 3),
    ),
    (
        ["DELETE FROM deposit_posting WHERE debit = 'digital-yuan'"],
        (Cause.CORE_MISSING, 100_00),
    ),
    (
        ["DELETE FROM vault_movement WHERE incoming"],
        (Cause.VAULT_MISSING, 100_00),
    ),
    (
        ["UPDATE redemption SET state = 'stored', outcome = NULL, height = NULL",
         "DELETE FROM vault_movement WHERE incoming"],
        (Cause.CORE_TOO_EARLY, 100_00),
    ),
    (
        ["INSERT INTO deposit_posting (key, debit, credit, amount_fen) "
         "SELECT 'by hand', 'digital-yuan', id, 5 FROM deposit_account "
         "WHERE kind = 'customer'"],
        (Cause.CORE_WITHOUT_SAGA, 5),
    ),
    (
        ["INSERT INTO vault_movement VALUES "
         "(99, 0, 0, false, 1001000100000001, 42, 5, '\\x07', 1780000000000)"],
        (Cause.VAULT_WITHOUT_SAGA, 42),
    ),
    (
        ["INSERT INTO deposit_hold (key, account_id, amount_fen, state) "
         "SELECT 'exchange/nobody', id, 6, 'held' FROM deposit_account "
         "WHERE kind = 'customer'"],
        (Cause.HOLD_LEFT, 6),
    ),
    (
        ["UPDATE deposit_hold SET state = 'held' WHERE amount_fen = 10000"],
        (Cause.HOLD_LEFT, 100_00),
    ),
]  # fmt: skip


GUARANTEED = [
    f"INSERT INTO vault_movement VALUES (99, {position}, 0, {incoming}, 1001000000000037, 42, "
    f"{order_type}, '\\x07', 1780000000000)"
    for position, (incoming, order_type) in enumerate([("false", 46), ("true", 47)])
]
"""What goes into the guarantee and comes back is no matter of the core."""


async def test_each_difference_is_found_by_its_cause(world: OperatorWorld) -> None:
    await busy_day(world)
    for changes, expected in DIFFERENCES:
        assert await causes(world) == [], changes
        async with tampered(world, *changes):
            assert await causes(world) == [expected], changes
    async with tampered(world, *GUARANTEED):
        assert await causes(world) == []
    assert {cause for _, (cause, _) in DIFFERENCES} == {
        each for each in Cause if not each.value.startswith("statement")
    }


STATED: list[tuple[dict[str, int], list[tuple[Cause, int]]]] = [
    ({"exchanged_fen": 299_00, "vault_fen": -199_00}, [(Cause.STATEMENT_DIFFERS, 1_00)] * 2),
    ({"issued_fen": 5, "opening_reserve_fen": 5, "vault_fen": -199_95},
     [(Cause.STATEMENT_DIFFERS, 5)] * 2),
    ({"opening_fen": 9, "vault_fen": -199_91}, [(Cause.STATEMENT_DIFFERS, 9)] * 2),
    ({"exchanged_fen": 0, "set_aside_fen": 300_00}, [(Cause.STATEMENT_DIFFERS, 300_00)] * 2),
    ({"reserve_fen": 8}, [(Cause.STATEMENT_UNEXPLAINED, 8)]),
]  # fmt: skip


async def test_a_statement_that_is_not_what_the_feed_tells_is_found(world: OperatorWorld) -> None:
    await busy_day(world)
    today = day_of(world.clock())
    for changes, expected in STATED:
        await state_day(world, statement(world, **changes))
        assert await causes(world) == await causes(world, today) == expected
        async with world.database.transaction() as connection:
            await connection.execute("ALTER TABLE daily_statement DISABLE TRIGGER USER")
            await connection.execute("DELETE FROM daily_statement")
        world.registry.statements.clear()


async def test_what_the_guarantee_got_and_gave_back_is_stated_apart(world: OperatorWorld) -> None:
    await busy_day(world)
    stated = statement(world, set_aside_fen=42, released_fen=30, vault_fen=-212_00 + 11_88)
    assert stated.difference_fen == 0
    moves = [
        f"INSERT INTO vault_movement VALUES (99, {position}, 0, {incoming}, 1001000000000037, "
        f"{amount_fen}, {order_type}, '\\x07', {world.clock()})"
        for position, (incoming, amount_fen, order_type) in enumerate(
            [("false", 42, 46), ("true", 30, 47)]
        )
    ]
    await state_day(world, stated)
    assert await causes(world) == [
        (Cause.STATEMENT_DIFFERS, 42), (Cause.STATEMENT_DIFFERS, 30),
        (Cause.STATEMENT_DIFFERS, 12),
    ]  # fmt: skip
    async with tampered(world, *moves):
        assert await causes(world) == []


async def test_a_day_between_two_that_is_not_stated_is_found(world: OperatorWorld) -> None:
    await busy_day(world)
    today = statement(world)
    await state_day(world, today)
    idle = {"opening_fen": -200_00, "exchanged_fen": 0, "redeemed_fen": 0}
    await state_day(world, statement(world, day=today.day + 2, **idle))
    [missing] = (await reconcile(world.database)).differences
    assert (missing.cause, missing.day) == (Cause.STATEMENT_MISSING, format_day(today.day + 1))


async def test_a_statement_is_kept_once_and_only_when_it_is_ours(world: OperatorWorld) -> None:
    ours = statement(world)
    fetch = world.operator.watch.fetch_statements
    await state_day(world, ours)
    assert await world.database_value("SELECT count(*) FROM daily_statement") == 1
    for number, wrong in enumerate(
        (
            sign_statement(ours, world.registry.keys.vault(OPERATOR), world.network),
            sign_statement(
                DailyStatement(**{**_fields(ours), "operator": 1002, "day": ours.day + 1}),
                world.registry.keys.block, world.network,
            ),
        )
    ):  # fmt: skip
        world.registry.statements[:] = [wrong]
        with pytest.raises(Refusal):
            await fetch.step()
        assert await world.database_value("SELECT count(*) FROM daily_statement") == 1, number


def _fields(stated: DailyStatement) -> dict[str, object]:
    return {name: getattr(stated, name) for name in DailyStatement.__slots__}


async def test_a_day_shows_its_own_and_what_has_no_day(world: OperatorWorld) -> None:
    await busy_day(world)
    today = day_of(world.clock())
    await state_day(world, statement(world))
    await state_day(
        world,
        statement(world, day=today + 1, opening_fen=-200_00, exchanged_fen=0, redeemed_fen=0),
    )
    async with tampered(
        world,
        "DELETE FROM deposit_posting WHERE debit = 'digital-yuan'",
        "INSERT INTO deposit_posting VALUES ('by hand', 'digital-yuan', 'funding', 5)",
    ):
        here = {cause for cause, _ in await causes(world, today)}
        assert here == {Cause.CORE_MISSING, Cause.CORE_WITHOUT_SAGA}
        assert await causes(world, today + 1) == [(Cause.CORE_WITHOUT_SAGA, 5)]


async def test_the_command_tells_and_ends_with_one_when_something_differs(
    world: OperatorWorld,
) -> None:
    await busy_day(world)

    def run(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["reconcile", "--dsn", world.settings.dsn, *options])
        return done.exit_code, done.stdout

    code, told = await asyncio.to_thread(run)
    assert (code, "Every fen is explained" in told) == (0, True)
    async with tampered(world, "DELETE FROM deposit_posting WHERE debit = 'digital-yuan'"):
        code, told = await asyncio.to_thread(run, "--json")
        [difference] = json.loads(told)["differences"]
        assert (code, difference["cause"], difference["amount_fen"]) == (1, "core_missing", 100_00)
        assert difference["core_key"].startswith("redeem/")
        code, told = await asyncio.to_thread(run)
        assert (code, "core_missing" in told) == (1, True)
    code, _ = await asyncio.to_thread(run, "--day", "yesterday")
    assert code == 2
