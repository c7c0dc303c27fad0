"""The phone by which a wallet reaches deposits: what a bank's core knows its customers by."""

from dataclasses import dataclass

from jiaozi.operator.customers import store
from jiaozi.operator.customers.identify import evidence_record
from jiaozi.operator.customers.model import Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPhone:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy

    async def __call__(self, wallet: int) -> Phone | None:
        """Return the phone; None when its deposits are another's."""
        async with self.database.connection() as connection:
            found = await store.deposit_phone(connection, wallet)
            if found is None:
                return None
            fields = await self.privacy.open(
                connection,
                evidence_record(found.evidence_id),
                found.sealed,
                Access(actor=HOLDER, purpose=Purpose.REACH_DEPOSITS, wallet=wallet),
            )
        return Phone(fields["phone"])
