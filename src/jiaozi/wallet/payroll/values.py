"""Texts of a payment message to exact values, or the reason why not.

No float and no rounding anywhere: sums are integers of the finest unit that the standard knows.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from jiaozi.wallet.payroll.model import ReasonCode, StatusReason
from jiaozi.wallet.payroll.records import Record

UNITS_PER_FEN = 10**3
"""Sums are counted in units of 0.00001 yuan, the finest that an ISO 20022 amount can say."""

BUSINESS_ZONE = timezone(timedelta(hours=8))
"""UTC+8, in which business days are counted."""

ID_CHARACTERS_MAX = 35
TEXT_CHARACTERS_MAX = 140

_COUNT = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"([+-]?[0-9]{1,34})(?:\.([0-9]{1,17}))?")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
# Control characters, line separators and marks that turn the direction of the text around them.
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(kw_only=True, eq=False)
class Unfit(Exception):
    """A block or a payment cannot be taken."""

    reason: StatusReason


def unfit(code: ReasonCode, path: str, problem: str) -> Unfit:
    """Make the exception; its sentence is the element's path and the problem."""
    return Unfit(reason=StatusReason(code, f"{path} {problem}", path))


def decimal_units(text: str) -> int | None:
    """Return a decimal number in units of 0.00001, exactly; None when it is none or finer."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    decimals = (match[2] or "").rstrip("0")
    return int(match[1] + decimals.ljust(5, "0")) if len(decimals) <= 5 else None


def format_units(units: int) -> str:
    """Return units of 0.00001 yuan as a decimal number with two decimals, or with five."""
    whole, rest = divmod(abs(units), 10**5)
    text = f"{'-' if units < 0 else ''}{whole}.{rest:05d}"
    return text.removesuffix("000")


def count_holds(text: str | None, count: int) -> bool:
    """Say whether a number of transactions, if given, is this one."""
    return text is None or (_COUNT.fullmatch(text) is not None and int(text) == count)


def sum_holds(text: str | None, units: int) -> bool:
    """Say whether a control sum, if given, is this one."""
    return text is None or decimal_units(text) == units


def is_line(text: str, characters_max: int) -> bool:
    """Say whether this is one readable line, not empty and not too long."""
    if not 0 < len(text) <= characters_max:
        return False
    return text.isprintable() or _UNREADABLE.search(text) is None  # the first is much quicker


def required_line(record: Record, path: str) -> str:
    """Return an id or another short line that must be there.

    Raises:
        Unfit: Missing or empty; not a readable line.
    """
    text = record.fields.get(path)
    if not text:
        raise unfit(ReasonCode.ELEMENT_MISSING, path, "is missing")
    return _line(text, path, ID_CHARACTERS_MAX)


def optional_line(
    record: Record, path: str, characters_max: int = TEXT_CHARACTERS_MAX
) -> str | None:
    """Return a line of text that may be absent or empty.

    Raises:
        Unfit: Not a readable line.
    """
    text = record.fields.get(path)
    return _line(text, path, characters_max) if text else None


def _line(text: str, path: str, characters_max: int) -> str:
    if not is_line(text, characters_max):
        problem = f"is not a line of 1 to {characters_max} readable characters"
        raise unfit(ReasonCode.CONTENT_INVALID, path, problem)
    return text


def parse_day(text: str) -> date | None:
    """Read an ISODate, whose offset says nothing here; None when it is none."""
    match = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def parse_instant(text: str) -> datetime | None:
    """Read an ISODateTime, in UTC+8 when it has no offset; None when it is none."""
    try:
        instant = datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        return None
    if instant is not None and instant.tzinfo is None:
        return instant.replace(tzinfo=BUSINESS_ZONE)
    return instant


def parse_business_day(text: str) -> date | None:
    """Read an ISODateTime and return its day in UTC+8; None when it is none."""
    instant = parse_instant(text)
    try:
        return instant.astimezone(BUSINESS_ZONE).date() if instant else None
    except OverflowError:
        return None
