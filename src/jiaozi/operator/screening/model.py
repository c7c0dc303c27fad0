"""What is compared with a screening list, and how. Pure."""

import unicodedata
from dataclasses import dataclass, field
from typing import Protocol

_IGNORED = frozenset("ZPC")
"""Initials of the Unicode categories that spelling varies in: spaces, punctuation, controls."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody by name and document number."""

    name: str = field(repr=False)
    document_number: str = field(repr=False)


class Screening(Protocol):
    """Tells whether somebody stands in a list."""

    async def find(self, subject: Subject) -> tuple[str, ...]:
        """Return the references of the entries that name a subject, by name or by number.

        Raises:
            Refusal: ``unavailable``: it cannot be told now.
        """


class NoScreening:
    """Finds nobody: there is no list."""

    async def find(self, subject: Subject) -> tuple[str, ...]:
        """Return nothing."""
        return ()


def normalised(text: str) -> str:
    """Return a text as it is compared: NFKC, without case, spaces and punctuation."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(each for each in folded if unicodedata.category(each)[0] not in _IGNORED)
