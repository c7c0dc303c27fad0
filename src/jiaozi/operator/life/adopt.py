"""Take over the wallet of a failed operator's holder: this operator knows the holder from then on.

::

    REASSIGN in a block             -> the wallet's orders come through here; nobody is known here
    phone code + evidence of the wallet's class, signed with the wallet's key
      -> one transaction: holder, evidence, wallet    (open; exchange, redeem, statements work)

The registry says whose the wallet is and what class it has; no order is needed. What it did before
is in no feed of this operator's: the history begins with the reassignment. A sub-wallet is adopted
as a wallet by itself, and the registry takes no new ones under it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from jiaozi.operator.customers.identify import Customer
from jiaozi.operator.customers.model import Evidence, WalletClass, check_evidence
from jiaozi.operator.life import store
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.model import Wallet, WalletRequest, WalletState
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.protocol.numbers import AccountNumber, is_wallet_number, operator_of
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import SETTLED, Code, Refusal, refuse
from jiaozi.protocol.suites import Suite
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptWallet:
    """The use case; its dependencies."""

    operator: int
    database: Database
    open_wallet: OpenWallet
    registry: RegistryClient
    now_ms: Callable[[], int]

    async def __call__(
        self, number: int, key: bytes, registration_id: UUID, code: str, evidence: Evidence
    ) -> Wallet:
        """Adopt a wallet for whoever holds its key, or return it if that was done before.

        Raises:
            Refusal: ``wallet_unknown``: it is not carried here, or its key is another;
                ``account_closed``; ``evidence_insufficient``; ``code_wrong``; ``not_served``;
                ``signatory_needed`` for a company that has wallets here; or the registry does not
                answer.
        """
        known = await self._adopted_before(number, key)
        if known is not None:
            return known
        request = await self._asked_of_registry(number, key, evidence)
        check_evidence(request.wallet_class, request.holder, evidence)
        try:
            customer = await self.open_wallet.customer(registration_id, code, request)
            return await self._store(AccountNumber(number), request, customer)
        except (Refusal, asyncpg.UniqueViolationError) as error:
            # Of two copies of one request the slower one finds what the other stored.
            known = await self._adopted_before(number, key)
            is_other_copy = not isinstance(error, Refusal) or error.code is Code.CODE_WRONG
            if known is None or not is_other_copy:
                raise
            return known

    async def _adopted_before(self, number: int, key: bytes) -> Wallet | None:
        async with self.database.connection() as connection:
            known = await wallets.find_wallet(connection, number)
        if known is not None and known.public_key != key:
            raise refuse(Code.WALLET_UNKNOWN)
        return known

    async def _asked_of_registry(
        self, number: int, key: bytes, evidence: Evidence
    ) -> WalletRequest:
        """Return what the registry knows of a wallet that another operator opened."""
        if not is_wallet_number(number) or operator_of(AccountNumber(number)) == self.operator:
            raise refuse(Code.WALLET_UNKNOWN)
        try:
            account = await self.registry.account(number)
        except Refusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            raise refuse(Code.WALLET_UNKNOWN) from None
        if account["public_key"] != key.hex():
            raise refuse(Code.WALLET_UNKNOWN)
        if account["closed"]:
            raise refuse(Code.ACCOUNT_CLOSED)
        return WalletRequest(
            wallet_class=WalletClass(account["wallet_class"]),
            holder=Holder(account["holder"]),
            suite=Suite.ED25519,
            public_key=key,
            evidence=evidence,
        )

    async def _store(
        self, number: AccountNumber, request: WalletRequest, customer: Customer
    ) -> Wallet:
        now_ms = self.now_ms()
        wallet = Wallet(
            number=number,
            wallet_class=WalletClass(request.wallet_class),
            holder=request.holder,
            suite=request.suite,
            public_key=request.public_key,
            state=WalletState.OPEN,
            order=None,
            outcome=SETTLED,
            created_ms=now_ms,
        )
        async with self.database.transaction() as connection:
            holder = await self.open_wallet.holder_of(connection, customer, number, now_ms)
            await store.adopt_wallet(connection, wallet, holder.holder_id, customer.phone.digest)
            await self.open_wallet.finish_storing(connection, wallet, holder.holder_id, customer)
        return wallet
