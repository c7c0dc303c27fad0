"""What a statement is. Pure.

Opening plus what came in, less what went out, is the closing balance, to the fen. A period is of
whole business days (UTC+8), both ends included, or ends now.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from jiaozi.operator.history.model import Line
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, refuse

BUSINESS_ZONE = timezone(timedelta(hours=8))
"""UTC+8, in which business days are counted."""

_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 2)


class Period(NamedTuple):
    """From a time up to before another, in Unix milliseconds; ``until_ms`` None is up to now."""

    from_ms: int
    until_ms: int | None


class Totals(NamedTuple):
    """The balance before a period, and the sums and number of what settled in it."""

    opening_fen: int
    incoming_fen: int
    outgoing_fen: int
    entries: int

    @property
    def closing_fen(self) -> int:
        """The balance after the period."""
        return self.opening_fen + self.incoming_fen - self.outgoing_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known of a statement before its first entry.

    Attributes:
        until_ms: The period ends before it.
        first_height: No entry stands in a lower block.
        height: Of the last block that is taken into account.
        holder: Printed when the holder asks for it.
    """

    operator: int
    wallet: AccountNumber
    from_ms: int
    until_ms: int
    first_height: int
    height: int
    totals: Totals
    issued_ms: int
    holder: str | None


class StatementEntry(NamedTuple):
    """One settled leg and the balance after it."""

    line: Line
    balance_fen: int


def period_of(first: date, last: date | None, now_ms: int) -> Period:
    """Return the period from the beginning of one day to the end of another, or up to now.

    Raises:
        Refusal: ``malformed``: it ends before it begins, or begins in the future.
    """
    from_ms = day_start_ms(first)
    if from_ms > now_ms:
        raise refuse(Code.MALFORMED, "query.from")
    if last is None:
        return Period(from_ms, None)
    if not first <= last < date.max:
        raise refuse(Code.MALFORMED, "query.to")
    until_ms = day_start_ms(last + _DAY)
    return Period(from_ms, until_ms if until_ms <= now_ms else None)


def day_start_ms(day: date) -> int:
    """Return when a business day begins; days before 1970 begin with it."""
    if day < _EPOCH:
        return 0
    midnight = datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE)
    return int(midnight.timestamp()) * 1000


def moment(time_ms: int) -> datetime:
    """Return Unix milliseconds as people in the business zone read them."""
    return datetime.fromtimestamp(time_ms / 1000, BUSINESS_ZONE)
