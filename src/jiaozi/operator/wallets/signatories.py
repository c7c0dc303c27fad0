"""The persons who sign for a company: each has a wallet of the company's group, with a key.

Whoever opens a company's first wallet is its first signatory. From then on signatories add and
remove each other, by requests signed with their wallets' keys; a code opens no second way in. One
always remains. The wallets of one who was removed are frozen for debits at the registry: what they
hold is the company's, which gets it back by binding them to another key.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from jiaozi.operator.customers.identify import (
    IdentifyHolder,
    Subject,
    evidence_record,
    signatory_fields,
)
from jiaozi.operator.customers.model import Evidence, Signatory, check_document
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose
from jiaozi.operator.screening.screen import Place, ScreenCustomer
from jiaozi.operator.wallets import signatory_store, store
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.model import (
    FREEZE_LIFETIME_MS,
    SIGNATORIES_MAX,
    OrderState,
    Wallet,
    WalletRequest,
)
from jiaozi.operator.wallets.open_under import OpenUnder
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.operator.wallets.signatory_store import SignatoryRow
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import FreezeScope, OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database

_CASE_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSignatory:
    """A signatory as the company sees it; without name and role when nothing was shown.

    Attributes:
        state: Of the wallet: ``opening``, ``open`` or ``closed``.
    """

    wallet: AccountNumber
    state: str
    name: str | None
    role: str | None
    added_ms: int
    removed_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatories:
    """The use cases; their dependencies."""

    database: Database
    privacy: Privacy
    identify: IdentifyHolder
    screen: ScreenCustomer
    certifier: Certifier
    open_under: OpenUnder
    orders: CertifyOrders
    now_ms: Callable[[], int]

    async def add(self, signed_by: Wallet, person: Signatory, request: WalletRequest) -> Wallet:
        """Open a wallet for another signatory, or return the one opened for this key before.

        Raises:
            Refusal: ``signatory_needed`` unless a signatory signed; ``evidence_insufficient``;
                ``not_served``; ``too_large`` beyond `SIGNATORIES_MAX`; as `OpenUnder`.
        """
        await self._check_signatory(signed_by)
        check_document(person.document)
        await self.screen.evidence(Place.SIGNATORY, Evidence(signatory=person), signed_by.number)
        also_store = partial(self._keep, person)
        request = replace(request, holder=signed_by.holder)
        return await self.open_under(signed_by, request, also_store)

    async def listed(self, asked_by: Wallet) -> list[ListedSignatory]:
        """Return the company's signatories, those who were removed too.

        Raises:
            Refusal: ``signatory_needed`` unless a signatory asks.
        """
        rows = await self._check_signatory(asked_by)
        async with self.database.connection() as connection:
            return [await self._opened(connection, each) for each in rows]

    async def remove(self, signed_by: Wallet, number: int) -> bool:
        """Remove a signatory and freeze its wallets; once more sends what came to nothing anew.

        Returns:
            Whether the registry has frozen all of them. If not, it is going on, or came to nothing
            and has to be asked for once more.

        Raises:
            Refusal: ``signatory_needed`` unless a signatory signed, and for the last one;
                ``wallet_unknown`` when the number is no signatory's of this company.
        """
        await self._check_signatory(signed_by)
        async with self.database.transaction() as connection:
            freezes = await self._remove(connection, signed_by, number)
        done = [await self.orders.advance(order_id) for order_id in freezes]
        return all(each.state is OrderState.SETTLED for each in done)

    async def _remove(self, connection: Connection, signed_by: Wallet, number: int) -> list[bytes]:
        owner = await store.owner(connection, signed_by.number)
        await signatory_store.lock_company(connection, owner.holder_id)
        rows = await signatory_store.signatories(connection, owner.holder_id)
        active = {each.wallet for each in rows if each.removed_ms is None}
        if number not in {each.wallet for each in rows}:
            raise refuse(Code.WALLET_UNKNOWN)
        if signed_by.number not in active or active == {number}:
            raise refuse(Code.SIGNATORY_NEEDED)
        await store.lock_owner(connection, number)
        now_ms = self.now_ms()
        await signatory_store.remove_signatory(
            connection, number, removed_by=signed_by.number, now_ms=now_ms
        )
        freezes = []
        for last in await signatory_store.freezes_of_removed(connection, number):
            if last.order_id is None or last.state in (OrderState.REFUSED, OrderState.DEAD):
                freezes.append(await self._freeze(connection, last.wallet, now_ms))
            else:
                freezes.append(last.order_id)
        return freezes

    async def _freeze(self, connection: Connection, wallet: AccountNumber, now_ms: int) -> bytes:
        order = self.certifier.order(
            OrderType.OPERATOR_FREEZE,
            now_ms,
            FREEZE_LIFETIME_MS,
            number=wallet,
            case=secrets.token_bytes(_CASE_LENGTH),
            scope=int(FreezeScope.DEBITS),
        )
        await self.orders.keep(connection, wallet, order)
        await signatory_store.note_removal(connection, order.id)
        return order.id

    async def _check_signatory(self, wallet: Wallet) -> list[SignatoryRow]:
        async with self.database.connection() as connection:
            owner = await store.owner(connection, wallet.number)
            rows = await signatory_store.signatories(connection, owner.holder_id)
        if wallet.number not in {each.wallet for each in rows if each.removed_ms is None}:
            raise refuse(Code.SIGNATORY_NEEDED)
        return rows

    async def _keep(
        self,
        person: Signatory,
        connection: Connection,
        number: AccountNumber,
        holder_id: UUID,
        now_ms: int,
    ) -> None:
        if await signatory_store.count_signatories(connection, holder_id) >= SIGNATORIES_MAX:
            raise refuse(Code.TOO_LARGE, "signatories", SIGNATORIES_MAX)
        fields = signatory_fields(person)
        subject = Subject(holder_id, number)
        evidence_id = await self.identify.keep(connection, subject, "signatory", fields, now_ms)
        await signatory_store.add_signatory(
            connection, number, holder_id, evidence_id=evidence_id, now_ms=now_ms
        )

    async def _opened(self, connection: Connection, row: SignatoryRow) -> ListedSignatory:
        fields: dict[str, str] = {}
        if row.evidence_id is not None and row.sealed is not None:
            access = Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER, wallet=row.wallet)
            record = evidence_record(row.evidence_id)
            fields = await self.privacy.open(connection, record, row.sealed, access)
        return ListedSignatory(
            wallet=row.wallet,
            state=row.state,
            name=fields.get("name"),
            role=fields.get("role"),
            added_ms=row.added_ms,
            removed_ms=row.removed_ms,
        )
