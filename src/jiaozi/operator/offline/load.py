"""Give a device the loads that the registry has moved to it: signed once, the same for ever.

Only when the key was revoked that signed one, the same is signed again by another.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jiaozi.operator.offline import signed_store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.model import Load
from jiaozi.protocol.offline import operator_messages
from jiaozi.protocol.offline.operator_messages import sign_load
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveLoad:
    """The use case; its dependencies.

    Attributes:
        read_feed: Reads what the registry's feed has now.
    """

    authority: Authority
    database: Database
    read_feed: Callable[[], Awaitable[object]]

    async def __call__(self, wallet: int, device: bytes, number: int) -> bytes:
        """Return the message of a load that a wallet paid for.

        Raises:
            Refusal: ``not_found`` until the registry has settled it, and to any other wallet;
                ``unavailable``.
        """
        load = await self._find(device, number)
        if load is None:
            await self.read_feed()
            load = await self._find(device, number)
        if load is None or load.wallet != wallet:
            raise refuse(Code.NOT_FOUND)
        if load.message is None or self._is_disowned(load.message):
            return await self._sign(load)
        return load.message

    async def _find(self, device: bytes, number: int) -> Load | None:
        async with self.database.connection() as connection:
            return await signed_store.find_load(connection, device, number)

    def _is_disowned(self, message: bytes) -> bool:
        """Say whether purses would refuse what was signed: the key was revoked since."""
        _, certifier = operator_messages.read_load(message, self.authority.anchor)
        return self.authority.is_revoked(certifier.key)

    async def _sign(self, load: Load) -> bytes:
        authority = self.authority
        message = sign_load(
            operator_messages.Load(
                device=load.device,
                number=load.number,
                amount_fen=load.amount_fen,
                order=load.identity,
            ),
            authority.certify,
            await authority.own_certificate(),
            authority.network.id,
        )
        async with self.database.transaction() as connection:
            return await signed_store.sign_load(
                connection, (load.device, load.number), before=load.message, message=message
            )
