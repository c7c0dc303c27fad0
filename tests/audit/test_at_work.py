"""The audit beside a registry that goes on writing, and on all that orders can be."""

import asyncio
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database, audit_source
from jiaozi.central_bank.audit.checkers import CheckerLost, Checkers
from jiaozi.central_bank.audit.follow import Follower
from jiaozi.central_bank.audit.model import CheckedHeader, Findings, Progress, Rule
from jiaozi.central_bank.audit.rebuild import EFFECTS
from jiaozi.central_bank.audit.state import State
from jiaozi.central_bank.audit.used_ids import UsedId, UsedIds
from jiaozi.central_bank.registry.model import Kind
from jiaozi.central_bank.registry.state_hash import StateHasher, hash_state
from jiaozi.protocol.ids import LIFETIME_MAX_MS, new_order_id
from jiaozi.protocol.numbers import reserve_of, vault_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.state import AccountKind
from tests.audit.forgery import LIBRARY, Forger, ListSource
from tests.audit.story import LAST, Story
from tests.registry.network import START_MS
from tests.registry.world import RegistryWorld, registry_world


async def pay_without_end(world: RegistryWorld) -> None:
    payer = await world.open_wallet(1001, balance_fen=1_000_000)
    payees = await world.open_wallets(5, 1002)
    while True:
        for payee in payees:
            await world.pay(payer, payee, 1)
            world.clock.advance(1)


async def test_an_audit_of_a_registry_at_work_is_ok(database_dsn: str, tmp_path: Path) -> None:
    options = AuditOptions(processes=0, library=LIBRARY, state_directory=tmp_path)
    async with registry_world(database_dsn) as world:
        await world.provide(1001, 1_000_000)
        paying = asyncio.create_task(pay_without_end(world))
        hasher = StateHasher(world.writer, database_dsn)
        for _ in range(3):
            height, _ = await hasher.hash_now()
            while world.height < height + 2:
                await world.writer.next_block(1)
            report = await audit_database(world.database, options)
            assert report.verdict == "ok", report.differences
        assert report.from_height > 0
        assert not paying.done()
        paying.cancel()
        with suppress(asyncio.CancelledError):
            await paying
        assert world.height >= report.height


async def test_registry_and_audit_hash_the_same_state(database_dsn: str, tmp_path: Path) -> None:
    async with registry_world(database_dsn) as world:
        await world.provide(1001, 1_000_00)
        await world.open_wallet(1001, balance_fen=1_00, single_limit_fen=5, year_limit_fen=7)
        await world.open_wallet(1002, parent=None, balance_cap_fen=9, day_limit_fen=6)
        hashed = await StateHasher(world.writer, database_dsn).hash_now()
        assert hashed == await hash_state(world.database)
        await world.open_wallet(1002)
        options = AuditOptions(processes=0, library=LIBRARY, state_directory=tmp_path)
        assert (await audit_database(world.database, options)).verdict == "ok"
        assert (await audit_database(world.database, options)).from_height == hashed[0]


def test_a_ledger_that_does_not_sum_to_nothing_is_found(story: Story) -> None:
    state = State.from_genesis(story.network.genesis)
    findings = Findings()
    with UsedIds(None) as used_ids:
        follower = Follower(
            network=story.network,
            tip=CheckedHeader(7, 0, b"", b"", 0, b"", None),
            state=state,
            used_ids=used_ids,
            findings=findings,
            hash_state=lambda _: b"",
            on_state_named=lambda *_: None,
            library={},
        )
        follower.check_ledgers()
        assert findings.differences == []
        state.accounts[vault_of(1001)].balance_fen = 5
        state.accounts[reserve_of(1001)].balance_fen = 6
        state.issued_fen = 7
        follower.check_ledgers()
    assert [each.rule for each in findings.differences] == [Rule.LEDGER] * 3


def test_every_order_type_has_an_effect_in_the_audit() -> None:
    assert set(EFFECTS) == set(OrderType)


def test_kinds_of_accounts_have_the_same_numbers_in_registry_and_records() -> None:
    assert {each.name: each.value for each in AccountKind} == {
        each.name: each.value for each in Kind
    }


async def test_a_checking_process_that_is_killed_ends_the_audit(story: Story) -> None:
    async with Checkers(story.network.id, 1) as checkers:
        assert len(await checkers.check(story.blocks)) == LAST + 1
        [process] = [
            each for each in psutil.Process().children() if "audit.check" in str(each.cmdline())
        ]
        process.kill()
        with pytest.raises(CheckerLost):
            await checkers.check(story.blocks * 100)


async def test_progress_is_shown_up_to_the_last_block(story: Story) -> None:
    shown: list[Progress] = []
    options = AuditOptions(processes=0, library=LIBRARY, show=shown.append)
    await audit_source(ListSource(story.blocks), options)
    assert shown[-1].height == shown[-1].tip == LAST


async def test_a_long_chain_is_checked_in_order(forger: Forger) -> None:
    while len(forger.blocks) < 700:
        forger.append()
    report = await audit_source(
        ListSource(forger.blocks), AuditOptions(processes=2, library=LIBRARY)
    )
    assert (report.verdict, report.height) == ("ok", 699)


def test_an_id_is_forgotten_when_no_order_under_it_can_be_alive() -> None:
    order_id = new_order_id(START_MS, bytes(10))
    again = UsedId(order_id, 1, 6, 0)
    with UsedIds(None) as used_ids:
        assert used_ids.use([UsedId(order_id, 1, 5, 0), UsedId(order_id, 2, 5, 1)]) == []
        used_ids.forget(START_MS + LIFETIME_MAX_MS)
        assert used_ids.use([again]) == [(again, 5, 0)]
        used_ids.forget(START_MS + LIFETIME_MAX_MS + 1)
        assert used_ids.use([again]) == []
