"""The list file: a CSV that is read again when it changes.

::

    reference,name,document_number
    UN-0042,Ada Example,E12345678
    UN-0043,王小明,

A row has a reference, and a name or a document number or both. Whoever has either of them is
found. A file that cannot be read or has a fault is not taken: the list that was in use stays, and
the log says so once, and why.
"""

import asyncio
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from jiaozi.operator.screening.model import Subject, normalised

COLUMNS = ("reference", "name", "document_number")
ROWS_MAX = 1_000_000
_REFERENCE_LENGTH_MAX = 64
_log = structlog.get_logger("jiaozi.screening")


@dataclass(kw_only=True, eq=False)
class ListBroken(Exception):
    """A list file cannot be taken."""

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"The screening list {self.path} is not taken: {self.problem}."


class Entries(NamedTuple):
    """References by what is compared."""

    by_name: dict[str, list[str]]
    by_number: dict[str, list[str]]
    rows: int


class ListFile:
    """A list in a file."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ListBroken: It cannot be taken; there is no older one to keep.
        """
        self._path = path
        self._version = _version(path)
        self._entries = read_list(path)
        self._reading = asyncio.Lock()
        self.is_current = True
        """Whether the list in use is the one in the file."""

    @property
    def count(self) -> int:
        """How many entries are in use."""
        return self._entries.rows

    async def find(self, subject: Subject) -> tuple[str, ...]:
        """Return the references of the entries that name a subject, by name or by number."""
        await self._refresh()
        name, number = normalised(subject.name), normalised(subject.document_number)
        named = self._entries.by_name.get(name, []) if name else []
        numbered = self._entries.by_number.get(number, []) if number else []
        return tuple(dict.fromkeys((*named, *numbered)))

    async def _refresh(self) -> None:
        """Take the file anew if it is another one than last time; whoever asks meanwhile waits."""
        async with self._reading:
            version = _version(self._path)
            if version == self._version:
                return
            self._version = version
            try:
                self._entries = await asyncio.to_thread(read_list, self._path)
            except ListBroken as broken:
                self.is_current = False
                _log.error(
                    "screening_list_not_taken",
                    path=str(self._path),
                    problem=broken.problem,
                    entries_kept=self.count,
                )
            else:
                self.is_current = True
                _log.info("screening_list_taken", path=str(self._path), entries=self.count)


def read_list(path: Path) -> Entries:
    """Read a list file, whole or not at all.

    Raises:
        ListBroken: It cannot be read, or a line of it is not as it should be.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _entries(path, csv.reader(file, strict=True))
    except OSError as error:
        raise ListBroken(path=path, problem=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise ListBroken(path=path, problem="it is not UTF-8") from None
    except csv.Error as error:
        raise ListBroken(path=path, problem=f"it is not CSV ({error})") from None


def _entries(path: Path, rows: Iterator[list[str]]) -> Entries:
    if tuple(next(rows, ())) != COLUMNS:
        raise ListBroken(path=path, problem=f"its first line is not {','.join(COLUMNS)}")
    by_name: dict[str, list[str]] = {}
    by_number: dict[str, list[str]] = {}
    count = 0
    for count, row in enumerate(rows, start=1):
        reference, name, number = _fields(path, count + 1, row)
        if name:
            by_name.setdefault(name, []).append(reference)
        if number:
            by_number.setdefault(number, []).append(reference)
        if count > ROWS_MAX:
            raise ListBroken(path=path, problem=f"it has more than {ROWS_MAX} rows")
    return Entries(by_name, by_number, count)


def _fields(path: Path, line: int, row: Iterable[str]) -> tuple[str, str, str]:
    match [each.strip() for each in row]:
        case [reference, name, number] if 0 < len(reference) <= _REFERENCE_LENGTH_MAX:
            compared = normalised(name), normalised(number)
            if any(compared):
                return reference, *compared
    raise ListBroken(path=path, problem=f"row {line} has no reference or nobody to compare with")


def _version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does; None when it cannot be seen."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
