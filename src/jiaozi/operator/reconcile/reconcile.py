"""Reconcile the operator's books, all of them or those of one day, from one snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from jiaozi.operator.reconcile import store
from jiaozi.operator.reconcile.model import (
    Case,
    Cause,
    Difference,
    Open,
    compare_days,
    difference_of,
    judge,
    open_of,
)
from jiaozi.operator.reconcile.store import Hold, Totals
from jiaozi.protocol.daily_statement import day_of, format_day
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What reconciling found.

    Attributes:
        day: The one that was looked at; None for all.
        totals: Of all days: what core and vault moved.
        open: Sagas under way.
        differences: What nobody explains.
        statements: How many daily statements there are.
    """

    day: str | None
    totals: Totals
    open: list[Open] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    statements: int = 0


async def reconcile(database: Database, day: int | None = None) -> Report:
    """Reconcile; nothing is changed.

    Raises:
        StorageUnavailable: The database is gone.
    """
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        feed_height = await store.feed_height(connection)
        exchanges = await store.read_exchanges(connection)
        redemptions = await store.read_redemptions(connection)
        holds = await store.read_holds(connection)
        flows = await store.read_flows(connection)
        stated = await store.read_statements(connection)
        totals = await store.read_totals(connection)
    _check_sums(totals, exchanges, redemptions)
    report = Report(
        day=None if day is None else format_day(day), totals=totals, statements=len(stated)
    )
    for case in _of_day([*exchanges, *redemptions], day):
        cause = judge(case, feed_height)
        if cause is None:
            report.open.append(open_of(case))
        else:
            report.differences.append(difference_of(case, cause))
    report.differences.extend(_left(hold) for hold in holds if _concerns(hold.created_ms, day))
    report.differences.extend(compare_days(flows, stated, day))
    return report


def _check_sums(totals: Totals, exchanges: list[Case], redemptions: list[Case]) -> None:
    """Make sure that all that core and vault are apart by is among the cases: every fen of it."""
    apart = (
        totals.exchanged_fen - totals.taken_fen - sum(each.apart_fen for each in exchanges),
        totals.redeemed_fen - totals.paid_fen - sum(each.apart_fen for each in redemptions),
    )
    assert apart == (0, 0), f"the cases leave out {apart} fen of {totals}"


def _of_day(cases: Iterable[Case], day: int | None) -> Iterable[Case]:
    """Keep the cases of a day; one that has no day belongs to each."""
    return (each for each in cases if day is None or each.day in (None, day))


def _concerns(time_ms: int | None, day: int | None) -> bool:
    return day is None or time_ms is None or day_of(time_ms) == day


def _left(hold: Hold) -> Difference:
    detail = "no exchange" if hold.state is None else f"exchange of {hold.saga_fen} is {hold.state}"
    day = None if hold.created_ms is None else format_day(day_of(hold.created_ms))
    return Difference(Cause.HOLD_LEFT, hold.amount_fen, day, None, hold.key, detail)
