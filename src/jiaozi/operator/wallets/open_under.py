"""Open a wallet under an open one, on a request signed by that one's key: no code is needed.

A sub-wallet is the same holder's, known to the registry as under its parent. A signatory's wallet
is the company's. Either has a key and own limits of its own, the class of the wallet that asked,
and its group, so that the caps of a class bind all of them together (rules.md §E.3).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from jiaozi.operator.wallets import store
from jiaozi.operator.wallets.model import (
    SUB_WALLETS_MAX,
    Wallet,
    WalletRequest,
    check_key,
    check_opened,
)
from jiaozi.operator.wallets.open import RESUME_AFTER_MS
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.operator.wallets.store import Owner
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database

AlsoStore = Callable[[Connection, AccountNumber, UUID, int], Awaitable[None]]
"""What is stored with a new wallet: its number, its holder, the time in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUnder:
    """The use case; ``advance`` takes an opening as far as it goes."""

    database: Database
    certifier: Certifier
    advance: Callable[[int], Awaitable[Wallet]]
    now_ms: Callable[[], int]

    async def sub_wallet(self, parent: Wallet, request: WalletRequest) -> Wallet:
        """Open a sub-wallet, or return the one that was opened for this key before.

        Raises:
            Refusal: ``suite_unsupported``; ``not_allowed`` under a sub-wallet;
                ``account_closed`` under a closed one; ``signatory_needed``; ``too_large`` beyond
                `SUB_WALLETS_MAX`; what the registry said for good; ``unknown`` while it has said
                nothing.
        """
        if parent.parent is not None:
            raise refuse(Code.NOT_ALLOWED)
        return await self(parent, request, _nothing, parent=parent.number)

    async def __call__(
        self,
        opener: Wallet,
        request: WalletRequest,
        also_store: AlsoStore,
        *,
        parent: AccountNumber | None = None,
    ) -> Wallet:
        """Open a wallet of the opener's holder, or return the one opened for this key before.

        Raises:
            Refusal: As `sub_wallet`.
        """
        check_key(request.suite, request.public_key)
        number = await self._store(opener, request, also_store, parent)
        wallet = await self.advance(number)
        check_opened(wallet)
        return wallet

    async def _store(
        self,
        opener: Wallet,
        request: WalletRequest,
        also_store: AlsoStore,
        parent: AccountNumber | None,
    ) -> int:
        """Keep wallet and order in one transaction; a number that is taken is redrawn."""
        while True:
            try:
                async with self.database.transaction() as connection:
                    owner = await store.lock_owner(connection, opener.number)
                    number = await store.opened_under(connection, opener.number, request.public_key)
                    if number is not None:
                        return number
                    _check_may_open(owner, parent)
                    now_ms = self.now_ms()
                    wallet = self.certifier.opening(
                        self.certifier.new_number(),
                        replace(request, wallet_class=owner.wallet_class),
                        owner.group,
                        now_ms,
                        opened_by=opener.number,
                        parent=parent,
                    )
                    await store.add_wallet(
                        connection,
                        wallet,
                        owner.holder_id,
                        phone_digest=owner.phone_digest,
                        next_try_ms=now_ms + RESUME_AFTER_MS,
                    )
                    await also_store(connection, wallet.number, owner.holder_id, now_ms)
                    return wallet.number
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != "wallet_pkey":
                    raise


def _check_may_open(owner: Owner, parent: AccountNumber | None) -> None:
    if owner.is_closed:
        raise refuse(Code.ACCOUNT_CLOSED)
    if owner.is_removed:
        raise refuse(Code.SIGNATORY_NEEDED)
    if parent is not None and owner.sub_wallets >= SUB_WALLETS_MAX:
        raise refuse(Code.TOO_LARGE, "sub_wallets", SUB_WALLETS_MAX)


async def _nothing(
    connection: Connection, number: AccountNumber, holder_id: UUID, now_ms: int
) -> None:
    """Store nothing beside the wallet."""
