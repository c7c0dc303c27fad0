"""Find the holder that a customer is, or make one: same holder, same group (rules.md §E.3)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

from jiaozi.operator.customers import store
from jiaozi.operator.customers.model import Evidence, choose_holder, document_subject
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.prove_phone import ProvenPhone
from jiaozi.operator.customers.store import Identifier
from jiaozi.protocol.order_types import Holder
from jiaozi.storage.database import Connection

GROUP_LENGTH = 16


class Identified(NamedTuple):
    """A holder, and the group that the registry knows it by."""

    holder_id: UUID
    group: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyHolder:
    """The use case, within the transaction that opens a wallet."""

    privacy: Privacy

    async def __call__(
        self,
        connection: Connection,
        phone: ProvenPhone,
        kind: Holder,
        evidence: Evidence,
        now_ms: int,
    ) -> Identified:
        """Return the holder, with what was shown kept under it, sealed."""
        by_phone = Identifier("phone", phone.digest)
        by_document = self._document_identifier(kind, evidence)
        shown = [by_phone] if by_document is None else [by_phone, by_document]
        for identifier in shown:
            await store.lock_identity(connection, identifier.digest)
        known = choose_holder(
            by_phone=await store.find_holder(connection, kind, by_phone),
            by_document=by_document and await store.find_holder(connection, kind, by_document),
            shows_document=by_document is not None,
        )
        if known is not None:
            found = Identified(known.id, known.group)
        else:
            group = secrets.token_bytes(GROUP_LENGTH)
            found = Identified(await store.add_holder(connection, kind, group, now_ms), group)
        for identifier in shown:
            await store.add_identifier(connection, kind, identifier, found.holder_id)
        for name, fields in _records(phone, evidence).items():
            evidence_id = uuid4()
            await store.add_evidence(
                connection,
                evidence_id,
                holder_id=found.holder_id,
                kind=name,
                sealed=self.privacy.seal(f"evidence/{evidence_id}", fields),
                now_ms=now_ms,
            )
        return found

    def _document_identifier(self, kind: Holder, evidence: Evidence) -> Identifier | None:
        if evidence.document is None:
            return None
        subject = document_subject(kind, evidence.document)
        return Identifier("document", self.privacy.digest("document", subject))


def _records(phone: ProvenPhone, evidence: Evidence) -> Mapping[str, Mapping[str, str]]:
    """Return the personal data that was shown, by kind."""
    records = {"phone": {"phone": str(phone.phone)}}
    if evidence.document is not None:
        document = evidence.document
        records["document"] = {
            "type": document.type,
            "number": document.number,
            "name": document.name,
        }
    if evidence.attestation is not None:
        attestation = evidence.attestation
        records["attestation"] = {"branch": attestation.branch, "clerk": attestation.clerk}
    return records
