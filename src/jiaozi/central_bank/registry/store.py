"""The registry's statements: loading what a batch needs and writing what it changed.

Set-based throughout: a batch of a thousand orders takes about ten statements, none of them per
order. What is read together is stored as one value: a block's orders, a feed's entries.
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from importlib.resources import files
from typing import NamedTuple

import asyncpg

from jiaozi.central_bank.registry.control import Control, Halt, KeyRecord
from jiaozi.central_bank.registry.model import Account, Totals
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.feed import Head
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.ids import OrderId, last_expiry_day
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.orders import Order
from jiaozi.protocol.safeguards import DUE_MAX, Safeguards, read_safeguards
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

_ACCOUNT_COLUMNS = tuple(Account.__dataclass_fields__)
_FORGET_TIMEOUT_MS = 200
_USED_ID_COLUMNS = (
    "last_expiry_day", "id", "account", "identity", "refusal", "height", "position",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statements:
    """The names in queries.sql."""

    accounts: str
    group_heads: str
    write_barrier: str
    waits_for_standby: str
    prepare_changes: str
    plan_by_key: str
    write_changes: str
    write_terms: str
    safeguards: str
    write_safeguards: str
    drop_safeguards: str
    due_wallets: str
    next_due: str
    carriers: str
    write_carrier: str
    halts: str
    write_halt: str
    carried: str
    used_ids: str
    used_id: str
    days_remembered: str
    append_block: str
    last_block: str
    genesis: str
    headers: str
    blocks: str
    block: str
    tip_height: str
    reserve_total: str
    feed_heads: str
    feed_page: str
    append_feed: str
    certified_keys: str
    write_certified_key: str
    operators: str
    write_operator: str
    rulebooks: str
    write_rulebook: str
    fundings: str
    write_funding: str
    state_accounts: str
    state_safeguards: str


SQL = load_statements(Statements, files(__package__) / "queries.sql")
MIGRATIONS = files(__package__) / "migrations"


class IdsRepeated(Exception):
    """A batch has orders that came before; its transaction has to be rolled back."""


class UsedId(NamedTuple):
    """What an order id was used for: the identity of the order and its first outcome."""

    identity: bytes
    refusal: bytes | None
    height: int
    position: int


class FeedRow(NamedTuple):
    """What concerns one operator in one block, ready to be stored."""

    operator: int
    first_sequence: int
    head: Head
    entries: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where the chain stands after its last block."""

    height: int
    time_ms: int
    identity: bytes
    header: bytes
    totals: Totals
    feeds: Mapping[int, Head]
    """Where the feed of each operator stands."""


async def load_accounts(connection: Connection, numbers: Iterable[int]) -> dict[int, Account]:
    """Load accounts and the heads of their groups; those that do not exist are left out."""
    rows = await connection.fetch(SQL.accounts, list(numbers))
    accounts = {row[0]: Account(*row) for row in rows}
    heads = {each.head for each in accounts.values()} - accounts.keys()
    if heads:
        for row in await connection.fetch(SQL.accounts, list(heads)):
            accounts[row[0]] = Account(*row)
    return accounts


async def load_groups(
    connection: Connection, groups: Iterable[bytes]
) -> dict[tuple[bytes, int], Account]:
    """Load the heads of groups, by group and operator."""
    wanted = list(groups)
    rows = await connection.fetch(SQL.group_heads, wanted) if wanted else []
    heads = (Account(*row) for row in rows)
    return {(each.group_id, each.operator): each for each in heads}


async def load_safeguards(connection: Connection, numbers: Iterable[int]) -> dict[int, Safeguards]:
    """Load the safeguards of wallets; those without any are left out."""
    rows = await connection.fetch(SQL.safeguards, list(numbers))
    return {row["account"]: read_safeguards(row["record"]) for row in rows}


async def write_safeguards(
    connection: Connection, changed: Iterable[tuple[int, Safeguards]]
) -> None:
    """Write the safeguards of wallets."""
    dropped, kept = [], []
    for number, each in changed:
        if each.is_empty:
            dropped.append((number,))
        else:
            kept.append((number, each.due_ms, each.encoded()))
    if dropped:
        await connection.executemany(SQL.drop_safeguards, dropped)
    if kept:
        await connection.executemany(SQL.write_safeguards, kept)


async def write_terms(connection: Connection, changed: Iterable[Account]) -> None:
    """Write all that orders change of accounts beside their balances and sums."""
    rows = [
        (
            each.number, each.wallet_class, each.suite, each.key, each.closed, each.freezes,
            each.frozen_fen, each.balance_cap_fen, each.single_limit_fen, each.day_limit_fen,
            each.year_limit_fen, each.second_factor_above_fen, each.waterfall,
        )
        for each in changed
    ]  # fmt: skip
    if rows:
        await connection.executemany(SQL.write_terms, rows)


async def due_wallets(connection: Connection, time_ms: int) -> list[int]:
    """Return the wallets of which something is due, as many as one block takes."""
    rows = await connection.fetch(SQL.due_wallets, time_ms, DUE_MAX)
    return [row["account"] for row in rows]


async def load_used(
    connection: Connection, orders: Iterable[Order]
) -> dict[tuple[bytes, int], UsedId]:
    """Find which ids of these orders were used up before, by id and account."""
    days: dict[int, list[bytes]] = {}
    for order in orders:
        days.setdefault(last_expiry_day(order.id), []).append(order.id)
    used = {}
    for day, ids in days.items():
        for row in await connection.fetch(SQL.used_ids, day, ids):
            used[row[0], row[1]] = UsedId(*row[2:])
    return used


async def find_used(connection: Connection, account: int, order_id: OrderId) -> UsedId | None:
    """Find the outcome of one order."""
    row = await connection.fetchrow(SQL.used_id, last_expiry_day(order_id), order_id, account)
    return None if row is None else UsedId(*row)


async def load_tip(connection: Connection) -> Tip | None:
    """Load where the chain stands; None before genesis."""
    row = await connection.fetchrow(SQL.last_block)
    if row is None:
        return None
    feeds = {each[0]: Head(each[1], each[2]) for each in await connection.fetch(SQL.feed_heads)}
    return Tip(
        height=row["height"],
        time_ms=row["time_ms"],
        identity=row["identity"],
        header=row["header"],
        totals=Totals(*list(row)[4:]),
        feeds=feeds,
    )


async def read_control(connection: Connection) -> Control:
    """Read the control state from the database alone: without the rulebooks themselves."""
    network = read_genesis(await connection.fetchval(SQL.genesis))
    genesis = Control(
        network=network,
        keys={each.key: KeyRecord(each) for each in network.genesis.keys},
        quotas_fen=network.genesis.quotas_fen,
        schedule=((0, network.genesis.rulebook_hash),),
        library={},
    )
    return await load_control(connection, genesis)


async def load_control(connection: Connection, genesis: Control) -> Control:
    """Load the control state that officers' orders made of the one in genesis."""
    control = genesis
    for row in await connection.fetch(SQL.certified_keys):
        certified = Certified(
            key=row["key"],
            suite=row["suite"],
            use=Use(row["key_use"]),
            operator=row["operator"],
            person=row["person"],
            not_before_ms=row["not_before_ms"],
            not_after_ms=row["not_after_ms"],
        )
        control = control.with_record(KeyRecord(certified, row["certificate"], row["revoked_ms"]))
    for row in await connection.fetch(SQL.operators):
        control = control.with_quota(row["code"], row["quota_fen"])
    for row in await connection.fetch(SQL.rulebooks):
        control = control.with_rulebook(row["starts_at_ms"], row["rulebook_hash"])
    funded = [row["reference"] for row in await connection.fetch(SQL.fundings)]
    for row in await connection.fetch(SQL.halts):
        halt = Halt(row["until_ms"], row["orders_per_s"])
        control = control.with_halt(row["scope"], row["subject"], halt)
    carriers = {row["operator"]: row["carrier"] for row in await connection.fetch(SQL.carriers)}
    return replace(control, funded=frozenset(funded), carriers=carriers)


async def write_accounts(
    connection: Connection, changed: Sequence[Account], opened: Sequence[Account]
) -> None:
    """Write balances and sums of changed accounts, and insert opened ones.

    An account is kept under the operator that opened it, whoever carries its wallets by then.

    Raises:
        AssertionError: An account to change is not there: the registry is broken.
    """
    if opened:
        rows = [astuple(replace(each, operator=operator_of(each.number))) for each in opened]
        await connection.copy_records_to_table("account", records=rows, columns=_ACCOUNT_COLUMNS)
    if not changed:
        return
    rows = [
        (
            each.number, each.balance_fen, each.spent_on, each.day_spent_fen, each.year_spent_fen,
            each.group_balance_fen, each.group_spent_on, each.group_day_spent_fen,
            each.group_year_spent_fen,
        )
        for each in changed
    ]  # fmt: skip
    await connection.copy_records_to_table("change", records=rows)
    status = await connection.execute(SQL.write_changes)
    assert status == f"UPDATE {len(changed)}", f"{status} of {len(changed)} accounts"


async def write_used(
    connection: Connection,
    rows: Mapping[int, list[tuple[int, bytes, int, bytes, bytes | None, int, int]]],
) -> None:
    """Write the ids that a block used up, straight into the partition of their day.

    Raises:
        IdsRepeated: One of them was used up before.
    """
    try:
        for day, records in rows.items():
            await connection.copy_records_to_table(
                f"used_id_{day}", records=records, columns=_USED_ID_COLUMNS
            )
    except asyncpg.UniqueViolationError:
        raise IdsRepeated from None


async def append_block(
    connection: Connection, signed: SignedHeader, body: bytes, totals: Totals
) -> bool:
    """Add a block; False when another writer has added one at this height."""
    header = signed.header
    status = await connection.execute(
        SQL.append_block, header.height, header.time_ms, signed.identity, signed.encoded,
        header.count, body, totals.issued_fen, totals.destroyed_fen, totals.vault_fen,
        totals.wallet_fen, totals.escrow_fen, totals.offline_fen, totals.guarantee_fen,
        totals.shadow_fen,
    )  # fmt: skip
    return status == "INSERT 0 1"


async def append_feeds(connection: Connection, height: int, rows: Sequence[FeedRow]) -> None:
    """Add what concerns each operator in a block."""
    if rows:
        await connection.executemany(
            SQL.append_feed,
            [
                (
                    each.operator, height, each.first_sequence, each.head.sequence,
                    each.head.running_hash, each.entries, each.proof,
                )
                for each in rows
            ],
        )  # fmt: skip


async def write_control(connection: Connection, before: Control, after: Control) -> None:
    """Write what a block changed of the control state."""
    for key, record in after.keys.items():
        if before.keys.get(key) != record:
            each = record.certified
            await connection.execute(
                SQL.write_certified_key, key, each.suite, int(each.use), each.operator,
                each.person, each.not_before_ms, each.not_after_ms, record.certificate,
                record.revoked_ms,
            )  # fmt: skip
    for operator, quota_fen in after.quotas_fen.items():
        if before.quotas_fen.get(operator) != quota_fen:
            await connection.execute(SQL.write_operator, operator, quota_fen)
    for entry in after.schedule:
        if entry not in before.schedule:
            await connection.execute(SQL.write_rulebook, *entry)
    for reference in after.funded - before.funded:
        await connection.execute(SQL.write_funding, reference)
    for operator, carrier in after.carriers.items():
        if before.carriers.get(operator) != carrier:
            await connection.execute(SQL.write_carrier, operator, carrier)
    for named, halt in after.halts.items():
        if before.halts.get(named) != halt:
            await connection.execute(SQL.write_halt, *named, halt.until_ms, halt.orders_per_s)


async def remember_days(connection: Connection, days: range) -> None:
    """Make a place for the ids that expire on these days.

    Made apart and then attached, because that waits for no reader of the whole, such as a backup.
    """
    known = await _days_remembered(connection)
    for day in days:
        if day not in known:
            await connection.execute(
                f"CREATE TABLE used_id_{day:d} (LIKE used_id INCLUDING INDEXES); "
                f"ALTER TABLE used_id ATTACH PARTITION used_id_{day:d} FOR VALUES IN ({day:d})"
            )


async def forget_days(connection: Connection, before: int) -> None:
    """Drop the ids whose last day lies before a day, unless a reader holds them.

    What is left is dropped with the next day: forgetting is never urgent, writing is.
    """
    for day in await _days_remembered(connection):
        if day < before:
            with contextlib.suppress(asyncpg.LockNotAvailableError):
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = {_FORGET_TIMEOUT_MS:d}")
                    await connection.execute(f"DROP TABLE used_id_{day:d}")


async def _days_remembered(connection: Connection) -> set[int]:
    return {row["day"] for row in await connection.fetch(SQL.days_remembered)}
