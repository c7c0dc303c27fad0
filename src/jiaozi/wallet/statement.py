"""Statements: fetched as a file, kept only when whole."""

import os
from datetime import date
from enum import StrEnum
from pathlib import Path

from jiaozi.wallet.errors import StatementCutOff
from jiaozi.wallet.wallet import Wallet

_TAIL_BYTES = 4096


class StatementForm(StrEnum):
    """What a statement can be had as."""

    CSV = "csv"
    CAMT053 = "camt053"
    PDF = "pdf"

    @property
    def suffix(self) -> str:
        """Of a file that holds one."""
        return "xml" if self is StatementForm.CAMT053 else self.value


async def get_statement(
    wallet: Wallet,
    path: Path,
    *,
    first: date,
    last: date | None = None,
    form: StatementForm = StatementForm.PDF,
    with_name: bool = False,
) -> int:
    """Fetch the statement from one day to another into a file, and return its size in bytes.

    Args:
        wallet: Whose.
        path: Replaced when the whole statement is there, and only then.
        first: Business days in UTC+8, both included.
        last: None is up to now.
        form: Which of its forms.
        with_name: Whether it shall bear the holder's name.

    Raises:
        Refusal: The operator does not make it.
        StatementCutOff: It broke off.
        NoAnswer: It did not begin.
        OSError: The file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w+b") as file:
            await wallet.client.statement(
                file,
                **{"from": first.isoformat(), "to": last.isoformat() if last else None},
                format=form.value,
                holder="true" if with_name else None,
            )
            size_bytes = file.tell()
            file.seek(max(0, size_bytes - _TAIL_BYTES))
            if not _is_end(form, file.read()):
                raise StatementCutOff(detail="The statement broke off before its end")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return size_bytes


def _is_end(form: StatementForm, tail: bytes) -> bool:
    match form:
        case StatementForm.CSV:
            return tail.endswith(b"\r\n") and tail.splitlines()[-1].startswith(b"closing,")
        case StatementForm.CAMT053:
            return tail.rstrip().endswith(b"</Document>")
        case StatementForm.PDF:
            return tail.rstrip().endswith(b"%%EOF")
