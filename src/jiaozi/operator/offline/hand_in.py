"""Take what devices hand in: whole logs, and payments one by one.

Nobody has to be known for it: a log is signed by its device, a payment by its payer's, and whoever
brings them brings money to its payee. A log that convicts the device that signed it is kept as a
proof; what it pays is settled all the same.

Whoever brings something is charged for the CPU that it took, by its address: reading is measured,
the rest is a price for each payment, and a high one where nobody can settle it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from jiaozi.operator.offline import store
from jiaozi.operator.offline.model import Suspicion
from jiaozi.operator.offline.payment_model import Handed, Told, handed
from jiaozi.operator.offline.settle import Settled, SettlePayments
from jiaozi.operator.offline.store import LogCase
from jiaozi.protocol import cbor
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.messages import MESSAGE_BYTES_MAX, read_payment, taken_apart
from jiaozi.protocol.offline.proofs import log_proof
from jiaozi.protocol.offline.replay import HandedLog, read_log
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.rates import Allowance
from jiaozi.storage.database import Database

PAYMENTS_MAX = 500
"""In one request, apart from logs."""
_READERS = 2
_SETTLING_CPU_MS = 0.2
"""Order, signature and rows of one payment."""
_GIVEN_UP_CPU_MS = 10
"""Of a payment that nobody here can settle: it is tried again, here and at the registry."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """The use cases; their dependencies."""

    anchor: Anchor
    database: Database
    settle: SettlePayments
    now_ms: Callable[[], int]
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READERS))
    """Reading a long log is work: it is done beside the loop, and not by a crowd."""

    async def log(self, data: bytes, cpu_ms: Allowance) -> tuple[HandedLog, list[Settled]]:
        """Settle a log; say what became of each payment in it, in and out, in its order.

        Any number of times, at any moment, at any operator.

        Raises:
            Refusal: ``busy`` while the allowance is used up; as
                `jiaozi.protocol.offline.replay.read_log`.
        """
        log = await self._read(lambda: read_log(data, self.anchor), cpu_ms)
        if log.fault is not None:
            await self._keep_proof(log, data)
        return log, await self._settle([handed(each, log) for each in log.payments], cpu_ms)

    async def payments(self, data: bytes, cpu_ms: Allowance) -> list[Settled]:
        """Settle payments, a CBOR sequence of byte strings; say what became of each.

        Raises:
            Refusal: ``busy`` while the allowance is used up; as
                `jiaozi.protocol.offline.messages.read_payment`, for the first that is not in
                order: nothing of the request is taken then.
        """
        payments = await self._read(lambda: _read_payments(data, self.anchor), cpu_ms)
        return await self._settle(payments, cpu_ms)

    async def _read(self, read: Callable[[], _Read], cpu_ms: Allowance) -> _Read:
        """Read what was handed in, when it is its turn, and charge for it however it ends."""
        async with self._slots:
            cpu_ms.check()
            result, cpu_s = await asyncio.to_thread(_measured, read)
        cpu_ms.charge(cpu_s * 1000)
        if isinstance(result, Refusal):
            raise result
        return result

    async def _settle(self, payments: Sequence[Handed], cpu_ms: Allowance) -> list[Settled]:
        settled = await self.settle(payments)
        vain = sum(_is_in_vain(each) for each in settled)
        cpu_ms.charge(len(payments) * _SETTLING_CPU_MS + vain * _GIVEN_UP_CPU_MS)
        return settled

    async def _keep_proof(self, log: HandedLog, data: bytes) -> None:
        device = log.device
        async with self.database.transaction() as connection:
            case = LogCase(device.key, device.operator, log_proof(data))
            await store.add_case(connection, case, self.now_ms())
            await store.suspect(connection, device.key, Suspicion.LOG_FAULT)


def _measured(read: Callable[[], _Read]) -> tuple[_Read | Refusal, float]:
    """Return what was read, or why it was refused, and the seconds of CPU that it took."""
    started_s = time.thread_time()
    try:
        result: _Read | Refusal = read()
    except Refusal as refusal:
        result = refusal
    return result, time.thread_time() - started_s


def _is_in_vain(settled: Settled) -> bool:
    outcome = settled.outcome or ()
    return settled.told is Told.ELSEWHERE or Code.DEVICE_UNKNOWN in outcome[:1]


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
    signed, chain = taken_apart(data)
    return Handed(
        payment=payment,
        device=device.key,
        identity=message.identity,
        encoded=signed,
        certificates={device.key: chain.device},
    )
