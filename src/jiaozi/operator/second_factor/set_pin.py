"""Set a wallet's PIN: the first at any time, another one only for who knows the present one."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.second_factor import store
from jiaozi.operator.second_factor.check_pin import CheckPin
from jiaozi.operator.second_factor.model import Pin, check_fit
from jiaozi.operator.second_factor.stretching import SALT_LENGTH, PinStretching
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPin:
    """The use case; its dependencies."""

    database: Database
    stretching: PinStretching
    check_pin: CheckPin
    now_ms: Callable[[], int]

    async def __call__(
        self, wallet: int, change_id: bytes, *, new: str, old: str | None = None
    ) -> None:
        """Set a PIN; the same change again, by its id, changes nothing.

        Raises:
            Refusal: ``pin_unfit``; ``busy``; ``pin_exists`` when there is one and no old one was
                given; else as `CheckPin`.
        """
        check_fit(wallet, new)
        with self.stretching.place():
            async with self.database.connection() as connection:
                present = await store.find_pin(connection, wallet)
            if present is not None and present.change_id == change_id:
                return
            if present is not None and old is None:
                raise refuse(Code.PIN_EXISTS)
            compared = None if old is None else await self.check_pin(wallet, old)
            await self._store(wallet, await self._stretched(wallet, change_id, new), compared)

    async def _stretched(self, wallet: int, change_id: bytes, new: str) -> Pin:
        salt, cost = secrets.token_bytes(SALT_LENGTH), self.stretching.cost
        digest = await self.stretching.digest(wallet, new, salt, cost)
        return Pin(salt=salt, digest=digest, cost=cost, change_id=change_id)

    async def _store(self, wallet: int, pin: Pin, compared: Pin | None) -> None:
        async with self.database.connection() as connection:
            if compared is None:
                is_stored = await store.add_pin(connection, wallet, pin, self.now_ms())
            else:
                is_stored = await store.change_pin(connection, wallet, pin, compared, self.now_ms())
        if not is_stored:  # another change was faster
            raise refuse(Code.PIN_EXISTS)
