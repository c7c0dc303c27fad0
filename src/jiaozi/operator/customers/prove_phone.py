"""Check a code: five tries, and nothing in the refusal tells why it failed."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jiaozi.operator.customers import store
from jiaozi.operator.customers.model import Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.request_code import code_digest
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True)
class ProvenPhone:
    """A phone whose holder had the code."""

    registration_id: UUID
    digest: bytes
    phone: Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvePhone:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy
    now_ms: Callable[[], int]

    async def __call__(self, registration_id: UUID, code: str, purpose: Purpose) -> ProvenPhone:
        """Spend a try, durably, and compare; the purpose is what the phone is opened for.

        Raises:
            Refusal: ``code_wrong``: another code, no such registration, too old, used, or the
                tries are spent.
        """
        async with self.database.connection() as connection:
            candidate = await store.count_try(connection, registration_id, self.now_ms())
            if candidate is None:
                raise refuse(Code.CODE_WRONG)
            shown = code_digest(self.privacy, registration_id, code)
            if not hmac.compare_digest(shown, candidate.code_digest):
                raise refuse(Code.CODE_WRONG)
            fields = await self.privacy.open(
                connection,
                f"registration/{registration_id}",
                candidate.phone,
                Access(actor=HOLDER, purpose=purpose),
            )
        return ProvenPhone(registration_id, candidate.phone_digest, Phone(fields["phone"]))
