"""Invariants 4 and 5 of the design: whatever was changed in the blocks is found, and where."""

from dataclasses import replace

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_source
from jiaozi.central_bank.audit.model import Rule
from jiaozi.protocol.refusals import SETTLED
from tests.audit.forgery import LIBRARY, Forger, ListSource
from tests.audit.story import (
    EXCHANGE,
    LAST,
    NAMED,
    NAMING,
    PAY,
    REDEEM,
    REFUSED,
    Story,
)
from tests.registry.network import key


def flipped(data: bytes, index: int) -> bytes:
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


async def test_a_true_chain_is_ok_to_its_last_fen(story: Story) -> None:
    report = await audit_source(
        ListSource(story.blocks), AuditOptions(processes=0, library=LIBRARY)
    )
    assert report.verdict == "ok", report.differences
    assert (report.height, report.blocks, report.orders) == (LAST, LAST + 1, 21)
    assert (report.issued_fen, report.destroyed_fen) == (600_00, 100_00)
    assert report.outstanding_fen == 500_00
    assert report.network == story.network.id
    assert report.accounts == 3 + 3 * 3 + 3


async def test_several_processes_find_what_one_thread_finds(story: Story, forger: Forger) -> None:
    forger.add(LAST, story.orders.payment(story.payee, story.payer, 1000_00))
    forger.change_body(REDEEM, lambda body: flipped(body, 40))
    alone = await forger.audit()
    source = ListSource(forger.blocks)
    together = await audit_source(source, AuditOptions(processes=2, library=LIBRARY))
    assert together.differences == alone.differences
    assert len(together.differences) > 1


@pytest.mark.parametrize("height", range(LAST + 1))
async def test_a_changed_byte_of_a_body_is_found_where_it_is(forger: Forger, height: int) -> None:
    for index in range(0, len(forger.blocks[height].body), 97):
        before = forger.blocks[height]
        forger.change_body(height, lambda body, at=index: flipped(body, at))  # type: ignore[misc]
        assert (await forger.first_difference()).height == height
        forger.blocks[height] = before


@pytest.mark.parametrize("height", [0, 1, PAY, NAMING, LAST])
async def test_a_changed_byte_of_a_header_is_found_where_it_is(forger: Forger, height: int) -> None:
    for index in range(0, len(forger.blocks[height].header), 13):
        before = forger.blocks[height]
        forger.change_header(height, lambda header, at=index: flipped(header, at))  # type: ignore[misc]
        first = await forger.first_difference()
        assert (first.rule, first.height) == (Rule.BLOCK_SIGNATURE, height)
        forger.blocks[height] = before


async def test_a_changed_outcome_is_found(forger: Forger) -> None:
    [(order, _)] = forger.items(REFUSED)
    forger.change_body(REFUSED, lambda _: order + b"\x81\x00")
    await forger.expect(Rule.BODY, REFUSED)


async def test_a_dropped_order_is_found(forger: Forger) -> None:
    first = forger.items(PAY)[0][0]
    forger.change_body(PAY, lambda body: body[len(first) + 2 :])
    await forger.expect(Rule.BODY, PAY)


async def test_a_dropped_order_is_found_though_its_body_is_hashed_anew(forger: Forger) -> None:
    count, items = forger.header(PAY).count, forger.items(PAY)
    forger.rewrite(PAY, items[1:], count=count)
    assert "has 2 orders" in await forger.expect(Rule.BODY, PAY)


async def test_orders_in_another_order_are_found(forger: Forger) -> None:
    root = forger.header(PAY).orders_root
    forger.rewrite(PAY, forger.items(PAY)[::-1], orders_root=root)
    await forger.expect(Rule.ORDERS_ROOT, PAY)


async def test_a_body_that_cannot_be_read_to_its_end_is_found(forger: Forger) -> None:
    forger.change_body(PAY, lambda body: body[:-30])
    differences = (await forger.audit()).differences
    assert (differences[0].rule, differences[0].height) == (Rule.BODY, PAY)
    assert any(each.position == 2 and "from here on" in each.detail for each in differences)


async def test_orders_that_the_header_does_not_count_are_found(forger: Forger) -> None:
    items = forger.items(LAST)
    more = (forger.story.orders.payment(forger.story.payer, forger.story.payee, 1), SETTLED)
    forger.rewrite(LAST, [*items, more], count=len(items))
    assert (await forger.first_difference()).height == LAST


async def test_swapped_headers_are_found(forger: Forger) -> None:
    one, other = forger.blocks[PAY], forger.blocks[REFUSED]
    forger.blocks[PAY] = one._replace(header=other.header)
    forger.blocks[REFUSED] = other._replace(header=one.header)
    await forger.expect(Rule.CHAIN, PAY)


async def test_swapped_blocks_are_found(forger: Forger) -> None:
    one, other = forger.blocks[PAY], forger.blocks[REFUSED]
    forger.blocks[PAY] = other._replace(height=PAY)
    forger.blocks[REFUSED] = one._replace(height=REFUSED)
    await forger.expect(Rule.CHAIN, PAY)


async def test_a_block_in_the_place_of_a_true_one_is_found_at_the_next(forger: Forger) -> None:
    before = list(forger.blocks)
    forger.rewrite(EXCHANGE, time_ms=forger.header(EXCHANGE).time_ms + 1)
    forger.blocks = [*before[:EXCHANGE], forger.blocks[EXCHANGE], *before[EXCHANGE + 1 :]]
    await forger.expect(Rule.CHAIN, EXCHANGE + 1)


async def test_a_missing_block_is_found(forger: Forger) -> None:
    del forger.blocks[REFUSED]
    await forger.expect(Rule.CHAIN, REFUSED)


async def test_blocks_that_are_kept_back_are_found(story: Story) -> None:
    source = ListSource(story.blocks[:-2], tip_height=LAST)
    report = await audit_source(source, AuditOptions(processes=0, library=LIBRARY))
    [difference] = report.differences
    assert (difference.rule, difference.height) == (Rule.CHAIN, LAST - 1)


async def test_time_that_goes_back_is_found(forger: Forger) -> None:
    forger.rewrite(REDEEM, time_ms=forger.header(REDEEM).time_ms - 1)
    await forger.expect(Rule.BLOCK_TIME, REDEEM)


async def test_a_header_signed_with_another_key_is_found(forger: Forger) -> None:
    forger.rewrite(PAY, signer=key("nobody's"))
    assert "not certified" in await forger.expect(Rule.BLOCK_SIGNATURE, PAY)


async def test_a_header_signed_with_a_key_for_something_else_is_found(forger: Forger) -> None:
    forger.rewrite(PAY, signer=forger.story.keys.officers[0])
    assert "OFFICER" in await forger.expect(Rule.BLOCK_SIGNATURE, PAY)


async def test_a_wrong_state_hash_is_found_in_the_header_that_names_it(forger: Forger) -> None:
    forger.rewrite(NAMING, state=(NAMED, bytes(32)))
    await forger.expect(Rule.STATE_HASH, NAMING)


async def test_the_hash_of_another_height_is_found(forger: Forger) -> None:
    state = forger.header(NAMING).state
    assert state is not None
    forger.rewrite(NAMING, state=(NAMED - 1, state[1]))
    await forger.expect(Rule.STATE_HASH, NAMING)


async def test_another_genesis_is_found(forger: Forger, story: Story) -> None:
    first = await forger.first_difference(network=bytes(32))
    assert (first.rule, first.height) == (Rule.GENESIS, 0)
    assert story.network.id.hex() in first.detail


async def test_a_genesis_that_its_root_did_not_sign_is_found(forger: Forger) -> None:
    forger.change_body(0, lambda body: flipped(body, len(body) - 1))
    await forger.expect(Rule.GENESIS, 0)


async def test_figures_that_are_not_those_of_the_blocks_are_found(story: Story) -> None:
    blocks = list(story.blocks)
    figures = blocks[REDEEM].figures
    assert figures is not None
    blocks[REDEEM] = blocks[REDEEM]._replace(figures=figures._replace(issued=figures.issued + 1))
    report = await audit_source(ListSource(blocks), AuditOptions(processes=0, library=LIBRARY))
    [difference] = report.differences
    assert (difference.rule, difference.height) == (Rule.SUPPLY, REDEEM)
    assert "issued" in difference.detail


async def test_an_audit_ends_when_it_has_found_enough(forger: Forger, story: Story) -> None:
    thief = replace(story.payer, signer=key("thief"))
    forger.add(LAST, *(story.orders.payment(thief, story.payee, 1) for _ in range(150)))
    assert len((await forger.audit()).differences) == 100
