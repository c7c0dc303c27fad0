"""The rules of knowing a customer: phones, codes, classes and their evidence. Pure.

=====  ===========================================================================
class  evidence (domain.md §2)
=====  ===========================================================================
IV     a phone that received a code; anonymous to everyone but the phone's operator
III    and an identity document
II     and a deposit account of the same phone
I      and a counter's attestation that the person was there
=====  ===========================================================================

A company shows its document for every class: a phone alone says nothing about a company.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, NewType
from uuid import UUID

from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, refuse

Phone = NewType("Phone", str)

CODE_DIGITS = 6
CODE_TRIES_MAX = 5
CODE_LIFETIME_MS = 10 * 60_000
REGISTRATIONS_PER_HOUR_MAX = 5
"""Codes asked for one phone within an hour: with `CODE_TRIES_MAX` it bounds guessing."""
HOUR_MS = 3_600_000

_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")


class WalletClass(IntEnum):
    """How strongly a holder is identified: the lower the number, the stronger."""

    I = 1  # noqa: E741  # the field's own name
    II = 2
    III = 3
    IV = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDocument:
    """A document that tells one person or company from all others."""

    type: str
    number: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterAttestation:
    """A clerk's word that the holder was at the counter."""

    branch: str
    clerk: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a customer shows."""

    document: IdentityDocument | None = None
    deposit_id: str | None = None
    attestation: CounterAttestation | None = None


class KnownHolder(NamedTuple):
    """A holder found by something that identifies it."""

    id: UUID
    group: bytes
    has_document: bool


def read_phone(text: str) -> Phone:
    """Read an international phone number (E.164), with or without spaces and hyphens.

    Raises:
        Refusal: ``malformed``.
    """
    digits = text.replace(" ", "").replace("-", "")
    if not _PHONE.fullmatch(digits):
        raise refuse(Code.MALFORMED, "phone")
    return Phone(digits)


def check_evidence(wallet_class: WalletClass, holder: Holder, evidence: Evidence) -> None:
    """Check that the evidence suffices for a class.

    Raises:
        Refusal: ``evidence_insufficient``, naming the first piece that is missing.
    """
    document_needed = wallet_class <= WalletClass.III or holder is Holder.CORPORATE
    needed = (
        ("identity_document", document_needed, evidence.document),
        ("deposit_id", wallet_class <= WalletClass.II, evidence.deposit_id),
        ("counter_attestation", wallet_class <= WalletClass.I, evidence.attestation),
    )
    for name, is_needed, shown in needed:
        if is_needed and shown is None:
            raise refuse(Code.EVIDENCE_INSUFFICIENT, name)


def document_subject(holder: Holder, document: IdentityDocument) -> str:
    """Return what is digested to find a document's holder: spelling variants are one document."""
    number = "".join(document.number.split()).upper()
    return f"{holder.name}/{document.type}/{number}"


def choose_holder(
    *, by_document: KnownHolder | None, by_phone: KnownHolder | None, shows_document: bool
) -> KnownHolder | None:
    """Say which known holder a customer is, or None for a new one.

    A document decides. A phone alone is its first holder; with a document that is not that
    holder's, the phone has changed hands or serves two persons.
    """
    if by_document is not None:
        return by_document
    if by_phone is not None and shows_document and by_phone.has_document:
        return None
    return by_phone
