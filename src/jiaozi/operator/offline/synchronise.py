"""Synchronise a device of ours: settle its log, and say from where it goes on.

::

    log -> all of it settled -> device's record at the registry -> checkpoint, stored -> device

The checkpoint says what the registry says that the device holds. A device that was rolled back has
paid more than its log tells, and gets none for that; but anyone may bring an old log of an honest
one, so this log alone is refused, and a clerk is told. A lost answer is given again: the same place
of a log gets the same bytes, until the device shows that it has them. Only when a key was revoked
that signed them, the same is signed again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.offline import signed_store, store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.hand_in import HandIn
from jiaozi.operator.offline.model import RegistryDevice, Suspicion
from jiaozi.operator.offline.payment_model import Told
from jiaozi.operator.offline.settle import Settled
from jiaozi.operator.offline.signed_store import Signed
from jiaozi.protocol.offline.operator_messages import (
    Checkpoint,
    read_checkpoint,
    sign_checkpoint,
)
from jiaozi.protocol.offline.replay import HandedLog
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.rates import Allowance
from jiaozi.storage.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronised:
    """What a device goes on with; ``frames`` bring its revocation list up to date."""

    checkpoint: bytes
    time_message: bytes
    frames: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynchroniseDevice:
    """The use case; its dependencies."""

    authority: Authority
    database: Database
    hand_in: HandIn
    now_ms: Callable[[], int]

    async def __call__(self, data: bytes, cpu_ms: Allowance) -> Synchronised:
        """Settle a log and return what its device goes on with; the same log again, the same.

        Raises:
            Refusal: As `HandIn.log`; ``other_operator``; ``synchronisation_waits`` while payments
                of the log have not settled; ``device_ended``; ``device_suspended``; or the
                registry does not answer.
        """
        log, settled = await self.hand_in.log(data, cpu_ms)
        if log.device.operator != self.authority.operator:
            raise refuse(Code.OTHER_OPERATOR)
        signed = await self._signed_before(log)
        if signed is None:
            signed = await self._sign(log, settled)
        frames = await self.authority.registry.revocations(log.statement.list_number)
        return Synchronised(
            checkpoint=signed.message, time_message=signed.time_message, frames=frames
        )

    async def _signed_before(self, log: HandedLog) -> Signed | None:
        async with self.database.connection() as connection:
            signed = await _find(connection, log)
        if signed is None or not self.authority.is_disowned(signed.message, signed.time_message):
            return signed
        return await self._sign_again(signed)

    async def _sign_again(self, signed: Signed) -> Signed:
        """Sign the same checkpoint by another key: purses refuse the one, or the time with it."""
        authority = self.authority
        checkpoint, _ = read_checkpoint(signed.message, authority.anchor)
        certificate = await authority.own_certificate()
        message = sign_checkpoint(checkpoint, authority.certify, certificate, authority.network.id)
        anew = Signed(message, await authority.time_message())
        async with self.database.transaction() as connection:
            await signed_store.sign_checkpoint_again(
                connection, checkpoint.device, checkpoint.number, anew
            )
        return anew

    async def _sign(self, log: HandedLog, settled: list[Settled]) -> Signed:
        waits = sum(_is_open(each, log.device.key) for each in settled)
        if waits:
            raise refuse(Code.SYNCHRONISATION_WAITS, waits)
        known = await self.authority.device(log.device.key)
        if known is None or known.revoked_ms is not None or known.convicted:
            raise refuse(Code.DEVICE_ENDED)
        if known.payments < log.counter:
            raise refuse(Code.SYNCHRONISATION_WAITS, log.counter - known.payments)
        if known.payments > log.counter:
            await self._suspect(log.device.key)
            raise refuse(Code.DEVICE_SUSPENDED)
        if known.shadow_fen < 0:
            raise refuse(Code.DEVICE_SUSPENDED)
        time_message = await self.authority.time_message()
        async with self.database.transaction() as connection:
            record = await store.find_device(connection, log.device.key, lock=True)
            if record is None or record.is_suspended:
                raise refuse(Code.DEVICE_SUSPENDED)
            signed = await _find(connection, log)
            if signed is None:
                number = await _next_number(connection, log)
                certificate = await self.authority.own_certificate()
                message = self._message(log, known, number, certificate)
                signed = Signed(message, time_message)
                place = (number, log.statement.position, log.statement.head)
                await signed_store.add_checkpoint(
                    connection, log.device.key, place, signed, self.now_ms()
                )
        return signed

    async def _suspect(self, key: bytes) -> None:
        """Note that a log lacks payments of its own device."""
        async with self.database.transaction() as connection:
            await store.suspect(connection, key, Suspicion.ROLLED_BACK)

    def _message(
        self, log: HandedLog, known: RegistryDevice, number: int, certificate: bytes
    ) -> bytes:
        checkpoint = Checkpoint(
            device=log.device.key,
            number=number,
            position=log.statement.position,
            head=log.statement.head,
            counter=log.counter,
            loads=known.loads,
            balance_fen=known.shadow_fen,
        )
        authority = self.authority
        return sign_checkpoint(checkpoint, authority.certify, certificate, authority.network.id)


def _is_open(settled: Settled, device: bytes) -> bool:
    """Say whether a payment of a log may settle yet, or has to before the device goes on.

    What came in too late to be paid by anybody is left out: the device never had it.
    """
    if settled.told not in (Told.OPEN, Told.WAITS):
        return False
    is_late = settled.outcome is not None and settled.outcome[0] == Code.SURFACED_TOO_LATE
    return not is_late or settled.handed.payment.payee != device


async def _find(connection: Connection, log: HandedLog) -> Signed | None:
    return await signed_store.find_checkpoint(
        connection,
        log.device.key,
        log.statement.position,
        log.statement.head,
        after=_begun_at(log),
    )


async def _next_number(connection: Connection, log: HandedLog) -> int:
    """Return a later number than the device has, also where a restored desk has lost that one."""
    last = await signed_store.last_checkpoint(connection, log.device.key)
    return max(last, _begun_at(log)) + 1


def _begun_at(log: HandedLog) -> int:
    return 0 if log.checkpoint is None else log.checkpoint.number
