"""What reconciling finds: money under way, and money that nobody explains. Pure.

::

    exchange     registry: vault -> wallet     then core: deposit -> digital yuan   (captured)
    redemption   registry: wallet -> vault     then core: digital yuan -> deposit   (credited)
    sweep        likewise, by the registry itself; its deposit may be chosen later

On its way, money is on the registry's side and not yet on the core's: its saga says so, and is
open. Everything else that stands on one side alone is a difference, each with one cause.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from jiaozi.protocol.daily_statement import day_of, format_day


class Cause(StrEnum):
    """Why a difference is one."""

    CORE_WITHOUT_SAGA = "core_without_saga"
    """The core booked digital yuan for no exchange, redemption or sweep of ours."""
    VAULT_WITHOUT_SAGA = "vault_without_saga"
    """The vault moved for no exchange, redemption or sweep of ours."""
    AMOUNT_DIFFERS = "amount_differs"
    """Core or vault moved another amount than the saga says."""
    CORE_MISSING = "core_missing"
    """The saga is over, and the core has not booked it."""
    VAULT_MISSING = "vault_missing"
    """The saga says that it settled, and the feed does not know of it."""
    SETTLED_IN_VAIN = "settled_in_vain"
    """The vault moved, though the saga was given up: money left without a deposit, or came."""
    CORE_TOO_EARLY = "core_too_early"
    """The core has booked what has not settled."""
    HOLD_LEFT = "hold_left"
    """A deposit is held for no exchange, for one that is over, or for another amount."""
    STATEMENT_MISSING = "statement_missing"
    """The registry's statement of this day is not there."""
    STATEMENT_DIFFERS = "statement_differs"
    """The registry states another figure of this day than its feed gives."""
    STATEMENT_UNEXPLAINED = "statement_unexplained"
    """The registry itself states a difference."""


class Difference(NamedTuple):
    """One thing that is not explained; ``amount_fen`` by how much."""

    cause: Cause
    amount_fen: int
    day: str | None
    order_id: str | None
    core_key: str | None
    detail: str


class Open(NamedTuple):
    """A saga under way; ``under_way_fen`` of it is on the registry's side alone."""

    core_key: str
    state: str
    amount_fen: int
    under_way_fen: int
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An exchange, redemption or sweep as three tell of it; None is nothing. Amounts in fen."""

    core_key: str | None
    posted_key: str | None
    state: str | None
    amount_fen: int | None
    order_id: bytes | None
    height: int | None
    created_ms: int | None
    core_fen: int | None
    vault_fen: int | None
    time_ms: int | None

    @property
    def day(self) -> int | None:
        """The day it belongs to: of its block, else of its beginning; None for what has neither."""
        when_ms = self.created_ms if self.time_ms is None else self.time_ms
        return None if when_ms is None else day_of(when_ms)

    @property
    def apart_fen(self) -> int:
        """By how much the vault moved more than the core booked."""
        return (self.vault_fen or 0) - (self.core_fen or 0)


class Flows(NamedTuple):
    """What moved at the vault in a day."""

    issued_fen: int = 0
    destroyed_fen: int = 0
    exchanged_fen: int = 0
    redeemed_fen: int = 0
    set_aside_fen: int = 0
    released_fen: int = 0

    @property
    def net_fen(self) -> int:
        """By how much the vault grew."""
        grown_fen = self.issued_fen + self.redeemed_fen + self.released_fen
        return grown_fen - self.destroyed_fen - self.exchanged_fen - self.set_aside_fen


class Stated(NamedTuple):
    """What the registry states of a day."""

    day: int
    opening_fen: int
    flows: Flows
    vault_fen: int
    difference_fen: int


_MAY_HAVE_SETTLED = frozenset(("held", "settled", "stored"))
_SETTLED = frozenset(("settled", "captured", "credited"))
_OVER = frozenset(("captured", "credited"))


def judge(case: Case, feed_height: int) -> Cause | None:
    """Say why a case that is not over on all sides is a difference; None when it is under way."""
    if case.state is None:
        is_core = case.core_fen is not None
        return Cause.CORE_WITHOUT_SAGA if is_core else Cause.VAULT_WITHOUT_SAGA
    told = [each for each in (case.core_fen, case.vault_fen) if each is not None]
    if any(each != case.amount_fen for each in told):
        return Cause.AMOUNT_DIFFERS
    if case.vault_fen is None:
        feed_is_behind = case.height is not None and case.height > feed_height
        if case.state in _SETTLED:
            return None if feed_is_behind else Cause.VAULT_MISSING
        return None if case.core_fen is None else Cause.CORE_TOO_EARLY
    if case.state in _OVER:
        return Cause.CORE_MISSING
    if case.state not in _MAY_HAVE_SETTLED:
        return Cause.SETTLED_IN_VAIN
    # The core books before its saga is closed: a crash between the two is taken up again.
    return None


def compare_days(
    flows: Mapping[int, Flows], stated: Sequence[Stated], only_day: int | None
) -> Iterator[Difference]:
    """Yield how the registry's statements differ from the vault's movements by its own feed."""
    by_day = {each.day: each for each in stated}
    if only_day is not None and only_day not in by_day:
        yield _difference(Cause.STATEMENT_MISSING, 0, only_day, "the registry has not stated it")
    if not by_day:
        return
    first, last = min(by_day), max(by_day)
    vault_fen = sum(each.net_fen for day, each in flows.items() if day < first)
    for day in range(first, last + 1):
        moved, opening_fen = flows.get(day, Flows()), vault_fen
        vault_fen += moved.net_fen
        if only_day not in (None, day):
            continue
        if day in by_day:
            yield from _compare_day(by_day[day], opening_fen, moved, vault_fen)
        elif only_day is None:
            yield _difference(Cause.STATEMENT_MISSING, 0, day, "later days are stated")


def _compare_day(
    stated: Stated, opening_fen: int, moved: Flows, vault_fen: int
) -> Iterator[Difference]:
    pairs = [
        ("opening_fen", stated.opening_fen, opening_fen),
        *zip(Flows._fields, stated.flows, moved, strict=True),
        ("vault_fen", stated.vault_fen, vault_fen),
    ]
    for name, by_statement, by_feed in pairs:
        if by_statement != by_feed:
            detail = f"{name}: stated {by_statement}, by the feed {by_feed}"
            apart_fen = abs(by_statement - by_feed)
            yield _difference(Cause.STATEMENT_DIFFERS, apart_fen, stated.day, detail)
    if stated.difference_fen:
        detail = "the registry's own figures do not add up"
        yield _difference(Cause.STATEMENT_UNEXPLAINED, stated.difference_fen, stated.day, detail)


def difference_of(case: Case, cause: Cause) -> Difference:
    """Tell a case as a difference."""
    sides = {"saga": case.amount_fen, "core": case.core_fen, "vault": case.vault_fen}
    told = ", ".join(
        f"{name} {'nothing' if value is None else value}" for name, value in sides.items()
    )
    return Difference(
        cause=cause,
        amount_fen=abs(case.apart_fen) or case.amount_fen or case.core_fen or 0,
        day=None if case.day is None else format_day(case.day),
        order_id=None if case.order_id is None else case.order_id.hex(),
        core_key=case.core_key or case.posted_key,
        detail=f"{told}" + ("" if case.state is None else f"; {case.state}"),
    )


def open_of(case: Case) -> Open:
    """Tell a case as a saga under way."""
    assert case.core_key is not None, "what is under way has a saga"
    assert case.day is not None, "a saga has a beginning"
    return Open(
        case.core_key, case.state or "", case.amount_fen or 0, abs(case.apart_fen),
        format_day(case.day),
    )  # fmt: skip


def _difference(cause: Cause, amount_fen: int, day: int, detail: str) -> Difference:
    return Difference(cause, amount_fen, format_day(day), None, None, detail)
