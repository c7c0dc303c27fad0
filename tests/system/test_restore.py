"""design.md §6.7: a backup taken while orders come is the whole state after one block."""

import asyncio
from functools import partial
from pathlib import Path

from jiaozi.central_bank.audit import saved_state
from jiaozi.central_bank.audit.audit import _BEFORE_GENESIS as BEFORE_GENESIS
from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.checkers import Checkers, checked_in_order
from jiaozi.central_bank.audit.follow import Follower
from jiaozi.central_bank.audit.from_database import from_database
from jiaozi.central_bank.audit.model import Findings
from jiaozi.central_bank.audit.state import State
from jiaozi.central_bank.audit.used_ids import UsedIds
from jiaozi.central_bank.registry.state_hash import hash_state
from jiaozi.protocol import feed
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.feed import FeedBlock
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import OrderType
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.builders import Wallet
from tests.registry.feeds import split
from tests.registry.limited import LIMITED
from tests.registry.load import Load
from tests.registry.network import certified, key
from tests.registry.process import callers_of, registry_process
from tests.registry.served import Served, clock_ms
from tests.registry.waiting import until
from tests.system.test_backup import jiaozi

OPERATOR = 1001
CASE = bytes(16)


async def replayed_hash(database: Database, network: Network) -> tuple[int, bytes]:
    """Hash the state that the blocks alone make, by the audit's own means."""
    source = from_database(database)
    with UsedIds(None) as used_ids:
        follower = Follower(
            network=network,
            library={LIMITED.hash: LIMITED},
            tip=BEFORE_GENESIS,
            state=State.from_genesis(network.genesis),
            used_ids=used_ids,
            findings=Findings(),
            hash_state=lambda raw: saved_state.hash_state(follower.state, raw.height),
            on_state_named=lambda _, __: None,
        )
        tip = await source.tip_height()
        async with Checkers(network.id, 0) as checkers:
            async for job in checked_in_order(source.blocks(0, tip), checkers):
                for raw, checked in job:
                    follower.take(raw, checked, frozenset((tip,)))
    assert follower.findings.differences == []
    return tip, follower.named[tip].hash


async def followed(served: Served) -> list[FeedBlock]:
    """Read an operator's feed from its beginning; each block must follow from those before."""
    head, blocks, after = feed.START, list[FeedBlock](), 0
    while True:
        answer = await served.operator(OPERATOR).get(f"/v1/feed?after={after}")
        page = split(answer.content)
        for data in page:
            block = feed.read_block(
                data,
                operator=OPERATOR,
                before=head,
                block_keys=BlockKeys.stated(served.keys.block.public_key),
                network=served.network.id,
            )
            head = block.head
            blocks.append(block)
        after = int(answer.headers["jiaozi-height"])
        if not page:
            return blocks


async def pays(served: Served, payer: Wallet, payee: Wallet) -> bytes:
    order = served.orders.payment(payer, payee, 1)
    await served.operator(payer.operator).settle(order)
    return order


async def live(served: Served) -> None:
    """Have wallets with all that is kept of a wallet's life, a failed operator and a halt."""
    orders, operator = served.orders, served.operator(OPERATOR)
    frozen, waiting, lost, mandated = await served.open_wallets(4, OPERATOR)
    new, third = key("new"), certified(Use.OPERATOR_VAULT, key("vault 1003"), 1003)
    await served.officer.settle(
        orders.by_officers(OrderType.AUTHORITY_FREEZE, number=frozen.number, case=CASE, scope=1),
        orders.certify(third),
        orders.by_officers(OrderType.REASSIGN, operator=1003, carrier=1002),
        orders.by_officers(OrderType.HALT, scope=4, until_ms=clock_ms() + 60_000),
    )
    by_both, by_operator = partial(orders.by_holder, countersigned_by=OPERATOR), orders.by_operator
    await operator.settle(
        orders.by_holder(OrderType.HOLDER_FREEZE, waiting, case=CASE, scope=2),
        by_both(OrderType.HOLDER_UNFREEZE, waiting, case=CASE),
        by_both(OrderType.RAISE_LIMITS, waiting, single_limit_fen=5),
        by_operator(OrderType.REBIND_REQUEST, lost, suite=new.suite, key=new.public_key),
        orders.by_holder(OrderType.REBIND_OBJECT, lost),
        by_both(
            OrderType.MANDATE, mandated, mandate=CASE, suite=new.suite, key=new.public_key,
            payee=frozen.number, single_limit_fen=1, day_limit_fen=2,
            expires_at_ms=clock_ms() + DAY_MS,
        ),
    )  # fmt: skip


async def lives(connection: Connection) -> list[list[tuple[object, ...]]]:
    """Read the tables that tell of wallets' lives and of emergencies; none is empty."""
    tables = [
        [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")]
        for table in ("safeguard", "carrier", "halt")
    ]
    assert all(tables)
    return tables


async def test_backup_taken_under_load_is_served_again_as_it_was(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    names = ("restore_first", "restore_second")
    first, second = [await postgres.create_database(each) for each in names]
    backup = tmp_path / "backup"
    async with (
        registry_process(first, tmp_path) as process,
        callers_of(process, tmp_path) as served,
    ):
        await live(served)
        load = await Load.prepare(served, wallets=20)
        running = asyncio.create_task(load.run(clients=3, orders_per_request=20))
        await until(lambda: len(load.acknowledged) > 200)
        assert (await jiaozi("backup", backup, "--dsn", first))[0] == 0
        acknowledged = len(load.acknowledged)
        await until(lambda: len(load.acknowledged) > acknowledged + 100)
        load.stopping = True
        await running
        feed_before = await followed(served)
        supply_before = (await served.http.get("/v1/supply")).json()
    code, restored = await jiaozi("restore", backup, "--dsn", second)
    assert code == 0

    network = read_genesis((tmp_path / "genesis").read_bytes())
    async with await Database.open(first) as old, await Database.open(second) as new:
        height, state_hash = await hash_state(new)
        assert restored == {"height": height, "state_hash": state_hash.hex()}
        assert 0 < height < supply_before["height"]
        async with old.connection() as there, new.connection() as here:
            block = "SELECT identity, header, body FROM block WHERE height = $1"
            assert await here.fetchrow(block, height) == await there.fetchrow(block, height)
            assert await lives(here) == await lives(there)
        assert await replayed_hash(new, network) == (height, state_hash)
        assert await replayed_hash(old, network) == await hash_state(old)

        async with (
            registry_process(second, tmp_path, name="two") as process,
            callers_of(process, tmp_path) as served,
        ):
            restored_feed = await followed(served)
            assert restored_feed == [
                each for each in feed_before if each.header.header.height <= height
            ]
            own = [each for each in load.wallets if each.operator == OPERATOR]
            order = await pays(served, own[0], own[1])
            [entry] = (await followed(served))[len(restored_feed)].entries
            assert entry.cose in order
        options = AuditOptions(processes=0, network=network.id, library={LIMITED.hash: LIMITED})
        report = await audit_database(new, options)
        assert report.verdict == "ok"
        assert report.height > height
    for each in names:
        await postgres.drop_database(each)


async def test_what_a_backup_has_not_is_sent_again_and_books_once(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Operators keep their orders: what a lost disk took is booked from them again."""
    names = ("again_first", "again_second")
    first, second = [await postgres.create_database(each) for each in names]
    backup = tmp_path / "backup"
    async with (
        registry_process(first, tmp_path) as process,
        callers_of(process, tmp_path) as served,
    ):
        load = await Load.prepare(served, wallets=8)
        payer, payee, *_ = (each for each in load.wallets if each.operator == OPERATOR)
        kept = await pays(served, payer, payee)
        assert (await jiaozi("backup", backup, "--dsn", first))[0] == 0
        lost = await pays(served, payer, payee)
        balance_fen = await served.balance_fen(payee)
    assert (await jiaozi("restore", backup, "--dsn", second))[0] == 0
    async with (
        registry_process(second, tmp_path, name="two") as process,
        callers_of(process, tmp_path) as served,
    ):
        assert await served.balance_fen(payee) == balance_fen - 1
        await served.operator(OPERATOR).settle(kept, lost)
        assert await served.balance_fen(payee) == balance_fen
    for each in names:
        await postgres.drop_database(each)
