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
from jiaozi.operator.customers.model import (
    Evidence,
    IdentityDocument,
    Signatory,
    choose_holder,
    document_subject,
)
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.prove_phone import ProvenPhone
from jiaozi.operator.customers.store import Identifier
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection

GROUP_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with a proven phone and what else was shown."""

    phone: ProvenPhone
    kind: Holder
    evidence: Evidence
    document_is_verified: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What the holder of an open wallet shows for a higher class."""

    kind: Holder
    evidence: Evidence
    document_is_verified: bool


class Subject(NamedTuple):
    """Whose evidence it is, and the wallet that it is shown for."""

    holder_id: UUID
    wallet: int


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
        document = self._document_identifier(
            kind, customer.evidence.document, is_verified=customer.document_is_verified
        )
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
        phone_fields = {"phone": str(customer.phone.phone)}
        records = {"phone": phone_fields, **_records(customer.evidence)}
        for name, fields in records.items():
            await self.keep(connection, Subject(holder_id, wallet), name, fields, now_ms)
        return Identified(holder_id, group, reaches_deposits=is_first)

    async def strengthen(
        self, connection: Connection, subject: Subject, shown: Shown, now_ms: int
    ) -> None:
        """Keep what a known holder shows for a higher class of a wallet.

        Raises:
            Refusal: ``not_served`` when the document is verified as that of another holder;
                ``evidence_insufficient`` when this holder is known by other documents alone and
                nobody vouches for this one.
        """
        holder_id = subject.holder_id
        document = self._document_identifier(
            shown.kind, shown.evidence.document, is_verified=shown.document_is_verified
        )
        if document is not None:
            await store.lock_identity(connection, document.digest)
            by_document = await store.find_holders(connection, shown.kind, document)
            others = [each for each in by_document if each.id != holder_id and each.is_verified]
            if document.is_verified and others:
                raise refuse(Code.NOT_SERVED)
            is_own = any(each.id == holder_id for each in by_document)
            is_trusted = is_own or document.is_verified
            if not is_trusted and await store.has_document(connection, holder_id):
                raise refuse(Code.EVIDENCE_INSUFFICIENT, "identity_document")
            await store.add_identifier(connection, shown.kind, document, holder_id)
        for name, fields in _records(shown.evidence).items():
            await self.keep(connection, subject, name, fields, now_ms)

    async def keep(
        self,
        connection: Connection,
        subject: Subject,
        kind: str,
        fields: Mapping[str, str],
        now_ms: int,
    ) -> UUID:
        """Seal a piece of evidence of a holder and return its id."""
        evidence_id = uuid4()
        await store.add_evidence(
            connection,
            evidence_id,
            holder_id=subject.holder_id,
            wallet=subject.wallet,
            kind=kind,
            sealed=self.privacy.seal(evidence_record(evidence_id), fields),
            now_ms=now_ms,
        )
        return evidence_id

    def _document_identifier(
        self, kind: Holder, document: IdentityDocument | None, *, is_verified: bool
    ) -> Identifier | None:
        if document is None:
            return None
        digest = self.privacy.digest("document", document_subject(kind, document))
        return Identifier("document", digest, is_verified)


def evidence_record(evidence_id: UUID) -> str:
    """Return the place that a piece of evidence is sealed in."""
    return f"evidence/{evidence_id}"


def signatory_fields(signatory: Signatory) -> dict[str, str]:
    """Return what is sealed of a person who signs for a company."""
    return {**_document_fields(signatory.document), "role": signatory.role}


def _document_fields(document: IdentityDocument) -> dict[str, str]:
    fields = {"type": document.type, "number": document.number, "name": document.name}
    return fields if document.country is None else {**fields, "country": document.country}


def _records(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return the personal data that was shown beside the phone, by kind."""
    records = {}
    if evidence.document is not None:
        records["document"] = _document_fields(evidence.document)
    if evidence.attestation is not None:
        attestation = evidence.attestation
        records["attestation"] = {"branch": attestation.branch, "clerk": attestation.clerk}
    return records
