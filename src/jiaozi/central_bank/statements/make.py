"""Make the statements that are due, once for each operator and day.

A day is due when a block of a later day exists: block time never runs back, so nothing can be added
to it any more. What was missed is made up for, from one snapshot: what moved, from the blocks since
the last statement; what was held, from the accounts, less what moved since.
"""

from dataclasses import dataclass

import structlog

from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.store import read_control
from jiaozi.central_bank.statements import store
from jiaozi.central_bank.statements.gather import Gathered, gather
from jiaozi.central_bank.statements.store import SQL, Held, Stated
from jiaozi.protocol.daily_statement import DailyStatement, day_of, sign_statement
from jiaozi.protocol.domains import NetworkId
from jiaozi.storage.database import Connection, Database

_LOCK_KEY = 0x73746174656D656E  # "statemen" in ASCII: two workers may wake at once
_NOTHING = Held(0, 0)
_log = structlog.get_logger("jiaozi.statements")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeStatements:
    """The use case; its dependencies."""

    database: Database
    signers: BlockSigners
    network: NetworkId

    async def __call__(self) -> list[DailyStatement]:
        """Make what is due; nothing when it is made already, or no day has ended.

        Raises:
            StorageUnavailable: Nothing was made; call it again.
            KeyStoreError: Nothing was made: no key at hand may sign.
        """
        async with self.database.connection() as connection:
            # The lock comes before the snapshot: whoever waited for it sees what was made.
            await connection.execute(SQL.lock, _LOCK_KEY)
            async with connection.transaction(isolation="repeatable_read"):
                made = await _due(connection)
                control = await read_control(connection) if made else None
                for each in made:
                    assert control is not None
                    signer = self.signers.at(control, each.made_ms)
                    encoded = sign_statement(each, signer, self.network)
                    await store.add(connection, each, encoded)
            await connection.execute(SQL.unlock, _LOCK_KEY)
        for each in made:
            _tell(each)
        return made

    async def has_block_of(self, time_ms: int) -> bool:
        """Say whether the chain has reached the day in which a time lies."""
        async with self.database.connection() as connection:
            tip = await store.read_tip(connection)
        return tip is not None and day_of(tip[1]) >= day_of(time_ms)


async def state_so_far(database: Database) -> list[DailyStatement]:
    """State the day of the last block up to that block; unsigned, and nothing is kept.

    Raises:
        StorageUnavailable: The database is gone.
    """
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        return await _due(connection, so_far=True)


def _tell(statement: DailyStatement) -> None:
    told = {"operator": f"{statement.operator:04d}", "day": statement.date}
    if statement.difference_fen:
        _log.error("statement_differs", difference_fen=statement.difference_fen, **told)
    else:
        _log.info("statement_made", **told)


async def _due(connection: Connection, *, so_far: bool = False) -> list[DailyStatement]:
    """Return the days that have ended and are not stated; or the day that has not, up to now."""
    tip = await store.read_tip(connection)
    if tip is None:
        return []
    _, tip_ms = tip
    stated = await store.read_stated(connection)
    until = day_of(tip_ms) + so_far
    if stated is not None and stated.day + 1 >= until:
        return []
    after = -1 if stated is None else stated.end.height
    operators = await store.read_operators(connection)
    gathered = await gather(store.read_blocks(connection, after), operators)
    first = min(gathered.ends) if stated is None else stated.day + 1
    days = range(first, until)
    held = await store.read_held(connection, operators)
    made = [
        statement
        for operator in operators
        for statement in _of_operator(operator, days, gathered, held[operator], stated, tip_ms)
    ]
    return [each for each in made if not so_far or each.day == days[-1]]


def _of_operator(
    operator: int, days: range, gathered: Gathered, held: Held, stated: Stated | None, made_ms: int
) -> list[DailyStatement]:
    """State an operator's days: holdings backwards from now, openings forwards from the last."""
    after_day: dict[int, Held] = {}
    for day in sorted({*days, *gathered.ends}, reverse=True):
        after_day[day] = held
        flows = gathered.of(operator, day)
        held = Held(held.vault_fen - flows.vault_fen, held.reserve_fen - flows.reserve_fen)
    opening = _NOTHING if stated is None else stated.held.get(operator, _NOTHING)
    end = None if stated is None else stated.end
    made = []
    for day in days:
        flows, closing = gathered.of(operator, day), after_day[day]
        end = gathered.ends.get(day, end)
        assert end is not None, "the first day has a block"
        made.append(
            DailyStatement(
                operator=operator, day=day, height=end.height, identity=end.identity,
                made_ms=made_ms, opening_fen=opening.vault_fen, issued_fen=flows.issued_fen,
                destroyed_fen=flows.destroyed_fen, exchanged_fen=flows.exchanged_fen,
                redeemed_fen=flows.redeemed_fen, set_aside_fen=flows.set_aside_fen,
                released_fen=flows.released_fen, vault_fen=closing.vault_fen,
                opening_reserve_fen=opening.reserve_fen, funded_fen=flows.funded_fen,
                reserve_fen=closing.reserve_fen,
            )
        )  # fmt: skip
        opening = closing
    return made
