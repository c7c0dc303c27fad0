"""Screen a customer: refuse whom a list names, without a word why, and make a case of it.

The same subject and entry are one case, however often they meet. A case that the compliance officer
has cleared lets its subject pass that entry from then on. Nothing that a holder is shown, neither
its export nor the log of accesses to its records, tells of a case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from jiaozi.operator.customers import store as customers
from jiaozi.operator.customers.identify import evidence_record
from jiaozi.operator.customers.model import Evidence
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import SERVICE, Access, Purpose
from jiaozi.operator.screening import store
from jiaozi.operator.screening.model import NoScreening, Screening, Subject, normalised
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database


class Place(StrEnum):
    """Where somebody is screened."""

    OPENING = "opening"
    UPGRADE = "upgrade"
    SIGNATORY = "signatory"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenCustomer:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy
    screening: Screening
    now_ms: Callable[[], int]

    async def evidence(self, place: Place, evidence: Evidence, wallet: int | None = None) -> None:
        """Screen whoever is named in what a customer shows.

        Raises:
            Refusal: ``not_served``.
        """
        documents = [evidence.document] if evidence.document is not None else []
        if evidence.signatory is not None:
            documents.append(evidence.signatory.document)
        subjects = [Subject(each.name, each.number) for each in documents]
        await self._check(place, subjects, wallet)

    async def exchange(self, wallet: int) -> None:
        """Screen the holder behind a wallet, and a company's signatories.

        Raises:
            Refusal: ``not_served``.
        """
        if isinstance(self.screening, NoScreening):
            return
        access = Access(actor=SERVICE, purpose=Purpose.SCREEN, wallet=wallet)
        subjects = []
        async with self.database.connection() as connection:
            for evidence_id, sealed in await customers.documents_of_wallet(connection, wallet):
                record = evidence_record(evidence_id)
                fields = await self.privacy.open(connection, record, sealed, access)
                subjects.append(Subject(fields["name"], fields["number"]))
        await self._check(Place.EXCHANGE, subjects, wallet)

    async def _check(self, place: Place, subjects: list[Subject], wallet: int | None) -> None:
        for subject in subjects:
            for entry in await self.screening.find(subject):
                if not await self._is_cleared(place, subject, entry, wallet):
                    raise refuse(Code.NOT_SERVED)

    async def _is_cleared(
        self, place: Place, subject: Subject, entry: str, wallet: int | None
    ) -> bool:
        """Note a hit, whatever becomes of the request, and say whether it was judged harmless."""
        case_id = uuid4()
        compared = (entry, normalised(subject.name), normalised(subject.document_number))
        fields = {"entry": entry, "name": subject.name, "number": subject.document_number}
        if wallet is not None:
            fields["wallet"] = f"{wallet:016d}"
        hit = store.NewHit(
            id=case_id,
            match_digest=self.privacy.digest("screening", "\0".join(compared)),
            place=place.value,
            sealed=self.privacy.seal(case_record(case_id), fields),
        )
        async with self.database.transaction() as connection:
            return await store.note_hit(connection, hit, self.now_ms())


def case_record(case_id: object) -> str:
    """Return the place that a case is sealed in."""
    return f"screening_case/{case_id}"
