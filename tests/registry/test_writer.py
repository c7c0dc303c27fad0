"""rules.md §C.5, design.md §3: one writer at a time; what it cannot finish, nobody was told."""

import asyncio

import asyncpg
import pytest

from jiaozi.central_bank.registry import intake as intake_module
from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.model import Totals
from jiaozi.central_bank.registry.writer import WriterLimits
from jiaozi.protocol.blocks import Header, sign_header
from jiaozi.protocol.refusals import SETTLED, Code, Refusal
from jiaozi.storage.database import Connection
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.builders import Wallet
from tests.registry.effects import state
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS
from tests.registry.sessions import end_leader, waiting_in, writer_held
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld, registry_world

SLOW_COMMIT = """
CREATE FUNCTION sleep_a_while() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON block DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sleep_a_while();
"""
FAST_COMMIT = "DROP TRIGGER slow ON block; DROP FUNCTION sleep_a_while()"


async def until_leading(world: RegistryWorld) -> None:
    await until(lambda: world.writer.leads)


def code_of(answer: Answer) -> Code | None:
    return answer.refusal.code if answer.refusal else None


async def pair(world: RegistryWorld) -> tuple[Wallet, Wallet]:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    return payer, payee


async def test_second_registry_waits_and_takes_over(own_world: RegistryWorld) -> None:
    first = own_world
    payer, payee = await pair(first)
    order = first.orders.payment(payer, payee, 1)
    settled = await first.settle(order)
    async with asyncio.timeout(60):
        waiting = asyncio.create_task(_lead_alone(first.dsn, order))
        await asyncio.sleep(0.1)
        assert first.writer.leads
        await first.settle(first.orders.payment(payer, payee, 1))
        height = first.height
        first.running.cancel()
        assert await waiting == (height, settled)


async def _lead_alone(dsn: str, order: bytes) -> tuple[int, list[Answer]]:
    """Run a registry of its own until it leads; return its height and what it answers."""
    async with registry_world(dsn, rulebooks=[LIMITED]) as second:
        return second.height, await second.submit(order)


async def test_registry_that_does_not_lead_takes_no_orders(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await pair(world)
    order, caller = world.orders.payment(payer, payee, 1), world.transport(OPERATORS[0])
    world.running.cancel()
    await asyncio.wait([world.running])
    with pytest.raises(Refusal) as raised:
        await world.intake.take(order, caller)
    assert raised.value.code is Code.UNAVAILABLE


async def test_deposed_writer_commits_nothing(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    before = await state(world)
    async with writer_held(world):
        sent = asyncio.create_task(world.submit(order))
        await waiting_in(world, "relation")
        await end_leader(world)
        [answer] = await sent
        assert code_of(answer) is Code.UNAVAILABLE
    await until_leading(world)
    assert await state(world) == before
    [answer] = await world.settle(order)
    assert await world.submit(order) == [answer]
    assert await world.balance_fen(payee) == 1001


async def test_answer_lost_in_the_commit_is_unknown_and_sending_again_tells(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer, payee = await pair(world)
    async with world.database.connection() as connection:
        await connection.execute(SLOW_COMMIT)
    orders = [world.orders.payment(payer, payee, each) for each in (1, 2)]
    sent = asyncio.create_task(world.submit(*orders))
    await waiting_in(world, "PgSleep")
    await end_leader(world)
    assert [*map(code_of, await sent)] == [Code.UNKNOWN] * 2
    async with world.database.connection() as connection:
        await connection.execute(FAST_COMMIT)
    await until_leading(world)
    await world.settle(*orders)
    assert await world.balance_fen(payee) == 1003


@pytest.mark.parametrize("height", [0, 1, 3])
async def test_block_goes_on_top_of_the_last_one_only(database_dsn: str, height: int) -> None:
    async with registry_world(database_dsn) as world:
        await world.open_wallet()
        header = Header(
            height=height, time_ms=1, previous=bytes(32), orders_root=bytes(32), count=0,
            body_hash=bytes(32), feeds_root=bytes(32),
        )  # fmt: skip
        signed = sign_header(header, world.keys.block, world.network.id)
        async with world.database.connection() as connection:
            assert not await store.append_block(connection, signed, b"", Totals())


async def test_lost_database_is_found_again(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await pair(world)
    await end_leader(world)
    order = world.orders.payment(payer, payee, 1)
    [answer] = await world.submit(order)
    assert code_of(answer) is Code.UNAVAILABLE
    await until_leading(world)
    await world.settle(order)


async def test_who_missed_a_block_does_not_wait_for_the_next(own_world: RegistryWorld) -> None:
    world = own_world
    async with asyncio.timeout(30):
        await world.writer.next_block(60, above=world.height - 1)
    waiting = asyncio.create_task(world.writer.next_block(60, above=world.height))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await world.open_wallet()
    await asyncio.wait_for(waiting, 30)


async def test_connection_that_fails_even_to_undo_is_replaced(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    busy: list[asyncio.Task[object]] = []

    async def fail(connection: Connection, *_: object) -> bool:
        busy.append(asyncio.create_task(connection.execute("SELECT pg_sleep(1)")))
        await asyncio.sleep(0.05)
        raise asyncpg.InternalClientError("cannot switch to state 21; another operation")

    with monkeypatch.context() as broken:
        broken.setattr(store, "append_block", fail)
        [answer] = await world.submit(order)
    assert code_of(answer) is Code.UNAVAILABLE
    await until_leading(world)
    await world.settle(order)
    [result] = await asyncio.gather(*busy, return_exceptions=True)
    assert isinstance(result, asyncpg.PostgresConnectionError)


async def test_full_queue_is_busy_and_takes_nothing(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await pair(world)
    monkeypatch.setattr(world.writer, "_limits", WriterLimits(queue_max=3, batch_max=1))
    async with writer_held(world):
        orders = [world.orders.payment(payer, payee, 1) for _ in range(4)]
        taken = [asyncio.create_task(world.submit(orders[0]))]
        await waiting_in(world, "relation")
        taken.append(asyncio.create_task(world.submit(*orders[1:])))
        await until(lambda: world.writer.waiting == 3)
        with pytest.raises(Refusal) as raised:
            await world.submit(world.orders.payment(payer, payee, 1))
        assert raised.value.code is Code.BUSY
    answers = [each for request in taken for each in await request]
    assert [each.outcome for each in answers] == [SETTLED] * 4
    assert await world.balance_fen(payee) == 1004


async def test_answer_that_takes_too_long_is_unknown(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    monkeypatch.setattr(intake_module, "ANSWER_TIMEOUT_S", 0.1)
    async with writer_held(world):
        with pytest.raises(Refusal) as raised:
            await world.submit(order)
        assert raised.value.code is Code.UNKNOWN
    monkeypatch.undo()
    await world.settle(order)
    assert await world.balance_fen(payee) == 1001


async def test_order_settles_though_its_sender_went_away(own_world: RegistryWorld) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    async with writer_held(world):
        sent = asyncio.create_task(world.submit(order))
        await waiting_in(world, "relation")
        sent.cancel()
    await world.settle(order)
    assert await world.balance_fen(payee) == 1001


async def test_end_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    payer, payee = await pair(world)
    order = world.orders.payment(payer, payee, 1)
    async with writer_held(world):
        sent = asyncio.create_task(world.submit(order))
        await waiting_in(world, "relation")
        ending = asyncio.create_task(world.restart())
        [answer] = await sent
        assert code_of(answer) is Code.UNAVAILABLE
    await ending
    await world.settle(order)
    assert await world.balance_fen(payee) == 1001


async def test_two_registries_found_one_network(postgres: EmbeddedPostgres) -> None:
    dsn = await postgres.create_database("founded_twice")
    connections = [await asyncpg.connect(dsn) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(_lead_once(dsn))
    assert await connections[0].fetchval("SELECT count(*) FROM block WHERE height = 0") == 1
    for each in connections:
        await each.close()
    await postgres.drop_database("founded_twice")


async def _lead_once(dsn: str) -> None:
    async with registry_world(dsn):
        pass


async def test_a_block_that_was_not_committed_leaves_no_trace(
    own_world: RegistryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = own_world
    payer, payee = await world.open_wallets(2, balance_fen=100)
    await world.pay(payer, payee, 1)

    async def lost(*_: object) -> bool:
        raise asyncpg.ConnectionDoesNotExistError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(store, "append_block", lost)
        answer = (await world.submit(world.orders.payment(payer, payee, 50)))[0]
        assert code_of(answer) is Code.UNAVAILABLE
    await until(lambda: not world.writer.leads)
    await until_leading(world)
    assert (await world.pay(payer, payee, 2)).outcome == SETTLED
    assert (await world.account(payer.number)).balance_fen == 97
