"""What commands take as evidence of identity: options, or questions at a terminal."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

_Option = typer.Option
_COUNTER_CLASS, _DEPOSIT_CLASS, _DOCUMENT_CLASS = 1, 2, 3

DocumentType = Annotated[
    str, _Option(help="Kind of document, such as passport or business-licence.")
]
DocumentNumber = Annotated[str | None, _Option(help="Asked for when needed.")]
DocumentCountry = Annotated[
    str | None, _Option(metavar="ABC", help="That issued it, three letters; a passport needs it.")
]
Name = Annotated[str | None, _Option(help="As in the document; asked for when needed.")]
DepositId = Annotated[
    str | None, _Option("--deposit", help="Your deposit account, for classes 1 and 2.")
]
Branch = Annotated[str | None, _Option(help="Where a clerk saw you, for class 1.")]
Clerk = Annotated[str | None, _Option(help="Which clerk, for class 1.")]
OwnPhone = Annotated[str, _Option(help="That the wallet was opened with.")]
OwnClass = Annotated[
    int, _Option("--class", min=1, max=4, help="The wallet's; it says what to show.")
]
DEFAULT_DOCUMENT = "resident-identity-card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What was given by options."""

    document_type: str
    document_number: str | None
    document_country: str | None
    name: str | None
    deposit_id: str | None = None
    branch: str | None = None
    clerk: str | None = None


def evidence_for(
    wallet_class: int, shown: Shown, *, needs_document: bool = False
) -> dict[str, Any]:
    """Put together what a class asks for, asking for what was not given."""
    evidence: dict[str, Any] = {}
    if wallet_class <= _DOCUMENT_CLASS or needs_document:
        evidence["identity_document"] = document_of(shown)
    if wallet_class <= _DEPOSIT_CLASS:
        evidence["deposit_id"] = shown.deposit_id or asked("Deposit account", "--deposit")
    if wallet_class <= _COUNTER_CLASS:
        evidence["counter_attestation"] = {
            "branch": shown.branch or asked("Branch", "--branch"),
            "clerk": shown.clerk or asked("Clerk", "--clerk"),
        }
    return evidence


def document_of(shown: Shown) -> dict[str, str]:
    """Put a document together, asking for what was not given."""
    document = {
        "type": shown.document_type,
        "number": shown.document_number or asked("Document number", "--document-number"),
        "name": shown.name or asked("Name in the document", "--name"),
    }
    if shown.document_type == "passport" and shown.document_country is None:
        document["country"] = asked("Country of the passport", "--document-country")
    elif shown.document_country is not None:
        document["country"] = shown.document_country
    return document


def asked(question: str, option: str) -> str:
    """Ask whoever sits at the terminal; without one the option is needed."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("this wallet class needs it", param_hint=option)
    return str(typer.prompt(question, err=True))
