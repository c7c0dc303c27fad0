"""A lost key: the holder proves who it is, and a new key takes the wallet over (rules.md §A).

::

    phone code + evidence of the wallet's class, signed with the new key
      -> request stored, sent                       requested -> waiting  (debits are frozen)
      -> the registry's wait is over                waiting   -> completed
      -> the old key objects                        waiting   -> objected: a counter, two officers
      -> withdrawn, overruled or lapsed             ended or completed, whichever the registry shows

What the registry shows decides at every step, so that a step taken twice is taken once. Whoever
proves nothing learns nothing: an unknown wallet, another phone or document are one refusal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from jiaozi.operator.customers.model import Evidence
from jiaozi.operator.customers.prove_phone import ProvenPhone, ProvePhone
from jiaozi.operator.life import store
from jiaozi.operator.life.model import RebindRecord, RebindState
from jiaozi.operator.life.prove_holder import ProveHolder
from jiaozi.operator.privacy.access import Purpose
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.model import (
    OPENING_LIFETIME_MS,
    OrderState,
    check_key,
)
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.safeguards import FreezeAuthority
from jiaozi.storage.database import Connection, Database

ASK_AGAIN_MS = 60_000
"""How often the registry is asked about a rebind that waits for somebody."""
_SOON_MS = 2_000
_AUTHORITIES = (FreezeAuthority.OPERATOR, FreezeAuthority.CENTRAL_BANK)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebindRequest:
    """What somebody asks for who lost a key."""

    wallet: int
    suite: int
    public_key: bytes
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RebindWallet:
    """The use case; its dependencies."""

    database: Database
    prove_phone: ProvePhone
    prove_holder: ProveHolder
    certifier: Certifier
    orders: CertifyOrders
    registry: RegistryClient
    now_ms: Callable[[], int]

    async def __call__(
        self, registration_id: UUID, code: str, request: RebindRequest
    ) -> RebindRecord:
        """Ask for a new key, or return what this registration and key asked for before.

        Raises:
            Refusal: ``suite_unsupported``, ``code_wrong``, ``evidence_insufficient``, or
                ``rebind_not_proven`` for whatever does not fit the wallet.
        """
        check_key(request.suite, request.public_key)
        async with self.database.connection() as connection:
            known = await store.rebind_of_registration(connection, registration_id)
        if known is None or known.public_key != request.public_key:
            phone = await self.prove_phone(registration_id, code, Purpose.REBIND)
            known = await self._store(phone, request)
        return await self.advance(known.id)

    async def find(self, rebind_id: UUID, key: bytes) -> RebindRecord:
        """Return a rebind to whoever holds its new key.

        Raises:
            Refusal: ``not_found``.
        """
        async with self.database.connection() as connection:
            record = await store.find_rebind(connection, rebind_id)
        if record is None or record.public_key != key:
            raise refuse(Code.NOT_FOUND)
        return await self.advance(rebind_id)

    async def advance(self, rebind_id: UUID) -> RebindRecord:
        """Take a rebind as far as it goes now; any number of times, at any moment."""
        record = await self._load(rebind_id)
        if record.state is RebindState.REQUESTED:
            await self._await_request(record)
            record = await self._load(rebind_id)
        if record.state in (RebindState.WAITING, RebindState.OBJECTED):
            await self._look(record)
            record = await self._load(rebind_id)
        return record

    async def _store(self, phone: ProvenPhone, request: RebindRequest) -> RebindRecord:
        async with self.database.transaction() as connection:
            wallet = await wallets.find_wallet(connection, request.wallet)
            await self.prove_holder(connection, phone, wallet, request.evidence)
            request_id = await self._sign(
                connection,
                OrderType.REBIND_REQUEST,
                request.wallet,
                suite=request.suite,
                key=request.public_key,
            )
            record = RebindRecord(
                id=uuid4(),
                wallet=request.wallet,
                suite=request.suite,
                public_key=request.public_key,
                state=RebindState.REQUESTED,
                request_id=request_id,
                completion_id=None,
                completes_ms=None,
                outcome=None,
            )
            if not await store.add_rebind(
                connection, record, phone.registration_id, self.now_ms() + _SOON_MS
            ):
                raise refuse(Code.CODE_WRONG)
        return record

    async def _await_request(self, record: RebindRecord) -> None:
        sent = await self.orders.advance(record.request_id)
        if sent.state is not OrderState.SENT:
            settled = sent.state is OrderState.SETTLED
            state = RebindState.WAITING if settled else RebindState.ENDED
            await self._move(record, state, self.now_ms())

    async def _look(self, record: RebindRecord) -> None:
        """Follow what the registry shows, and complete what nobody objected to in time.

        Under an authority's freeze nothing is sent: each try would be refused, in a block of its
        own, until that is lifted.
        """
        account = await self.registry.account(record.wallet)
        waiting = account["rebind"]
        key = record.public_key.hex()
        now_ms = self.now_ms()
        if account["public_key"] == key:
            await self._move(record, RebindState.COMPLETED, now_ms)
        elif waiting is None or waiting["public_key"] != key:
            await self._move(record, RebindState.ENDED, now_ms)
        elif waiting["objected_ms"] is not None:
            await self._move(record, RebindState.OBJECTED, now_ms + ASK_AGAIN_MS)
        elif now_ms < waiting["completes_ms"] or _is_stopped(account):
            completes_ms, next_try_ms = int(waiting["completes_ms"]), now_ms + ASK_AGAIN_MS
            if not _is_stopped(account):
                next_try_ms = min(completes_ms, next_try_ms)
            await self._move(record, RebindState.WAITING, next_try_ms, completes_ms)
        else:
            await self._complete(record)

    async def _complete(self, record: RebindRecord) -> None:
        """Send the completion; one that was refused or died is followed by another."""
        if record.completion_id is not None:
            sent = await self.orders.advance(record.completion_id)
            if sent.state is OrderState.SENT:
                return
            if sent.state is OrderState.SETTLED:
                await self._move(record, RebindState.COMPLETED, self.now_ms())
                return
        async with self.database.transaction() as connection:
            order_id = await self._sign(connection, OrderType.REBIND_COMPLETE, record.wallet)
            await store.complete_with(connection, record.id, order_id, self.now_ms() + _SOON_MS)
        sent = await self.orders.advance(order_id)
        if sent.state is OrderState.SETTLED:
            await self._move(record, RebindState.COMPLETED, self.now_ms())

    async def _sign(
        self, connection: Connection, order_type: OrderType, wallet: int, **body: int | bytes
    ) -> OrderId:
        """Sign and store an order about a wallet within the caller's transaction."""
        number = AccountNumber(wallet)
        order = self.certifier.order(
            order_type, self.now_ms(), OPENING_LIFETIME_MS, number=number, **body
        )
        await self.orders.keep(connection, number, order)
        return OrderId(order.id)

    async def _move(
        self,
        record: RebindRecord,
        state: RebindState,
        next_try_ms: int,
        completes_ms: int | None = None,
    ) -> None:
        async with self.database.connection() as connection:
            await store.move_rebind(connection, record.id, state.value, next_try_ms, completes_ms)

    async def _load(self, rebind_id: UUID) -> RebindRecord:
        async with self.database.connection() as connection:
            record = await store.find_rebind(connection, rebind_id)
        assert record is not None, "a rebind is never removed"
        return record


def _is_stopped(account: Mapping[str, Any]) -> bool:
    """Say whether a freeze stops the completion: one of this operator's or the central bank's."""
    return any(each["authority"] in _AUTHORITIES for each in account["freeze_list"])
