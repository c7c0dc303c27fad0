"""rules.md §H: the audit goes on from the last state whose hash it verified in a header."""

from dataclasses import replace
from pathlib import Path

import pytest

from jiaozi.central_bank.audit import saved_state
from jiaozi.central_bank.audit.accounts import Account, Terms
from jiaozi.central_bank.audit.limits import today
from jiaozi.central_bank.audit.model import AuditReport, RawBlock, Rule
from jiaozi.central_bank.audit.state import Key, State
from jiaozi.central_bank.audit.used_ids import UsedIds, UsedIdsUnusable
from jiaozi.protocol.blocks import sign_header
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.state import AccountKind
from tests.audit.forgery import Forger
from tests.audit.story import LAST, NAMED, NAMING, PAY, Story
from tests.registry.builders import new_wallet
from tests.registry.network import START_MS, certified, key


async def audited(forger: Forger, directory: Path, **options: bool) -> AuditReport:
    """Audit a chain with a directory of saved states."""
    return await forger.audit(state_directory=directory, **options)


def state_file(directory: Path, story: Story) -> Path:
    return directory / f"{story.network.id.hex()}.state"


async def test_it_goes_on_after_the_named_state_and_comes_to_the_same(
    forger: Forger, tmp_path: Path
) -> None:
    first = await audited(forger, tmp_path)
    again = await audited(forger, tmp_path)
    assert (first.from_height, again.from_height) == (0, NAMED)
    assert again.blocks == LAST - NAMED
    assert again.verdict == first.verdict == "ok"
    assert (again.height, again.accounts) == (first.height, first.accounts)
    assert (again.issued_fen, again.destroyed_fen) == (first.issued_fen, first.destroyed_fen)


async def test_from_genesis_does_everything_anew(forger: Forger, tmp_path: Path) -> None:
    await audited(forger, tmp_path)
    anew = await audited(forger, tmp_path, from_genesis=True)
    assert (anew.from_height, anew.blocks, anew.verdict) == (0, LAST + 1, "ok")
    assert (await audited(forger, tmp_path)).from_height == NAMED


async def test_without_a_named_state_nothing_is_saved(forger: Forger, tmp_path: Path) -> None:
    forger.blocks = forger.blocks[:NAMING]
    assert (await audited(forger, tmp_path)).verdict == "ok"
    assert not list(tmp_path.glob("*.state"))
    assert not list(tmp_path.glob(".*"))
    assert (await audited(forger, tmp_path)).from_height == 0


async def test_a_state_after_a_difference_is_not_saved(forger: Forger, tmp_path: Path) -> None:
    forger.rewrite(PAY, forger.items(PAY)[1:])
    assert (await audited(forger, tmp_path)).verdict != "ok"
    assert not list(tmp_path.glob("*.state"))


async def test_a_difference_after_the_saved_state_is_found_each_time(
    forger: Forger, story: Story, tmp_path: Path
) -> None:
    at = forger.add(LAST, story.orders.payment(story.payee, story.payer, 1000_00))
    first = await audited(forger, tmp_path)
    again = await audited(forger, tmp_path)
    assert again.from_height == NAMED
    assert [(each.rule, each.position) for each in again.differences] == [(Rule.BALANCE, at)]
    assert again.differences == first.differences


async def test_an_id_used_before_the_saved_state_stays_used(forger: Forger, tmp_path: Path) -> None:
    await audited(forger, tmp_path)
    order, outcome = forger.items(PAY)[0]
    at = forger.add(LAST, order, outcome=outcome)
    again = await audited(forger, tmp_path)
    assert again.from_height == NAMED
    [difference] = again.differences
    assert (difference.rule, difference.position) == (Rule.ORDER_ID, at)
    assert f"height {PAY}" in difference.detail


async def test_another_past_than_the_verified_one_is_found(forger: Forger, tmp_path: Path) -> None:
    await audited(forger, tmp_path)
    forger.rewrite(NAMED, time_ms=forger.header(NAMED).time_ms + 1)
    [difference] = (await audited(forger, tmp_path)).differences
    assert (difference.rule, difference.height) == (Rule.CHAIN, NAMED)


async def test_a_chain_that_is_shorter_than_verified_is_found(
    forger: Forger, tmp_path: Path
) -> None:
    await audited(forger, tmp_path)
    forger.blocks = forger.blocks[:NAMED]
    [difference] = (await audited(forger, tmp_path)).differences
    assert (difference.rule, difference.height) == (Rule.CHAIN, NAMED - 1)


async def test_a_damaged_state_file_is_not_used(
    forger: Forger, story: Story, tmp_path: Path
) -> None:
    await audited(forger, tmp_path)
    path = state_file(tmp_path, story)
    whole = path.read_bytes()
    damaged = [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 61)
    ]
    for each in (*damaged, whole[:-1], whole[:100], b"", whole + b"\0"):
        path.write_bytes(each)
        report = await audited(forger, tmp_path)
        assert (report.from_height, report.verdict) == (0, "ok")
        assert report.notice is not None
    assert (await audited(forger, tmp_path)).from_height == NAMED


async def test_the_state_of_another_network_is_not_used(
    forger: Forger, story: Story, tmp_path: Path
) -> None:
    await audited(forger, tmp_path)
    path = state_file(tmp_path, story)
    content = path.read_bytes()
    path.write_bytes(content.replace(story.network.id, NetworkId(bytes(32)), 1))
    report = await audited(forger, tmp_path)
    assert (report.from_height, report.verdict) == (0, "ok")


@pytest.mark.parametrize("loss", ["gone", "of another height"])
async def test_a_state_without_its_ids_is_not_used(
    forger: Forger, story: Story, tmp_path: Path, loss: str
) -> None:
    await audited(forger, tmp_path)
    path = tmp_path / f"{state_file(tmp_path, story).name}.ids"
    if loss == "gone":
        path.unlink()
    else:
        with UsedIds(path) as used_ids:
            used_ids.save(NAMED - 1)
    report = await audited(forger, tmp_path)
    assert (report.from_height, report.verdict) == (0, "ok")
    assert report.notice is not None


async def test_a_state_that_someone_else_has_signed_is_not_used(
    forger: Forger, story: Story, tmp_path: Path
) -> None:
    await audited(forger, tmp_path)
    thief, network = key("thief"), story.network
    state = State.from_genesis(network.genesis)
    state.keys[thief.public_key] = Key(certified(Use.REGISTRY_BLOCK, thief))
    named = sign_header(forger.header(NAMED), thief, network.id).encoded
    path = state_file(tmp_path, story)
    state_hash = saved_state.write_candidate(path, network.id, RawBlock(NAMED, named, b""), state)
    naming = replace(forger.header(NAMING), state=(NAMED, state_hash))
    assert saved_state.promote(path, NAMED, sign_header(naming, thief, network.id).encoded)
    report = await audited(forger, tmp_path)
    assert (report.from_height, report.verdict) == (0, "ok")
    assert report.notice is not None
    assert "another key" in report.notice


async def test_two_audits_do_not_share_a_state_file(
    forger: Forger, story: Story, tmp_path: Path
) -> None:
    await audited(forger, tmp_path)
    with (
        UsedIds(tmp_path / f"{state_file(tmp_path, story).name}.ids"),
        pytest.raises(UsedIdsUnusable),
    ):
        await audited(forger, tmp_path)


@pytest.mark.parametrize("limit_fen", [14_00, 13_99])
async def test_what_was_spent_before_the_saved_state_counts(
    forger: Forger, story: Story, tmp_path: Path, limit_fen: int
) -> None:
    await audited(forger, tmp_path)
    lower = story.orders.by_holder(
        OrderType.LOWER_LIMITS, story.payer, day_limit_fen=limit_fen, year_limit_fen=14_00
    )
    at = forger.add(LAST, lower, story.orders.payment(story.payer, story.payee, 1_00))
    again = await audited(forger, tmp_path)
    assert again.from_height == NAMED
    found = [(each.rule, each.position) for each in again.differences]
    assert found == ([] if limit_fen == 14_00 else [(Rule.LIMIT, at + 1)])


def test_what_limits_count_is_saved_for_wallets_and_groups(story: Story, tmp_path: Path) -> None:
    state, day = State.from_genesis(story.network.genesis), today(START_MS)
    alone, first, second = (new_wallet(1001, serial) for serial in (1, 2, 3))
    carried = new_wallet(1002, 4)
    for wallet in (first, alone, second, carried):
        group = alone.group if wallet is alone else first.group
        terms = Terms(int(AccountKind.WALLET), wallet.operator, -8, 2, 1)
        state.open(wallet.number, Account(terms, b"key", group, balance_fen=10))
        state.carriers = {1001: 1002} if wallet is second else {}
    for wallet, amount_fen in ((first, 5), (alone, 6), (carried, 7)):
        state.accounts[wallet.number].spend(amount_fen, day)
        if wallet is not alone:
            state.accounts[wallet.number].whole.spend(amount_fen, day)
    path, raw = state_file(tmp_path, story), story.blocks[NAMED]
    state_hash = saved_state.write_candidate(path, story.network.id, raw, state)
    naming = replace(Forger(story).header(NAMING), state=(NAMED, state_hash))
    signed = sign_header(naming, story.keys.block, story.network.id)
    assert saved_state.promote(path, NAMED, signed.encoded)
    saved = saved_state.read_saved(path, story.network)
    assert saved is not None
    assert sorted(saved.state.spending()) == sorted(state.spending())
    whole = saved.state.accounts[second.number].whole
    assert (whole.balance_fen, whole.spending) == (30, (day.day, 12, 12))
    assert whole is saved.state.accounts[carried.number].whole
