"""The rules of knowing a customer: phones, codes, classes and their evidence. Pure.

=====  ===========================================================================
class  evidence (domain.md §2)
=====  ===========================================================================
IV     a phone that received a code; anonymous to everyone but the phone's operator
III    and an identity document
II     and a deposit account of the same phone
I      and a counter's attestation that the person was there
=====  ===========================================================================

A company shows its document for every class: a phone alone says nothing about a company. A phone
may be of any country. A visitor's document is the passport, known by its number and its country.
"""

import re
import unicodedata
from collections.abc import Sequence
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
SOURCE_CODES_PER_HOUR_MAX = 20
"""Codes asked from one address within an hour, for whichever phones."""
HOUR_MS = 3_600_000

PASSPORT = "passport"

_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")


class WalletClass(IntEnum):
    """How strongly a holder is identified: the lower the number, the stronger."""

    I = 1  # noqa: E741  # the field's own name
    II = 2
    III = 3
    IV = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDocument:
    """A document that tells one person or company from all others.

    Attributes:
        country: That issued it, by the three letters of ISO 3166; a passport's number means nothing
            without.
    """

    type: str
    number: str = field(repr=False)
    name: str = field(repr=False)
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterAttestation:
    """A clerk's word that the holder was at the counter."""

    branch: str
    clerk: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """A person who signs for a company, and as what."""

    document: IdentityDocument
    role: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a customer shows.

    Attributes:
        signatory: Who opens a company's wallet for it.
    """

    document: IdentityDocument | None = None
    deposit_id: str | None = None
    attestation: CounterAttestation | None = None
    signatory: Signatory | None = None


class KnownHolder(NamedTuple):
    """A holder found by something that it showed, and whether that was verified."""

    id: UUID
    group: bytes
    has_document: bool
    is_verified: bool


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
        Refusal: ``malformed`` for a person's signatory; ``evidence_insufficient``, naming the
            first piece that is missing.
    """
    if evidence.signatory is not None:
        if holder is not Holder.CORPORATE:
            raise refuse(Code.MALFORMED, "evidence.signatory")
        check_document(evidence.signatory.document)
    if evidence.document is not None:
        check_document(evidence.document)
    document_needed = wallet_class <= WalletClass.III or holder is Holder.CORPORATE
    needed = (
        ("identity_document", document_needed, evidence.document),
        ("deposit_id", wallet_class <= WalletClass.II, evidence.deposit_id),
        ("counter_attestation", wallet_class <= WalletClass.I, evidence.attestation),
    )
    for name, is_needed, shown in needed:
        if is_needed and shown is None:
            raise refuse(Code.EVIDENCE_INSUFFICIENT, name)


def check_document(document: IdentityDocument) -> None:
    """Check that a document tells one holder from all others.

    Raises:
        Refusal: ``evidence_insufficient`` for a passport of no country.
    """
    if document.type == PASSPORT and document.country is None:
        raise refuse(Code.EVIDENCE_INSUFFICIENT, "country")


def document_subject(holder: Holder, document: IdentityDocument) -> str:
    """Return what is digested to find a document's holder: spelling variants are one document."""
    number = "".join(unicodedata.normalize("NFKC", document.number).split()).upper()
    subject = f"{holder.name}/{document.type}/{number}"
    return subject if document.country is None else f"{subject}/{document.country}"


def choose_holder(
    *,
    by_phone: Sequence[KnownHolder],
    by_document: Sequence[KnownHolder],
    document_is_verified: bool,
) -> KnownHolder | None:
    """Say which known holder a customer is, or None for a new one.

    The same phone with the same document is the same holder. A document from another phone is so
    only when it was verified, then and now: its number is no secret. A phone alone, or with a
    document that is new to it, is never a holder of whom a document is known: phones change hands.
    """
    phone_ids = {each.id for each in by_phone}
    with_both = [each for each in by_document if each.id in phone_ids]
    verified = [each for each in by_document if each.is_verified and document_is_verified]
    unnamed = [each for each in by_phone if not each.has_document]
    return next(iter(with_both + verified + unnamed), None)
