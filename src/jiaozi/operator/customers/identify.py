"""Find the holder that a customer is, or make one: same holder, same group (rules.md §E.3).

A holder is its limits; it is no way to money. Deposits are reached by the phone that was proven for
the very wallet, and by the holder that proved that phone first.
"""

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


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with a proven phone and what else was shown."""

    phone: ProvenPhone
    kind: Holder
    evidence: Evidence
    document_is_verified: bool


class Identified(NamedTuple):
    """A holder, the group that the registry knows it by, and whether the phone's deposits are its.

    They are another's when another proved the phone first.
    """

    holder_id: UUID
    group: bytes
    reaches_deposits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyHolder:
    """The use case, within the transaction that opens a wallet."""

    privacy: Privacy

    async def __call__(
        self, connection: Connection, customer: Customer, wallet: int, now_ms: int
    ) -> Identified:
        """Return the holder, with what was shown for a new wallet kept under it, sealed."""
        kind = customer.kind
        phone = Identifier("phone", customer.phone.digest, is_verified=True)
        document = self._document_identifier(customer)
        for each in (phone, document):
            if each is not None:
                await store.lock_identity(connection, each.digest)
        known = choose_holder(
            by_phone=await store.find_holders(connection, kind, phone),
            by_document=await store.find_holders(connection, kind, document) if document else [],
            document_is_verified=customer.document_is_verified,
        )
        if known is not None:
            holder_id, group = known.id, known.group
        else:
            group = secrets.token_bytes(GROUP_LENGTH)
            holder_id = await store.add_holder(connection, kind, group, now_ms)
        is_first = await store.add_identifier(connection, kind, phone, holder_id)
        if document is not None:
            await store.add_identifier(connection, kind, document, holder_id)
        await self._keep(connection, holder_id, customer, wallet, now_ms)
        return Identified(holder_id, group, reaches_deposits=is_first)

    async def _keep(
        self,
        connection: Connection,
        holder_id: UUID,
        customer: Customer,
        wallet: int,
        now_ms: int,
    ) -> None:
        for name, fields in _records(customer.phone, customer.evidence).items():
            evidence_id = uuid4()
            await store.add_evidence(
                connection,
                evidence_id,
                holder_id=holder_id,
                wallet=wallet,
                kind=name,
                sealed=self.privacy.seal(evidence_record(evidence_id), fields),
                now_ms=now_ms,
            )

    def _document_identifier(self, customer: Customer) -> Identifier | None:
        document = customer.evidence.document
        if document is None:
            return None
        digest = self.privacy.digest("document", document_subject(customer.kind, document))
        return Identifier("document", digest, customer.document_is_verified)


def evidence_record(evidence_id: UUID) -> str:
    """Return the place that a piece of evidence is sealed in."""
    return f"evidence/{evidence_id}"


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
