"""Check what was stated against the blocks: every signature, every figure, every day.

The figures are made anew from block 0, without a look at the accounts or at what was stated before.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from jiaozi.central_bank.statements import store
from jiaozi.central_bank.statements.gather import Flows, Gathered, gather
from jiaozi.central_bank.statements.store import DayEnd, Held
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.daily_statement import DailyStatement, format_day, read_statement
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Refusal
from jiaozi.storage.database import Database


class Finding(NamedTuple):
    """One thing that is not right about a statement, and whose it is."""

    operator: int
    day: str
    detail: str


@dataclass(slots=True)
class Checked:
    """What a check found."""

    statements: int = 0
    findings: list[Finding] = field(default_factory=list)


async def check_statements(
    database: Database, *, block_keys: BlockKeys, network: NetworkId
) -> Checked:
    """Check all statements of a registry by its blocks; nothing is changed.

    Raises:
        StorageUnavailable: The database is gone.
    """
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        operators = await store.read_operators(connection)
        gathered = await gather(store.read_blocks(connection, -1), operators)
        encoded = await store.all_statements(connection)
    checked = Checked()
    stated: dict[int, dict[int, DailyStatement]] = {each: {} for each in operators}
    for each in encoded:
        try:
            statement = read_statement(each, block_keys=block_keys, network=network)
        except Refusal as refusal:
            checked.findings.append(Finding(0, "", f"a statement cannot be relied on: {refusal}"))
        else:
            stated.setdefault(statement.operator, {})[statement.day] = statement
    last_day = max((day for days in stated.values() for day in days), default=-1)
    for operator, by_day in stated.items():
        _check_operator(checked, operator, by_day, gathered, last_day)
    return checked


def _check_operator(
    checked: Checked,
    operator: int,
    by_day: dict[int, DailyStatement],
    gathered: Gathered,
    last_day: int,
) -> None:
    """Go through all days up to the last one that was stated for anyone."""
    held, end, is_due = Held(0, 0), DayEnd(-1, b""), False
    for day in range(min(gathered.ends, default=0), last_day + 1):
        end = gathered.ends.get(day, end)
        before, flows = held, gathered.of(operator, day)
        held = Held(held.vault_fen + flows.vault_fen, held.reserve_fen + flows.reserve_fen)
        statement = by_day.get(day)
        # An operator may have joined since: its statements begin with the first one, or movement.
        is_due |= statement is not None or flows != Flows()
        if statement is not None:
            checked.statements += 1
            details = _wrong_about(statement, _stated(statement, end, before, flows, held))
        else:
            details = ["there is no statement"] if is_due else []
        checked.findings += [Finding(operator, format_day(day), each) for each in details]


def _stated(
    statement: DailyStatement, end: DayEnd, before: Held, flows: Flows, after: Held
) -> DailyStatement:
    """Return what should have been stated."""
    return replace(
        statement,
        height=end.height,
        identity=end.identity,
        opening_fen=before.vault_fen,
        issued_fen=flows.issued_fen,
        destroyed_fen=flows.destroyed_fen,
        exchanged_fen=flows.exchanged_fen,
        redeemed_fen=flows.redeemed_fen,
        set_aside_fen=flows.set_aside_fen,
        released_fen=flows.released_fen,
        vault_fen=after.vault_fen,
        opening_reserve_fen=before.reserve_fen,
        funded_fen=flows.funded_fen,
        reserve_fen=after.reserve_fen,
    )


def _wrong_about(statement: DailyStatement, due: DailyStatement) -> list[str]:
    pairs = [
        (name, getattr(statement, name), getattr(due, name)) for name in DailyStatement.__slots__
    ]
    wrong = [
        f"{name} is {_told(value)}, by the blocks {_told(due_value)}"
        for name, value, due_value in pairs
        if value != due_value
    ]
    if statement.difference_fen:
        wrong.append(f"{statement.difference_fen} fen are not explained")
    return wrong


def _told(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
