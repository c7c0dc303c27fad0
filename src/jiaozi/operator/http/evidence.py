"""What a customer shows, as JSON."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jiaozi.operator.customers import model as customers

DepositId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["4f9d2c7be81a6035"])]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]


class Body(BaseModel):
    """A request's body: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class DocumentBody(Body):
    """An identity document, or a company's registration."""

    type: Annotated[
        str, Field(pattern=r"^[a-z][a-z-]{0,63}$", examples=["resident-identity-card", "passport"])
    ]
    number: Annotated[Line, Field(examples=["11010519491231002X"], repr=False)]
    name: Annotated[Line, Field(examples=["王小明"], repr=False)]
    country: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Z]{3}$",
            description="That issued it, ISO 3166-1 alpha-3; a passport needs it.",
            examples=["SGP"],
        ),
    ] = None

    def document(self) -> customers.IdentityDocument:
        """Return what the use case takes."""
        return customers.IdentityDocument(
            type=self.type, number=self.number, name=self.name, country=self.country
        )


class AttestationBody(Body):
    """A clerk's word that the holder was at the counter."""

    branch: Annotated[Line, Field(examples=["Shenzhen Luohu"])]
    clerk: Annotated[Line, Field(examples=["C-0471"], repr=False)]

    def attestation(self) -> customers.CounterAttestation:
        """Return what the use case takes."""
        return customers.CounterAttestation(branch=self.branch, clerk=self.clerk)


class SignatoryBody(Body):
    """A person who signs for a company, and as what."""

    identity_document: DocumentBody
    role: Annotated[Line, Field(examples=["legal representative"], repr=False)]

    def signatory(self) -> customers.Signatory:
        """Return what the use case takes."""
        return customers.Signatory(document=self.identity_document.document(), role=self.role)


class EvidenceBody(Body):
    """Class III asks for the document, II for a deposit account too, I for the attestation too."""

    identity_document: DocumentBody | None = None
    deposit_id: DepositId | None = None
    counter_attestation: AttestationBody | None = None
    signatory: Annotated[
        SignatoryBody | None, Field(description="Who opens a company's wallet for it.")
    ] = None

    def evidence(self) -> customers.Evidence:
        """Return what the use case takes."""
        document, attestation = self.identity_document, self.counter_attestation
        return customers.Evidence(
            document=document.document() if document else None,
            deposit_id=self.deposit_id,
            attestation=attestation.attestation() if attestation else None,
            signatory=self.signatory.signatory() if self.signatory else None,
        )
