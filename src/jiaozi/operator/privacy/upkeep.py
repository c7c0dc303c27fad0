"""The background work of privacy: see new wrapping keys soon, destroy daily what is due."""

import asyncio
from dataclasses import dataclass

import structlog

from jiaozi.operator.privacy.retention import DestroyAtTerm
from jiaozi.operator.privacy.rotate import REFRESH_PERIOD_S
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.service.keys import KeyStoreError
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable

DAY_S = 86_400.0

_log = structlog.get_logger("jiaozi.privacy")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPrivacy:
    """The background tasks; their dependencies. Any number of processes may run them."""

    database: Database
    wrapping: WrappingKeys
    destroy_at_term: DestroyAtTerm

    async def follow_keys(self) -> None:
        """Take up new wrapping keys until cancelled; the one in use stays while one is missing."""
        while True:
            await asyncio.sleep(REFRESH_PERIOD_S)
            try:
                async with self.database.connection() as connection:
                    await self.wrapping.refresh(connection)
            except (KeyStoreError, StorageUnavailable) as error:
                _log.warning("wrapping_key_not_taken_up", problem=str(error))

    async def keep_terms(self) -> None:
        """Destroy what is due, at once and then every day, until cancelled."""
        while True:
            wait_s = DAY_S
            try:
                _log.info("terms_applied", **await self.destroy_at_term())
            except StorageUnavailable as error:
                _log.warning("terms_not_applied", problem=str(error))
                wait_s = REFRESH_PERIOD_S
            await asyncio.sleep(wait_s)
