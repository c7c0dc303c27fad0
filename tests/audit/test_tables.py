"""The registry's own tables against the blocks: from the database the audit compares them too."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.model import Difference, Rule
from jiaozi.central_bank.audit.sources import SourceUnavailable
from jiaozi.protocol import numbers
from jiaozi.storage.database import Database
from tests.audit.forgery import LIBRARY
from tests.audit.story import LAST, REDEEM, Story
from tests.registry.builders import new_wallet

OPTIONS = AuditOptions(processes=0, library=LIBRARY)


@pytest.fixture
async def told(story_dsn: str) -> AsyncIterator[Database]:
    """A copy of the database that the story was played on, in the hands of who may do all."""
    async with await Database.open(story_dsn, pool_size=2) as database:
        yield database


async def differences(told: Database, *statements: str) -> list[Difference]:
    """Change the database behind the registry's back, and audit it."""
    async with told.connection() as connection:
        for each in statements:
            await connection.execute(each)
    return list((await audit_database(told, OPTIONS)).differences)


async def test_a_true_database_is_ok(told: Database) -> None:
    report = await audit_database(told, OPTIONS)
    assert report.verdict == "ok", report.differences
    assert report.height == LAST


async def test_a_changed_balance_is_found(told: Database, story: Story) -> None:
    number = story.payee.number
    [found] = await differences(
        told, f"UPDATE account SET balance_fen = balance_fen + 1 WHERE number = {number}"
    )
    assert (found.rule, found.height) == (Rule.REGISTRY_STATE, LAST)
    assert str(number) in found.detail
    assert "balance_fen" in found.detail


async def test_a_missing_reserve_posting_is_found(told: Database) -> None:
    reserve = numbers.reserve_of(1001)
    found = await differences(
        told,
        f"UPDATE account SET balance_fen = balance_fen + 60000 WHERE number = {reserve}",
        f"UPDATE account SET balance_fen = balance_fen - 60000 WHERE number = {numbers.SETTLEMENT}",
    )
    assert {each.rule for each in found} == {Rule.REGISTRY_STATE}
    assert any(str(reserve) in each.detail for each in found)
    assert len(found) == 2


async def test_a_changed_key_of_a_wallet_is_found(told: Database, story: Story) -> None:
    key = story.payer.signer.public_key.hex()
    number = story.payee.number
    [found] = await differences(
        told, rf"UPDATE account SET key = '\x{key}' WHERE number = {number}"
    )
    assert "key of account" in found.detail


async def test_a_lifted_second_factor_is_found(told: Database, story: Story) -> None:
    number = story.careful.number
    [found] = await differences(
        told, f"UPDATE account SET second_factor_above_fen = NULL WHERE number = {number}"
    )
    assert "second_factor_above_fen" in found.detail


async def test_an_account_that_no_order_opened_is_found(told: Database, story: Story) -> None:
    stranger = new_wallet(1001, 999).number
    columns = "kind, operator, wallet_class, holder, suite, key, group_id, head"
    [found] = await differences(
        told,
        f"INSERT INTO account (number, {columns}) SELECT {stranger}, {columns} FROM account "
        f"WHERE number = {story.payer.number}",
    )
    assert str(stranger) in found.detail


async def test_an_account_that_is_gone_is_found(told: Database, story: Story) -> None:
    [found] = await differences(told, f"DELETE FROM account WHERE number = {story.payee.number}")
    assert str(story.payee.number) in found.detail


async def test_an_officer_that_nobody_certified_is_found(told: Database) -> None:
    [found] = await differences(
        told,
        r"INSERT INTO certified_key VALUES ('\x00', -8, 6, 0, '\x01', 0, 1)",
    )
    assert "key" in found.detail


async def test_a_revocation_that_was_undone_is_found(told: Database) -> None:
    [found] = await differences(told, "UPDATE certified_key SET revoked_ms = NULL")
    assert "key" in found.detail


async def test_a_quota_and_a_rulebook_that_nobody_decided_are_found(told: Database) -> None:
    found = await differences(
        told,
        "UPDATE operator SET quota_fen = quota_fen + 1",
        r"INSERT INTO rulebook_in_force VALUES (5, '\x00')",
    )
    assert [each.rule for each in found] == [Rule.REGISTRY_STATE] * 2


async def test_figures_of_a_block_that_are_not_true_are_found(told: Database) -> None:
    found = await differences(
        told,
        "ALTER TABLE block DISABLE TRIGGER USER",
        "UPDATE block SET issued_fen = issued_fen + 1, destroyed_fen = destroyed_fen + 1 "
        f"WHERE height = {REDEEM}",
    )
    assert [(each.rule, each.height) for each in found] == [(Rule.SUPPLY, REDEEM)] * 2


async def test_a_deleted_block_is_found(told: Database) -> None:
    [found] = await differences(
        told,
        "ALTER TABLE block DISABLE TRIGGER USER",
        "ALTER TABLE feed_block DISABLE TRIGGER USER",
        f"DELETE FROM feed_block WHERE height = {REDEEM}",
        f"DELETE FROM block WHERE height = {REDEEM}",
    )
    assert (found.rule, found.height) == (Rule.CHAIN, REDEEM)


async def test_a_database_of_something_else_is_no_verdict(database: Database) -> None:
    with pytest.raises(SourceUnavailable, match="no central bank's"):
        await audit_database(database, OPTIONS)
