"""Begin a registration: a code goes out to a phone.

Alike for known and unknown phones, in answer, work and time: nothing is looked up but how often
this phone was asked for of late, and how often this address asked, for whichever phones.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from jiaozi.operator.customers import store
from jiaozi.operator.customers.model import (
    CODE_DIGITS,
    CODE_LIFETIME_MS,
    HOUR_MS,
    REGISTRATIONS_PER_HOUR_MAX,
    read_phone,
)
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.sms import Sms
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A registration that waits for its code."""

    registration_id: UUID
    expires_s: int
    code: str = field(repr=False)
    """For demo mode only: never logged, never stored, never answered elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCode:
    """The use case; its dependencies.

    Attributes:
        source_codes_max: Codes for one address within an hour; None where all come from one.
    """

    database: Database
    privacy: Privacy
    sms: Sms
    source_codes_max: int | None
    now_ms: Callable[[], int]

    async def __call__(self, phone_text: str, source: str) -> CodeSent:
        """Store a registration, then send its code.

        Args:
            phone_text: As somebody wrote it.
            source: The address that asks.

        Raises:
            Refusal: ``malformed``; ``busy`` when this phone or this address asked too often;
                ``unavailable`` when the message was not taken.
        """
        phone = read_phone(phone_text)
        now_ms = self.now_ms()
        registration_id = uuid4()
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        new = store.NewRegistration(
            id=registration_id,
            phone_digest=self.privacy.digest("phone", phone),
            phone=self.privacy.seal(f"registration/{registration_id}", {"phone": phone}),
            code_digest=code_digest(self.privacy, registration_id, code),
            requested_ms=now_ms,
            expires_ms=now_ms + CODE_LIFETIME_MS,
        )
        async with self.database.transaction() as connection:
            await store.lock_identity(connection, new.phone_digest)
            asked = await store.count_registrations(connection, new.phone_digest, now_ms - HOUR_MS)
            if asked >= REGISTRATIONS_PER_HOUR_MAX:
                raise refuse(Code.BUSY, HOUR_MS)
            await self._count_source(connection, source, now_ms)
            await store.add_registration(connection, new)
        await self.sms.send_code(phone, code)
        return CodeSent(
            registration_id=registration_id, expires_s=CODE_LIFETIME_MS // 1000, code=code
        )

    async def _count_source(self, connection: Connection, source: str, now_ms: int) -> None:
        """Count a code towards the quota of its address, of which a digest is kept for an hour."""
        if self.source_codes_max is None:
            return
        digest = self.privacy.digest("source", source)
        await store.lock_identity(connection, digest)
        if await store.count_source(connection, digest, now_ms - HOUR_MS) >= self.source_codes_max:
            raise refuse(Code.BUSY, HOUR_MS)
        await store.add_source(connection, digest, now_ms)


def code_digest(privacy: Privacy, registration_id: UUID, code: str) -> bytes:
    """Return what is kept of a code: of no use for another registration, or without the key."""
    return privacy.digest("code", f"{registration_id}/{code}")
