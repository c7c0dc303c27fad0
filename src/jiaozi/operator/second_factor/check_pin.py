"""Compare a PIN; the caller has verified a request by the wallet's key, so only such count."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.second_factor import store
from jiaozi.operator.second_factor.model import Pin, begin_try
from jiaozi.operator.second_factor.stretching import PinStretching
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPin:
    """The use case; its dependencies."""

    database: Database
    stretching: PinStretching
    now_ms: Callable[[], int]

    async def __call__(self, wallet: int, shown: str) -> Pin:
        """Spend a try, durably, and compare; return the PIN that was right.

        Whoever uses it takes its tries back (`store.forgive_tries`) in the transaction that does
        what it was given for. The caller holds a place of `stretching`.

        Raises:
            Refusal: ``pin_missing``, ``pin_locked`` or ``pin_wrong``.
        """
        async with self.database.transaction() as connection:
            await store.take_reset(connection, wallet, self.now_ms())
            found = await store.lock_pin(connection, wallet)
            if found is None:
                raise refuse(Code.PIN_MISSING)
            pin = begin_try(found, self.now_ms())
            await store.count_tries(connection, wallet, pin)
        digest = await self.stretching.digest(wallet, shown, pin.salt, pin.cost)
        if not hmac.compare_digest(digest, pin.digest):
            raise refuse(Code.PIN_WRONG, pin.tries_left)
        return pin
