"""Give an open wallet a higher or a lower class, on a request signed by its key.

A higher class takes all of its evidence (customers/model.py), shown anew; the deposit is that of
the phone that opened the wallet. A lower one takes the request alone. One change at a time: the
same request again goes on with it, and once it has settled it is answered as settled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.customers.deposit_phone import DepositPhone
from jiaozi.operator.customers.identify import IdentifyHolder, Shown, Subject
from jiaozi.operator.customers.model import Evidence, WalletClass, check_evidence
from jiaozi.operator.customers.verify import DocumentVerifier
from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.screening.screen import Place, ScreenCustomer
from jiaozi.operator.wallets import store
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.model import (
    CLASS_ORDER_LIFETIME_MS,
    CertifyOrder,
    Wallet,
)
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClass:
    """The use case; its dependencies."""

    database: Database
    certifier: Certifier
    orders: CertifyOrders
    identify: IdentifyHolder
    verifier: DocumentVerifier
    screen: ScreenCustomer
    deposit_phone: DepositPhone
    core: CoreBanking
    now_ms: Callable[[], int]

    async def __call__(
        self, wallet: Wallet, wanted: WalletClass, evidence: Evidence
    ) -> CertifyOrder | None:
        """Set a wallet's class, or return what became of the change that is under way.

        Returns:
            The order; None when the wallet has this class.

        Raises:
            Refusal: ``class_change_under_way``: another one; ``evidence_insufficient``;
                ``not_served``; ``signatory_needed``: the company let this signatory go.
        """
        async with self.database.connection() as connection:
            change = await store.class_under_way(connection, wallet.number)
        if change is not None:
            return await self.orders.advance(_same(change, wanted).order.id)
        if wallet.wallet_class is wanted:
            return None
        shown = None
        if wanted < wallet.wallet_class:
            shown = await self._checked(wallet, wanted, evidence)
        change = await self._store(wallet, wanted, shown)
        return None if change is None else await self.orders.advance(change.order.id)

    async def _checked(self, wallet: Wallet, wanted: WalletClass, evidence: Evidence) -> Shown:
        """Check what is shown for a higher class."""
        check_evidence(wanted, wallet.holder, evidence)
        phone = await self.deposit_phone(wallet.parent or wallet.number)
        if evidence.deposit_id is not None:
            own = [] if phone is None else await self.core.accounts_of(phone)
            if evidence.deposit_id not in {each.deposit_id for each in own}:
                raise refuse(Code.EVIDENCE_INSUFFICIENT, "deposit_id")
        await self.screen.evidence(Place.UPGRADE, evidence, wallet.number)
        is_verified = (
            evidence.document is not None
            and phone is not None
            and await self.verifier.is_genuine(phone, wallet.holder, evidence.document)
        )
        return Shown(wallet.holder, evidence, is_verified)

    async def _store(
        self, wallet: Wallet, wanted: WalletClass, shown: Shown | None
    ) -> CertifyOrder | None:
        now_ms = self.now_ms()
        async with self.database.transaction() as connection:
            owner = await store.lock_owner(connection, wallet.number)
            if owner.is_removed:
                raise refuse(Code.SIGNATORY_NEEDED)
            change = await store.class_under_way(connection, wallet.number)
            if change is not None:
                return _same(change, wanted)
            if owner.wallet_class is wanted:
                return None
            if owner.wallet_class is not wallet.wallet_class:
                raise refuse(Code.CLASS_CHANGE_UNDER_WAY)
            if shown is not None:
                subject = Subject(owner.holder_id, wallet.number)
                await self.identify.strengthen(connection, subject, shown, now_ms)
            order = self.certifier.order(
                OrderType.SET_CLASS,
                now_ms,
                CLASS_ORDER_LIFETIME_MS,
                number=wallet.number,
                wallet_class=int(wanted),
            )
            return await self.orders.keep(connection, wallet.number, order, wallet_class=wanted)


def _same(change: CertifyOrder, wanted: WalletClass) -> CertifyOrder:
    if change.wallet_class is not wanted:
        raise refuse(Code.CLASS_CHANGE_UNDER_WAY)
    return change
