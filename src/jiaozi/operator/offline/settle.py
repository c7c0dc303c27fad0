"""Settle offline payments: those of logs, and those that are handed in one by one.

::

    signed orders -> registry, in batches
      -> payments, as they were answered          (settled or waiting; sent: there was no answer)
      -> later, a new order for what waits        (sent)

A payment to a wallet is an unload. Once its wallet was refused for good, as far as the desk can
tell, or is another operator's, it is brought as a payment between devices is: the registry looks
itself, and records it as returned to its device if no unload can ever settle.

The registry takes a payment once, whoever brings it and by whatever order; so an order that died
may be followed by another without asking what became of it, and logs may come in any order, any
number of times and at any operator. For the same reason a payment is kept when its first order was
answered, and not before that is sent: until then nobody was told anything of it, and whoever handed
it in has it and does so again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.offline import payment_store as store
from jiaozi.operator.offline.model import ORDER_LIFETIME_MS, RESUME_AFTER_MS
from jiaozi.operator.offline.payment_model import (
    Handed,
    PaymentRecord,
    PaymentState,
    Told,
    first_record,
    is_due,
    is_given_up,
    is_of_stranger,
    is_undeliverable,
    needs_order,
    record_after,
    told,
)
from jiaozi.operator.offline.take_up import TakeUpDevices
from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.protocol import numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.offline.messages import decode_payment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database

BATCH_MAX = 500
"""Orders that are sent and recorded together."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A payment that was handed in, and what became of it."""

    handed: Handed
    told: Told
    outcome: Outcome | None


class _Said(NamedTuple):
    """A payment to be ordered; ``wallet`` is where money leaves the devices for."""

    payment: bytes
    wallet: int | None
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePayments:
    """The use case; its dependencies."""

    network: NetworkId
    database: Database
    carriage: Carriage
    submit: Callable[[Sequence[bytes]], Awaitable[list[RawAnswer]]]
    certify: Signer
    take_up: TakeUpDevices
    now_ms: Callable[[], int]

    async def __call__(self, payments: Sequence[Handed]) -> list[Settled]:
        """Settle payments whose signatures were checked; say what became of each, in their order.

        Any number of times, at any moment.
        """
        distinct = {each.identity: each for each in payments}
        records: dict[bytes, PaymentRecord] = {}
        for batch in _batches(list(distinct.values())):
            records |= await self._settle(batch)
        return [self._settled(each, records.get(each.identity)) for each in payments]

    async def resume(self, identities: Sequence[bytes]) -> None:
        """Go on with payments that are recorded and due."""
        for batch in _batches(identities):
            async with self.database.connection() as connection:
                records = await store.find(connection, batch)
            await self.take_up.kept(_keys_of(filter(is_of_stranger, records.values())))
            await self._advance(records)

    def _is_elsewhere(self, wallet: int | None) -> bool:
        return wallet is not None and not self.carriage.carries_wallet(wallet)

    def _settled(self, handed: Handed, record: PaymentRecord | None) -> Settled:
        is_elsewhere = self._is_elsewhere(handed.payment.wallet)
        if record is None:  # given up
            unknown = (int(Code.DEVICE_UNKNOWN),)
            settled = Settled(handed=handed, told=Told.WAITS, outcome=unknown)
        else:
            settled = Settled(handed=handed, told=told(record), outcome=record.outcome)
        if is_elsewhere and settled.told is Told.WAITS:
            return replace(settled, told=Told.ELSEWHERE, outcome=None)
        return settled

    async def _settle(self, batch: Sequence[Handed]) -> dict[bytes, PaymentRecord]:
        async with self.database.connection() as connection:
            records = await store.find(connection, [each.identity for each in batch])
        new = [each for each in batch if each.identity not in records]
        if not new and all(each.state is PaymentState.SETTLED for each in records.values()):
            return records
        records |= await self._begin(new)
        # In the order of the log: what came in is there before it goes on.
        records = await self._advance(
            {each.identity: records[each.identity] for each in batch}, new
        )
        now_ms = self.now_ms()
        strange = {key: each for key, each in records.items() if is_of_stranger(each)}
        if strange:
            decided = await self.take_up.shown([each for each in batch if each.identity in strange])
            records |= {key: _known(each, decided, now_ms) for key, each in strange.items()}
        at_once = {key: each for key, each in records.items() if is_due(each, now_ms)}
        return {**records, **await self._advance(at_once)} if at_once else records

    async def _begin(self, new: Sequence[Handed]) -> dict[bytes, PaymentRecord]:
        """Sign orders for payments that are not recorded yet; nothing is kept."""
        now_ms = self.now_ms()
        expires_ms = now_ms + ORDER_LIFETIME_MS
        said = [
            _Said(each.encoded, self._paid_into(each.payment.wallet, None), each.payment.amount_fen)
            for each in new
        ]
        signed = await asyncio.to_thread(self._sign, said, now_ms, expires_ms)
        return {
            each.identity: first_record(each, submission, now_ms, expires_ms)
            for each, submission in zip(new, signed, strict=True)
        }

    async def _advance(
        self, records: dict[bytes, PaymentRecord], new: Sequence[Handed] = ()
    ) -> dict[bytes, PaymentRecord]:
        """Send what is to be sent and keep what came of it; what the registry leaves open stays so.

        Returns:
            The records after that, without those that were given up.
        """
        now_ms = self.now_ms()
        due = [each for each in records.values() if needs_order(each, now_ms)]
        if due:
            records = {**records, **await self._renew(due)}
        answered = await self._submit([each for each in records.values() if each.submission])
        records = {**records, **answered}
        if new:
            async with self.database.connection() as connection:
                kept = [(each, records[each.identity]) for each in new]
                await store.add(connection, kept, now_ms=now_ms)
        for each in new:
            answered.pop(each.identity, None)
        over = {key: each for key, each in answered.items() if self._is_over(each)}
        if answered:
            async with self.database.transaction() as connection:
                await store.record(connection, [answered[key] for key in answered.keys() - over])
                await store.give_up(connection, list(over.values()), now_ms)
        return {key: each for key, each in records.items() if key not in over}

    async def _submit(self, sent: Sequence[PaymentRecord]) -> dict[bytes, PaymentRecord]:
        """Send orders, and return what their final answers make of their payments."""
        if not sent:
            return {}
        try:
            answers = await self.submit([each.submission or b"" for each in sent])
        except Refusal:
            return {}
        now_ms = self.now_ms()
        read = (record_after(*each, now_ms) for each in zip(sent, answers, strict=True))
        return {each.identity: each for each in read if each.state is not PaymentState.SENT}

    def _is_over(self, record: PaymentRecord) -> bool:
        if is_due(record, self.now_ms()):  # an unload, which is brought in another way at once
            return False
        is_elsewhere = self._is_elsewhere(record.wallet)
        return is_given_up(record.tries, record.outcome, is_elsewhere=is_elsewhere)

    async def _renew(self, due: Sequence[PaymentRecord]) -> dict[bytes, PaymentRecord]:
        now_ms = self.now_ms()
        expires_ms = now_ms + ORDER_LIFETIME_MS
        said = [
            _Said(each.payment, self._paid_into(each.wallet, each.outcome), each.amount_fen)
            for each in due
        ]
        signed = await asyncio.to_thread(self._sign, said, now_ms, expires_ms)
        async with self.database.transaction() as connection:
            await store.renew(
                connection,
                list(zip(due, signed, strict=True)),
                expires_ms=expires_ms,
                next_try_ms=now_ms + RESUME_AFTER_MS,
            )
        async with self.database.connection() as connection:
            return await store.find(connection, [each.identity for each in due])

    def _paid_into(self, wallet: int | None, refused: Outcome | None) -> int | None:
        """Return the wallet that the next order pays into; None when it moves no account."""
        if is_undeliverable(wallet, refused) or self._is_elsewhere(wallet):
            return None
        return wallet

    def _sign(self, said: Iterable[_Said], now_ms: int, expires_ms: int) -> list[bytes]:
        """Sign an order for each payment."""
        return [
            sign_order(
                OrderHead(
                    id=new_order_id(now_ms, secrets.token_bytes(10)),
                    type=OrderType.SETTLE_OFFLINE if wallet is None else OrderType.UNLOAD,
                    expires_ms=expires_ms,
                ),
                [self.certify],
                self.network,
                legs=() if wallet is None else (_leg(wallet, amount_fen),),
                payment=payment,
            )
            for payment, wallet, amount_fen in said
        ]


def _keys_of(records: Iterable[PaymentRecord]) -> set[bytes]:
    """Return the keys of the devices that paid and were paid."""
    keys = set()
    for each in records:
        payment, message = decode_payment(each.payment)
        keys |= {message.signatures[0].key, payment.payee or b""}
    return keys


def _known(record: PaymentRecord, decided: Mapping[bytes, Outcome], now_ms: int) -> PaymentRecord:
    """Return a payment with what was decided about its devices: due now, or too late."""
    outcomes = [decided.get(key) for key in _keys_of([record])]
    codes = {None if each is None else each[0] for each in outcomes}
    if SETTLED in outcomes or codes == {Code.DEVICE_KNOWN}:
        return record._replace(next_try_ms=now_ms)
    too_late = (each for each in outcomes if each and each[0] == Code.SURFACED_TOO_LATE)
    return record._replace(outcome=next(too_late, record.outcome))


def _leg(wallet: int, amount_fen: int) -> Leg:
    salt = secrets.token_bytes(SALT_LENGTH)
    return Leg(numbers.OFFLINE, AccountNumber(wallet), amount_fen, salt)


def _batches(items: Sequence[_Item]) -> Iterable[Sequence[_Item]]:
    return (items[start : start + BATCH_MAX] for start in range(0, len(items), BATCH_MAX))
