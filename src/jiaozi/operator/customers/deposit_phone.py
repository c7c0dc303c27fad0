"""The phone by which a wallet reaches deposits: what a bank's core knows its customers by."""

from dataclasses import dataclass

from jiaozi.operator.customers import store
from jiaozi.operator.customers.identify import evidence_record
from jiaozi.operator.customers.model import Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPhone:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy

    async def __call__(self, wallet: int) -> Phone | None:
        """Return the phone; None when its deposits are another's."""
        async with self.database.connection() as connection:
            candidates = await store.deposit_phone(connection, wallet)
        for each in candidates:
            fields = self.privacy.open(evidence_record(each.evidence_id), each.sealed)
            if self.privacy.digest("phone", fields["phone"]) == each.wanted_digest:
                return Phone(fields["phone"])
        return None
