"""What may be read, and by whom (rules.md §F.1).

An operator reads headers, the orders of its own wallets and the legs that credit them, by no route
more. What is shown here is cut for one operator; whole blocks are for the auditor.
"""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from asyncpg import Record

from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.batch import outcome_of
from jiaozi.central_bank.registry.block import ENTRY
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.model import Account, Kind
from jiaozi.protocol import blocks, cbor, feed, merkle, numbers
from jiaozi.protocol.blocks import BlockItem
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.orders import parse_view
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import Code, Outcome, PayeeCause, refuse
from jiaozi.protocol.safeguards import Safeguards
from jiaozi.storage.database import Connection

FEED_PAGE_BYTES = 4 << 20
"""A page of a feed ends with the block that brings it to this size."""
_FEED_BLOCKS_AT_ONCE = 4


class Found(NamedTuple):
    """The final outcome of an order and its place."""

    outcome: Outcome
    height: int
    position: int
    identity: bytes


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Blocks of a feed, encoded, and the height up to which the feed is complete."""

    blocks: tuple[bytes, ...]
    height: int


async def read_account(
    connection: Connection, number: int, control: Control, operator: int | None = None
) -> tuple[Account, Safeguards]:
    """Return an account and its safeguards.

    Args:
        connection: To the registry's database.
        number: Of the account.
        control: Tells who carries it.
        operator: Who asks; None when the holder does.

    Raises:
        Refusal: ``not_found``, for an unknown account and for one that another operator carries.
    """
    account = (await store.load_accounts(connection, (number,))).get(number)
    if account is None or operator not in (None, carrier(account, control)):
        raise refuse(Code.NOT_FOUND)
    safeguards = await store.load_safeguards(connection, (number,))
    return account, safeguards.get(number, Safeguards())


def carrier(account: Account, control: Control) -> int:
    """Return the operator that carries an account on."""
    is_wallet = account.kind == Kind.WALLET
    return control.carrier_of(account.operator) if is_wallet else account.operator


async def list_carried(
    connection: Connection, operator: int, after: int, limit: int, control: Control
) -> list[int]:
    """Return wallets that failed operators opened and this one carries, in order of number."""
    found: list[int] = []
    for failed, by in sorted(control.carriers.items()):
        first = numbers.first_number(failed)
        last = numbers.first_number(failed + 1)
        if by == operator and after < last and len(found) < limit:
            start = max(after, first - 1)
            rows = await connection.fetch(store.SQL.carried, start, last, limit - len(found))
            found += [row["number"] for row in rows]
    return found


async def find_outcome(
    connection: Connection, account: int, order_id: OrderId, operator: int, control: Control
) -> Found | None:
    """Return the outcome of an order that an account of the operator signed; None when absent.

    Raises:
        Refusal: ``not_found`` when the account is not the operator's.
    """
    await _check_carried(connection, account, operator, control)
    used = await store.find_used(connection, account, order_id)
    if used is None:
        return None
    return Found(outcome_of(used), used.height, used.position, used.identity)


async def read_feed(connection: Connection, operator: int, after: int, limit: int) -> FeedPage:
    """Return the next blocks of an operator's feed, fewer than asked for when they are large."""
    tip = await connection.fetchval(store.SQL.tip_height)
    encoded: list[bytes] = []
    size, last = 0, after
    while len(encoded) < limit and size < FEED_PAGE_BYTES:
        wanted = min(_FEED_BLOCKS_AT_ONCE, limit - len(encoded))
        rows = await connection.fetch(store.SQL.feed_page, operator, last, wanted)
        for row in rows:
            encoded.append(_feed_block(row))
            size, last = size + len(encoded[-1]), row["height"]
            # The writer gets its turn between two blocks.
            await asyncio.sleep(0)
        if len(rows) < wanted:
            # A block may have come since the tip was read.
            return FeedPage(tuple(encoded), max(tip, last))
    return FeedPage(tuple(encoded), last)


def _feed_block(row: Record) -> bytes:
    items = list(blocks.read_body(row["body"], row["order_count"]))
    entries = [
        _entry(items[position], position, visible, cause)
        for position, visible, cause in ENTRY.iter_unpack(row["entries"])
    ]
    return feed.encode_block(
        row["header"], row["first_sequence"], entries, _decode_proof(row["proof"])
    )


async def make_receipt(
    connection: Connection,
    account: int,
    order_id: OrderId,
    *,
    reader: int,
    operator: int,
    control: Control,
) -> bytes:
    """Make the receipt of an order for one of its readers: the payer or a payee.

    Raises:
        Refusal: ``not_found`` when there is no such order, or the reader is neither at its debit
            nor at its credit, or not the operator's account.
    """
    await _check_carried(connection, reader, operator, control)
    used = await store.find_used(connection, account, order_id)
    if used is None:
        raise refuse(Code.NOT_FOUND)
    row = await connection.fetchrow(store.SQL.block, used.height)
    assert row is not None, f"block {used.height} is gone"
    items = list(blocks.read_body(row["body"], row["order_count"]))
    item = items[used.position]
    legs = parse_view(item.cose, item.legs).legs
    shown: list[bytes | None] = [
        encoded if reader in (leg.debit, leg.credit) else None
        for encoded, leg in zip(item.legs, legs, strict=True)
    ]
    is_payee_of_refused = reader != account and used.refusal is not None
    if is_payee_of_refused or (reader != account and not any(shown)):
        raise refuse(Code.NOT_FOUND)
    leaves = [blocks.leaf(each.cose, blocks.encode_outcome(each.outcome)) for each in items]
    path = merkle.inclusion_proof(leaves, used.position)
    return encode_receipt(item, shown, used.position, path, row["header"])


async def _check_carried(
    connection: Connection, number: int, operator: int, control: Control
) -> None:
    """Check that an operator carries an account; an order's scope may be a number never opened."""
    account = (await store.load_accounts(connection, (number,))).get(number)
    opened_by = numbers.operator_of(number)
    carried_by = control.carrier_of(opened_by) if account is None else carrier(account, control)
    if carried_by != operator:
        raise refuse(Code.NOT_FOUND)


def _entry(item: BlockItem, position: int, visible: int, cause: int) -> feed.Entry:
    legs: list[bytes | None] = [
        leg if visible >> index & 1 else None for index, leg in enumerate(item.legs)
    ]
    return feed.Entry(position, item.cose, legs, item.outcome, PayeeCause(cause) if cause else None)


def _decode_proof(data: bytes) -> tuple[int, int, list[bytes]]:
    value = cbor.decode(data, size_max=len(data))
    assert isinstance(value, list), "a stored proof is a list of three"
    index, size, path = value
    return index, size, path
