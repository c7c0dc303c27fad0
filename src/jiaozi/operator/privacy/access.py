"""Every opening of a sealed record is an access: who, why, which record, when.

`Privacy.open` takes an `Access` and writes it to the append-only `access_log` before it opens
anything, on the connection that the caller reads with: no log row, no personal data.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import NamedTuple, NewType

from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

Actor = NewType("Actor", str)

HOLDER = Actor("holder")
"""Whoever has the wallet's key, or the code that was sent to the phone."""
SERVICE = Actor("service")
"""The operator's own background work."""

_CLERK = re.compile(r"[A-Za-z0-9-]{1,32}")
CASE_REFERENCE_LENGTH_MAX = 64


class Purpose(StrEnum):
    """Why a record is opened; there is no other reason."""

    OPEN_WALLET = "open_wallet"
    """To open a wallet for a phone whose code was shown."""
    REBIND = "rebind"
    """To bind a wallet to a new key for a phone whose code was shown."""
    RESET_PIN = "reset_pin"
    """To reset a wallet's PIN for a phone whose code was shown."""
    REACH_DEPOSITS = "reach_deposits"
    """To ask the core for the deposits of a wallet's phone."""
    SCREEN = "screen"
    """To look a holder up in the screening list, or to judge what was found there."""
    SHOW_HOLDER = "show_holder"
    """To give the holder what is held on it."""
    ANSWER_OFFICE = "answer_office"
    """To answer an office that may ask; names its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who opens a record and why.

    Attributes:
        wallet: Whose record it is; None while there is no wallet yet.
        case_reference: The office's own; `Purpose.ANSWER_OFFICE` needs one.
    """

    actor: Actor
    purpose: Purpose
    wallet: int | None = None
    case_reference: str | None = None

    def __post_init__(self) -> None:
        if (self.purpose is Purpose.ANSWER_OFFICE) != (self.case_reference is not None):
            raise ValueError("an office's request, and no other, has a case reference")


class Logged(NamedTuple):
    """An access as it was written down."""

    id: int
    time_ms: int
    record: str
    actor: str
    purpose: str
    case_reference: str | None


@dataclass(frozen=True, slots=True)
class _Statements:
    add_access: str
    accesses: str


_SQL = load_statements(_Statements, resources.files(__package__) / "access.sql")


def clerk(staff_number: str) -> Actor:
    """Return the actor that a member of staff is.

    Raises:
        ValueError: It is no staff number: 1 to 32 letters, digits and hyphens.
    """
    if not _CLERK.fullmatch(staff_number):
        raise ValueError("a staff number is 1 to 32 letters, digits and hyphens")
    return Actor(f"clerk/{staff_number}")


async def log_access(connection: Connection, record: str, access: Access, now_ms: int) -> None:
    """Write an access down; it stays if the caller's transaction does."""
    await connection.execute(
        _SQL.add_access,
        now_ms,
        record,
        access.wallet,
        access.actor,
        access.purpose.value,
        access.case_reference,
    )


async def accesses(connection: Connection, wallet: int, before_id: int, limit: int) -> list[Logged]:
    """Return who opened records of a wallet, newest first, from before a place."""
    rows = await connection.fetch(_SQL.accesses, wallet, before_id, limit)
    return [Logged(*row.values()) for row in rows]
