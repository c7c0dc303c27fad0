"""Have devices taken up that an operator's key certified and nobody enrolled.

::

    payment refused, device_unknown -> certificates that came with it, kept -> registry, TAKE_UP
      -> taken up: the payment is brought again at once
      -> known: the other device is the one that nobody knows, and its certificate did not come
      -> surfaced_too_late: nobody is paid for it any more

The registry decides whether nobody enrolled a device: an order about one that is enrolled changes
nothing. So certificates are sent that may be anybody's, and an order that died may be followed by
another without asking what became of it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from jiaozi.operator.offline import stranger_store as store
from jiaozi.operator.offline.model import ORDER_LIFETIME_MS, Stranger
from jiaozi.operator.offline.payment_model import Handed
from jiaozi.operator.registry.answers import Final, RawAnswer, read_answer
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.offline.certificate import read_unverified_device
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.refusals import Outcome, Refusal
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeUpDevices:
    """The use case; its dependencies."""

    network: NetworkId
    database: Database
    submit: Callable[[Sequence[bytes]], Awaitable[list[RawAnswer]]]
    certify: Signer
    now_ms: Callable[[], int]

    async def shown(self, payments: Sequence[Handed]) -> dict[bytes, Outcome]:
        """Have those devices of refused payments taken up whose certificates came with them.

        Returns:
            What the registry decided about devices, now or before, by their keys.
        """
        certificates = {
            key: certificate for each in payments for key, certificate in each.certificates.items()
        }
        if not certificates:
            return {}
        shown = [
            (key, read_unverified_device(each)[0].operator, each)
            for key, each in certificates.items()
        ]
        async with self.database.transaction() as connection:
            await store.keep(connection, shown, self.now_ms())
        return await self.kept(certificates.keys())

    async def kept(self, keys: Collection[bytes]) -> dict[bytes, Outcome]:
        """Have those of these devices taken up whose certificates are kept; return as `shown`."""
        if not keys:
            return {}
        async with self.database.connection() as connection:
            strangers = await store.find(connection, keys)
        decided = {each.key: each.outcome for each in strangers if each.outcome is not None}
        undecided = [each for each in strangers if each.outcome is None]
        if undecided:
            decided |= await self._decide(undecided)
        return decided

    async def _decide(self, strangers: Sequence[Stranger]) -> dict[bytes, Outcome]:
        """Ask the registry, and keep what it decided for good."""
        orders = await asyncio.to_thread(self._sign, [each.certificate for each in strangers])
        try:
            answers = await self.submit(orders)
        except Refusal:
            return {}
        read = zip(strangers, map(read_answer, answers), strict=True)
        decided = {each.key: it.outcome for each, it in read if isinstance(it, Final)}
        if decided:
            async with self.database.transaction() as connection:
                await store.decide(connection, decided)
        return decided

    def _sign(self, certificates: Collection[bytes]) -> list[bytes]:
        now_ms = self.now_ms()
        return [
            sign_order(
                OrderHead(
                    id=new_order_id(now_ms, secrets.token_bytes(10)),
                    type=OrderType.TAKE_UP,
                    expires_ms=now_ms + ORDER_LIFETIME_MS,
                ),
                [self.certify],
                self.network,
                device_certificate=each,
            )
            for each in certificates
        ]
