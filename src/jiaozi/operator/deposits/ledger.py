"""The built-in core: customers' deposits in the operator's own database, in double entry.

Each call is one statement, so it happens whole or not at all; the tables' constraints hold the same
rules once more (migrations/0003_deposits.sql).
"""

import secrets
from dataclasses import dataclass
from importlib import resources

import asyncpg

from jiaozi.operator.customers.model import Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.deposits.model import CoreContradiction, Deposit
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.queries import load_statements

DIGITAL_YUAN = "digital-yuan"
FUNDING = "funding"


@dataclass(frozen=True, slots=True)
class _Statements:
    accounts_of: str
    open_account: str
    find_hold: str
    hold: str
    capture: str
    release: str
    bar: str
    credit: str
    find_posting: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class LedgerCore:
    """A `CoreBanking` that keeps the books itself."""

    def __init__(self, database: Database, privacy: Privacy) -> None:
        self._database = database
        self._privacy = privacy

    async def accounts_of(self, phone: Phone) -> list[Deposit]:
        """Return the deposit accounts that a phone is on record for."""
        owner = self._privacy.digest("phone", phone)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL.accounts_of, owner)
        return [
            Deposit(deposit_id=row["id"], balance_fen=row["balance_fen"], held_fen=row["held_fen"])
            for row in rows
        ]

    async def hold(self, key: str, deposit_id: str, amount_fen: int) -> None:
        """Set money aside, once for a key.

        Raises:
            Refusal: ``deposit_insufficient``, also when the key was released before.
            CoreContradiction: The key holds something else.
        """
        async with self._database.connection() as connection:
            try:
                held = await connection.fetchval(_SQL.hold, key, deposit_id, amount_fen)
            except asyncpg.UniqueViolationError:
                held = None
            if held is not None:
                return
            existing = await connection.fetchrow(_SQL.find_hold, key)
        if existing is None or existing["state"] == "released":
            raise refuse(Code.DEPOSIT_INSUFFICIENT)
        if (existing["account_id"], existing["amount_fen"]) != (deposit_id, amount_fen):
            raise CoreContradiction(key=key, problem="it holds another amount or deposit")

    async def capture(self, key: str) -> None:
        """Take what is held out of the deposit, once.

        Raises:
            CoreContradiction: Nothing is held under the key, or it was released.
        """
        async with self._database.connection() as connection:
            if await connection.fetchval(_SQL.capture, key) is not None:
                return
            existing = await connection.fetchrow(_SQL.find_hold, key)
        if existing is None:
            raise CoreContradiction(key=key, problem="nothing is held under it")
        if existing["state"] != "captured":
            raise CoreContradiction(key=key, problem=f"it was {existing['state']} before")

    async def release(self, key: str) -> None:
        """Give back what is held, once; a key without a hold never gets one after this.

        Raises:
            CoreContradiction: It was captured.
        """
        async with self._database.connection() as connection:
            while True:
                for statement in (_SQL.release, _SQL.bar):
                    if await connection.fetchval(statement, key) is not None:
                        return
                existing = await connection.fetchrow(_SQL.find_hold, key)
                assert existing is not None, "what stands in the way of the bar is a hold"
                if existing["state"] != "held":
                    break
        if existing["state"] != "released":
            raise CoreContradiction(key=key, problem=f"it was {existing['state']} before")

    async def credit(self, key: str, deposit_id: str, amount_fen: int) -> None:
        """Pay redeemed digital yuan into a deposit, once for a key.

        Raises:
            CoreContradiction: The key paid something else, or there is no such deposit.
        """
        async with self._database.connection() as connection:
            await _credit(connection, key, deposit_id, amount_fen, debit=DIGITAL_YUAN)

    async def open_funded(self, phone: Phone, amount_fen: int) -> str:
        """Open a deposit account with money from outside, for demonstrations and tests."""
        owner = self._privacy.digest("phone", phone)
        deposit_id = secrets.token_hex(8)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL.open_account, deposit_id, owner)
            if amount_fen:
                await _credit(
                    connection, f"fund/{deposit_id}", deposit_id, amount_fen, debit=FUNDING
                )
        return deposit_id


async def _credit(
    connection: Connection, key: str, deposit_id: str, amount_fen: int, *, debit: str
) -> None:
    if await connection.fetchval(_SQL.credit, key, deposit_id, amount_fen, debit) is not None:
        return
    posted = await connection.fetchrow(_SQL.find_posting, key)
    if posted is None:
        raise CoreContradiction(key=key, problem=f"there is no deposit {deposit_id}")
    if (posted["credit"], posted["amount_fen"]) != (deposit_id, amount_fen):
        raise CoreContradiction(key=key, problem="it paid another amount or deposit")
