"""Take what devices hand in: whole logs, and payments one by one.

Nobody has to be known for it: a log is signed by its device, a payment by its payer's, and whoever
brings them brings money to its payee. A log that convicts the device that signed it is kept as a
proof; what it pays is settled all the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jiaozi.operator.offline import store
from jiaozi.operator.offline.model import Handed, Suspicion, handed
from jiaozi.operator.offline.settle import Settled, SettlePayments
from jiaozi.operator.offline.store import LogCase
from jiaozi.protocol import cbor
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.messages import MESSAGE_BYTES_MAX, cose_of, read_payment
from jiaozi.protocol.offline.proofs import log_proof
from jiaozi.protocol.offline.replay import HandedLog, read_log
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database

PAYMENTS_MAX = 500
"""In one request, apart from logs."""
_READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """The use cases; their dependencies."""

    anchor: Anchor
    database: Database
    settle: SettlePayments
    now_ms: Callable[[], int]
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READERS))
    """Reading a long log is work: it is done beside the loop, and not by a crowd."""

    async def log(self, data: bytes) -> tuple[HandedLog, list[Settled]]:
        """Settle a log; say what became of each payment in it, in and out, in its order.

        Any number of times, at any moment, at any operator.

        Raises:
            Refusal: As `jiaozi.protocol.offline.replay.read_log`.
        """
        async with self._slots:
            log = await asyncio.to_thread(read_log, data, self.anchor)
        if log.fault is not None:
            await self._keep_proof(log, data)
        return log, await self.settle([handed(each) for each in log.payments])

    async def payments(self, data: bytes) -> list[Settled]:
        """Settle payments, a CBOR sequence of byte strings; say what became of each.

        Raises:
            Refusal: As `jiaozi.protocol.offline.messages.read_payment`, for the first that is not
                in order: nothing of the request is taken then.
        """
        async with self._slots:
            payments = await asyncio.to_thread(_read_payments, data, self.anchor)
        return await self.settle(payments)

    async def _keep_proof(self, log: HandedLog, data: bytes) -> None:
        device = log.device
        async with self.database.transaction() as connection:
            case = LogCase(device.key, device.operator, log_proof(data))
            await store.add_case(connection, case, self.now_ms())
            await store.suspect(connection, device.key, Suspicion.LOG_FAULT)


def _read_payments(data: bytes, anchor: Anchor) -> list[Handed]:
    try:
        items = cbor.decode_sequence(
            data, items_max=PAYMENTS_MAX, item_size_max=MESSAGE_BYTES_MAX + 16
        )
        encoded = [each for each, _ in items]
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "body") from None
    if not encoded or any(type(each) is not bytes for each in encoded):
        raise refuse(Code.MALFORMED, "body")
    return [_read_payment(each, anchor) for each in encoded if isinstance(each, bytes)]


def _read_payment(data: bytes, anchor: Anchor) -> Handed:
    payment, device, message = read_payment(data, anchor)
    return Handed(
        payment=payment, device=device.key, identity=message.identity, encoded=cose_of(data)
    )
