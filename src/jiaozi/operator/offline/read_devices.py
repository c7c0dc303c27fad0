"""Tell a holder about the devices of a wallet, as the registry has them now."""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.offline import store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.model import DeviceRecord, DeviceState, RegistryDevice, state_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database

DEVICES_MAX = 100
"""Told of one wallet, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDevice:
    """A device; ``known`` is None while the registry has no record of it.

    Attributes:
        claim_from_ms: When what is left may be claimed, of a device that is revoked.
    """

    record: DeviceRecord
    state: DeviceState
    known: RegistryDevice | None
    claim_from_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDevices:
    """The use case; its dependencies."""

    authority: Authority
    database: Database
    now_ms: Callable[[], int]

    async def all_of(self, wallet: int) -> list[KnownDevice]:
        """Return the devices of a wallet.

        Raises:
            Refusal: The registry does not answer, or not so that it is understood.
        """
        async with self.database.connection() as connection:
            records = await store.devices_of(connection, wallet, limit=DEVICES_MAX)
        return [await self._known(each) for each in records]

    async def one_of(self, wallet: int, device: bytes) -> KnownDevice:
        """Return a device of a wallet, also one that a failed operator left to us.

        Raises:
            Refusal: ``not_found``: the wallet has none of this key; else as `all_of`.
        """
        async with self.database.connection() as connection:
            record = await store.find_device(connection, device)
        if record is None:
            record = await self._taken_over(wallet, device)
        if record is None or record.wallet != wallet:
            raise refuse(Code.NOT_FOUND)
        return await self._known(record)

    async def _taken_over(self, wallet: int, device: bytes) -> DeviceRecord | None:
        """Keep a device of a wallet that we carry; the registry shows us no other's."""
        known = await self.authority.device(device)
        if known is None or known.wallet != wallet:
            return None
        async with self.database.transaction() as connection:
            new = DeviceRecord(key=device, wallet=wallet, profile=known.profile, suspicion=None)
            await store.add_device(connection, new, self.now_ms())
            return await store.find_device(connection, device)

    async def _known(self, record: DeviceRecord) -> KnownDevice:
        known = await self.authority.device(record.key)
        async with self.database.connection() as connection:
            enrolment = await store.last_order(connection, record.key, OrderType.ENROL)
        claim_from_ms = None
        if known is not None and known.revoked_ms is not None and not known.convicted:
            claim_from_ms = known.revoked_ms + (await self.authority.rules()).claim_wait_ms
        return KnownDevice(
            record=record,
            state=state_of(record, enrolment, known),
            known=known,
            claim_from_ms=claim_from_ms,
        )
