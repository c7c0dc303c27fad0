"""Open a wallet: prove the phone, know the holder, store the order, send it.

::

    registration + code + evidence + key
      -> one transaction: holder, number, signed open-account order     (wallet: opening)
      -> registry                                                       (wallet: open)

The order is stored before it is sent. After a crash, or without an answer, the opening is resumed
with the same bytes; the customer repeats the request and is given the same wallet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from jiaozi.operator.customers import store as customers
from jiaozi.operator.customers.identify import (
    Customer,
    Identified,
    IdentifyHolder,
    Subject,
    signatory_fields,
)
from jiaozi.operator.customers.model import Evidence, check_evidence
from jiaozi.operator.customers.prove_phone import ProvenPhone, ProvePhone
from jiaozi.operator.customers.verify import DocumentVerifier
from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.privacy.access import Purpose
from jiaozi.operator.registry.model import Decided, Undecided
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.screening.screen import Place, ScreenCustomer
from jiaozi.operator.wallets import signatory_store, store
from jiaozi.operator.wallets.model import (
    Wallet,
    WalletRequest,
    WalletState,
    check_key,
    check_opened,
    state_after,
)
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.storage.database import Connection, Database

RESUME_AFTER_MS = 5_000
"""When the resolver looks after an order that somebody is sending now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet:
    """The use case; its dependencies."""

    database: Database
    certifier: Certifier
    prove_phone: ProvePhone
    verifier: DocumentVerifier
    identify: IdentifyHolder
    screen: ScreenCustomer
    core: CoreBanking
    settle: SettleOrder
    now_ms: Callable[[], int]

    async def __call__(self, registration_id: UUID, code: str, request: WalletRequest) -> Wallet:
        """Open a wallet, or return the one that this registration and key opened before.

        Raises:
            Refusal: ``suite_unsupported``, ``evidence_insufficient``, ``code_wrong``;
                ``not_served``; ``signatory_needed`` for a company that has wallets; what the
                registry said for good; ``unknown`` while it has said nothing.
        """
        check_key(request.suite, request.public_key)
        check_evidence(request.wallet_class, request.holder, request.evidence)
        number = await self._opened_before(registration_id, request.public_key)
        if number is None:
            number = await self._open(registration_id, code, request)
        wallet = await self.advance(number)
        check_opened(wallet)
        return wallet

    async def advance(self, number: int) -> Wallet:
        """Take an opening as far as it goes now; any number of times, at any moment."""
        wallet = await self._find(number)
        if wallet.state is not WalletState.OPENING:
            return wallet
        assert wallet.order is not None, "an opening has its order"
        verdict = await self.settle(wallet.order)
        if verdict is Undecided.OPEN:
            return wallet
        outcome = verdict.outcome if isinstance(verdict, Decided) else None
        async with self.database.connection() as connection:
            await store.finish_opening(
                connection, number, wallet.order.id, state_after(verdict), outcome
            )
        return await self._find(number)

    async def _open(
        self, registration_id: UUID, code: str, request: WalletRequest
    ) -> AccountNumber:
        """Open a wallet; of two copies of one request the slower one finds that of the other."""
        try:
            return await self._store(await self.customer(registration_id, code, request), request)
        except Refusal as refusal:
            number = await self._opened_before(registration_id, request.public_key)
            if refusal.code is not Code.CODE_WRONG or number is None:
                raise
            return number

    async def _opened_before(self, registration_id: UUID, key: bytes) -> AccountNumber | None:
        async with self.database.connection() as connection:
            opened = await customers.wallet_of_registration(connection, registration_id)
        if opened is None or opened[1] != key:
            return None
        return AccountNumber(opened[0])

    async def customer(self, registration_id: UUID, code: str, request: WalletRequest) -> Customer:
        """Spend a code and check what else is shown with it.

        Raises:
            Refusal: ``code_wrong``; ``evidence_insufficient``; ``not_served``.
        """
        phone = await self.prove_phone(registration_id, code, Purpose.OPEN_WALLET)
        await self._check_deposit(phone, request.evidence)
        await self.screen.evidence(Place.OPENING, request.evidence)
        document, kind = request.evidence.document, request.holder
        is_verified = document is not None and await self.verifier.is_genuine(
            phone.phone, kind, document
        )
        return Customer(phone, kind, request.evidence, is_verified)

    async def holder_of(
        self, connection: Connection, customer: Customer, wallet: AccountNumber, now_ms: int
    ) -> Identified:
        """Find or make the holder of a new wallet within the transaction that stores it.

        Raises:
            Refusal: ``evidence_insufficient``: the deposit is another holder's.
        """
        holder = await self.identify(connection, customer, wallet, now_ms)
        if customer.evidence.deposit_id is not None and not holder.reaches_deposits:
            raise refuse(Code.EVIDENCE_INSUFFICIENT, "deposit_id")
        return holder

    async def finish_storing(
        self, connection: Connection, wallet: Wallet, holder_id: UUID, customer: Customer
    ) -> None:
        """Bind code and signatory to a wallet that was stored in this transaction.

        Raises:
            Refusal: ``signatory_needed``; ``code_wrong`` when the code was used meanwhile.
        """
        if customer.kind is Holder.CORPORATE:
            await self._add_signatory(connection, wallet, holder_id, customer.evidence)
        if not await customers.use_registration(
            connection, customer.phone.registration_id, wallet.number
        ):
            raise refuse(Code.CODE_WRONG)

    async def _check_deposit(self, phone: ProvenPhone, evidence: Evidence) -> None:
        """A deposit account proves something only if it is of the very same phone."""
        if evidence.deposit_id is None:
            return
        own = await self.core.accounts_of(phone.phone)
        if evidence.deposit_id not in {each.deposit_id for each in own}:
            raise refuse(Code.EVIDENCE_INSUFFICIENT, "deposit_id")

    async def _store(self, customer: Customer, request: WalletRequest) -> AccountNumber:
        """Keep holder, wallet and order in one transaction; a number that is taken is redrawn."""
        while True:
            try:
                async with self.database.transaction() as connection:
                    now_ms = self.now_ms()
                    number = self.certifier.new_number()
                    holder = await self.holder_of(connection, customer, number, now_ms)
                    wallet = self.certifier.opening(number, request, holder.group, now_ms)
                    await store.add_wallet(
                        connection,
                        wallet,
                        holder.holder_id,
                        phone_digest=customer.phone.digest,
                        next_try_ms=now_ms + RESUME_AFTER_MS,
                    )
                    await self.finish_storing(connection, wallet, holder.holder_id, customer)
                    return wallet.number
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != "wallet_pkey":
                    raise

    async def _add_signatory(
        self, connection: Connection, wallet: Wallet, holder_id: UUID, evidence: Evidence
    ) -> None:
        """Make who opens a company's first wallet its first signatory; a code makes no second."""
        if await signatory_store.count_signatories(connection, holder_id):
            raise refuse(Code.SIGNATORY_NEEDED)
        evidence_id, now_ms = None, wallet.created_ms
        if evidence.signatory is not None:
            fields = signatory_fields(evidence.signatory)
            evidence_id = await self.identify.keep(
                connection, Subject(holder_id, wallet.number), "signatory", fields, now_ms
            )
        await signatory_store.add_signatory(
            connection, wallet.number, holder_id, evidence_id=evidence_id, now_ms=now_ms
        )

    async def _find(self, number: int) -> Wallet:
        async with self.database.connection() as connection:
            wallet = await store.find_wallet(connection, number)
        assert wallet is not None, "a wallet is never removed"
        return wallet
