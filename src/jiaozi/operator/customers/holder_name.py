"""The name that a statement bears: out of a document that is genuine, or none.

An operator signs its statements. So it puts no name on one that nobody vouches for: what somebody
only typed is not enough.
"""

from dataclasses import dataclass

from jiaozi.operator.customers import store
from jiaozi.operator.customers.identify import evidence_record
from jiaozi.operator.customers.model import IdentityDocument, Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.verify import DocumentVerifier
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderName:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy
    verifier: DocumentVerifier

    async def __call__(self, wallet: Wallet) -> str:
        """Return the name of a wallet's holder.

        Raises:
            Refusal: ``name_not_proven``, or ``unavailable``: it cannot be told now.
        """
        access = Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER, wallet=wallet.number)
        async with self.database.connection() as connection:
            shown = await store.shown(connection, wallet.number)
            if len(shown) < 2:
                raise refuse(Code.NAME_NOT_PROVEN)
            opened = {
                kind: await self.privacy.open(
                    connection, evidence_record(each.evidence_id), each.sealed, access
                )
                for kind, each in shown.items()
            }
        phone, document = Phone(opened["phone"]["phone"]), IdentityDocument(**opened["document"])
        if not await self.verifier.is_genuine(phone, wallet.holder, document):
            raise refuse(Code.NAME_NOT_PROVEN)
        return document.name
