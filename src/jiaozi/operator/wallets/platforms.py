"""Push sub-wallets to platforms: each knows one by a token of its own, never by its number.

A token is random, for one sub-wallet at one platform. The platform names it when it asks for a
payment, and the operator alone finds the sub-wallet behind it; at another platform, or once the
holder has taken it back, it means nothing.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from jiaozi.operator.wallets import store
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.queries import load_statements

_TOKEN_LENGTH = 16


@dataclass(frozen=True, slots=True)
class _Statements:
    give_token: str
    take_back_token: str
    platforms_of: str
    resolve_token: str


_SQL = load_statements(_Statements, resources.files(__package__) / "platforms.sql")


class Push(NamedTuple):
    """A platform's wallet, and the token that the platform knows the sub-wallet by."""

    platform: AccountNumber
    token: bytes


class ListedSubWallet(NamedTuple):
    """A sub-wallet, and where it was pushed to."""

    wallet: Wallet
    pushed: list[Push]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platforms:
    """The use cases; their dependencies."""

    database: Database
    now_ms: Callable[[], int]

    async def push(self, parent: Wallet, sub_wallet: int, platform: int) -> bytes:
        """Return a sub-wallet's token at a platform, a new one the first time.

        Raises:
            Refusal: ``wallet_unknown`` when it is no sub-wallet of this wallet.
        """
        async with self.database.transaction() as connection:
            await _check_parent(connection, parent, sub_wallet)
            token: bytes = await connection.fetchval(
                _SQL.give_token,
                secrets.token_bytes(_TOKEN_LENGTH),
                sub_wallet,
                platform,
                self.now_ms(),
            )
        return token

    async def take_back(self, parent: Wallet, sub_wallet: int, platform: int) -> None:
        """End a token; once more changes nothing.

        Raises:
            Refusal: ``wallet_unknown`` when it is no sub-wallet of this wallet.
        """
        async with self.database.transaction() as connection:
            await _check_parent(connection, parent, sub_wallet)
            await connection.execute(_SQL.take_back_token, sub_wallet, platform)

    async def listed(self, parent: Wallet) -> list[ListedSubWallet]:
        """Return the sub-wallets of a wallet, oldest first, and where they were pushed to."""
        async with self.database.connection() as connection:
            own = await store.sub_wallets(connection, parent.number)
            rows = await connection.fetch(_SQL.platforms_of, parent.number)
        pushed: dict[int, list[Push]] = {}
        for row in rows:
            push = Push(AccountNumber(row["platform"]), row["token"])
            pushed.setdefault(row["sub_wallet"], []).append(push)
        return [ListedSubWallet(each, pushed.get(each.number, [])) for each in own]

    async def resolve(self, token: bytes, platform: int) -> AccountNumber:
        """Return the open sub-wallet that a platform means by a token.

        Raises:
            Refusal: ``wallet_unknown``, alike for a token of another platform and for none.
        """
        async with self.database.connection() as connection:
            number = await connection.fetchval(_SQL.resolve_token, token, platform)
        if number is None:
            raise refuse(Code.WALLET_UNKNOWN)
        return AccountNumber(number)


async def _check_parent(connection: Connection, parent: Wallet, sub_wallet: int) -> None:
    found = await store.find_wallet(connection, sub_wallet)
    if found is None or found.parent != parent.number:
        raise refuse(Code.WALLET_UNKNOWN)
