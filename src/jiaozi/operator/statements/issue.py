"""Issue a statement: find its sums, then give it out piece by piece as it is read.

Nobody's slowness holds a connection: entries are read in pages, each a short query of its own, and
a page is read when the one before it has been taken. What was read is added up again; a statement
whose entries do not come to its sums breaks off before its end, which nobody can take for whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from jiaozi.operator.history.model import Cursor, Line
from jiaozi.operator.statements import store
from jiaozi.operator.statements.catch_up import CatchUp
from jiaozi.operator.statements.csv_form import entry_lines
from jiaozi.operator.statements.forms import Form
from jiaozi.operator.statements.model import Head, Period, StatementEntry, Totals
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.statement_code import StatementCode, holder_hash, sign_code
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database

PAGE_ENTRIES = 1_000
AT_ONCE = 2
"""Pages that are made at the same time, for all statements together."""


@dataclass(kw_only=True, eq=False)
class StatementBroken(Exception):
    """The entries of a statement do not come to its sums: it must not be finished."""

    head: Head
    found: Totals

    def __str__(self) -> str:
        return f"The entries come to {self.found}, not to {self.head.totals}."


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueStatement:
    """The use case; its dependencies."""

    operator: int
    network: NetworkId
    database: Database
    catch_up: CatchUp
    certify: Signer
    now_ms: Callable[[], int]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def head(self, wallet: AccountNumber, period: Period, holder: str | None) -> Head:
        """Return what a statement begins with; what it says will not change any more.

        Args:
            wallet: Whose.
            period: Up to now is closed at the registry's own balance.
            holder: The name that it shall bear.

        Raises:
            Refusal: ``statement_not_ready``, or the registry does not answer.
        """
        if period.until_ms is None:
            height, until_ms = await self.catch_up.now(wallet)
        else:
            height, until_ms = await self.catch_up.past(wallet, period.until_ms)
        async with self.database.connection() as connection:
            totals, first_height = await store.totals(
                connection, wallet, from_ms=period.from_ms, until_ms=until_ms, height=height
            )
        return Head(
            operator=self.operator,
            wallet=wallet,
            from_ms=period.from_ms,
            until_ms=until_ms,
            first_height=first_height,
            height=height,
            totals=totals,
            issued_ms=self.now_ms(),
            holder=holder,
        )

    async def pieces(self, head: Head, form: Form) -> AsyncIterator[bytes]:
        """Yield the statement; each piece is made when the one before it was taken.

        Raises:
            StatementBroken: Before the end, when the history has changed.
            StorageUnavailable: Likewise, when it cannot be read.
        """
        yield form.begin()
        digest, found = sha256(), Totals(head.totals.opening_fen, 0, 0, 0)
        after = Cursor(head.first_height - 1, 2**31 - 1, 2**15 - 1)
        while True:
            async with self.turns:
                async with self.database.connection() as connection:
                    lines = await store.entries(connection, head, after, PAGE_ENTRIES)
                found, entries = _balanced(found, lines)
                piece, text = await asyncio.to_thread(_written, form, entries)
            digest.update(text)
            if piece:
                yield piece
            if len(lines) < PAGE_ENTRIES:
                break
            after = lines[-1].cursor
        if found != head.totals:
            raise StatementBroken(head=head, found=found)
        code = self._code(head, digest.digest())
        yield await asyncio.to_thread(form.end, code)

    def _code(self, head: Head, digest: bytes) -> str:
        totals = head.totals
        code = StatementCode(
            operator=head.operator,
            wallet=head.wallet,
            from_ms=head.from_ms,
            until_ms=head.until_ms,
            opening_fen=totals.opening_fen,
            incoming_fen=totals.incoming_fen,
            outgoing_fen=totals.outgoing_fen,
            closing_fen=totals.closing_fen,
            entries=totals.entries,
            digest=digest,
            height=head.height,
            issued_ms=head.issued_ms,
            holder=None if head.holder is None else holder_hash(head.holder, digest),
        )
        return sign_code(code, self.certify, self.network)


def check_size(head: Head, form: type[Form]) -> None:
    """Check that a form takes as many entries as a statement has.

    Raises:
        Refusal: ``too_large``.
    """
    if form.entries_max is not None and head.totals.entries > form.entries_max:
        raise refuse(Code.TOO_LARGE, "statement", form.entries_max)


def _balanced(before: Totals, lines: list[Line]) -> tuple[Totals, list[StatementEntry]]:
    """Add lines to totals, and give each the balance after it."""
    opening_fen, incoming_fen, outgoing_fen, count = before
    entries: list[StatementEntry] = []
    for line in lines:
        if line.incoming:
            incoming_fen += line.amount_fen
        else:
            outgoing_fen += line.amount_fen
        entries.append(StatementEntry(line, opening_fen + incoming_fen - outgoing_fen))
    return Totals(opening_fen, incoming_fen, outgoing_fen, count + len(lines)), entries


def _written(form: Form, entries: list[StatementEntry]) -> tuple[bytes, bytes]:
    """Return some entries in a form, and the lines that the digest is over."""
    text = entry_lines(entries)
    return form.add(entries), text
