"""Limits and caps: the audit's own reading of rules.md §E.1 to §E.4.

1. A payment spends, for each wallet that it debits, the sum of the legs that leave the wallet's
   group. That sum is bound by the single limits of the wallet and of its class.
2. What a wallet has spent on a day and in a calendar year is bound by its own limits, what its
   group has spent by those of its class. Days are those of block time in UTC+8.
3. Exchange and redeem spend nothing, and nothing that comes in gives back what was spent. There is
   no order type for refunds: a payment that names an original in its link spends as any other.
4. After a payment or an exchange no wallet that it credits holds more than its own cap, and no
   group of such a wallet more than the cap of the wallet's class. Where more was there before,
   nothing may be credited.

Each sum is that after the order, so that a false order is counted as the registry claims it.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from jiaozi.central_bank.audit.accounts import Account, Today
from jiaozi.central_bank.audit.model import Differs, Rule
from jiaozi.central_bank.audit.state import State
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import format_number

Leg = tuple[int, int, int]
_UTC8_MS = 8 * 3_600_000
_EPOCH = date(1970, 1, 1).toordinal()
_CALENDAR_DAYS = 146_097  # the Gregorian calendar repeats itself after 400 years


@lru_cache(maxsize=4)
def today(time_ms: int) -> Today:
    """Return the day and the calendar year of a block time, whatever a header says."""
    day = (time_ms + _UTC8_MS) // DAY_MS
    day_of_calendar = day % _CALENDAR_DAYS
    year = date.fromordinal(_EPOCH + day_of_calendar).year
    year_start = date(year, 1, 1).toordinal() - _EPOCH
    return Today(day, day - day_of_calendar + year_start)


def count_spending(legs: Iterable[Leg], state: State, time_ms: int) -> Differs | None:
    """Count what a payment between accounts that exist spends; return the limit that it passed."""
    accounts, day = state.accounts, today(time_ms)
    spent: dict[int, int] = {}
    for debit, credit, amount in legs:
        if accounts[debit].whole is not accounts[credit].whole:
            spent[debit] = spent.get(debit, 0) + amount
    for number, amount in spent.items():
        account = accounts[number]
        account.spend(amount, day)
        if account.group is not None:
            account.group.spend(amount, day)
    book = state.rulebook_at(time_ms)
    for number, amount in spent.items():
        passed = _limit_passed(accounts[number], amount, book)
        if passed is not None:
            return Differs(rule=Rule.LIMIT, detail=f"{format_number(number)} {passed}")
    return None


def check_caps(legs: Iterable[Leg], state: State, time_ms: int) -> None:
    """Check that the wallets which an order credited hold no more than they may.

    Raises:
        Differs: One does.
    """
    book = state.rulebook_at(time_ms)
    for _, credit, _ in legs:
        passed = _cap_passed(state.accounts[credit], book)
        if passed is not None:
            raise Differs(rule=Rule.BALANCE_CAP, detail=f"{format_number(credit)} {passed}")


def _limit_passed(account: Account, amount_fen: int, book: Rulebook) -> str | None:
    terms, limits = account.terms, _limits_of(account, book)
    if limits is None:
        return "paid in a class that the rulebook lacks"
    whole = account.whole
    for what, spent_fen, limit_fen in (
        ("at once, its class allows", amount_fen, limits.single_fen),
        ("at once, its own limit is", amount_fen, terms.single_limit_fen),
        ("in a day, its own limit is", account.day_spent_fen, terms.day_limit_fen),
        ("in a year, its own limit is", account.year_spent_fen, terms.year_limit_fen),
        ("in a day with its group, its class allows", whole.day_spent_fen, limits.day_fen),
        ("in a year with its group, its class allows", whole.year_spent_fen, limits.year_fen),
    ):
        if limit_fen is not None and spent_fen > limit_fen:
            return f"spent {spent_fen} fen {what} {limit_fen}"
    return None


def _cap_passed(account: Account, book: Rulebook) -> str | None:
    limits, own_fen = _limits_of(account, book), account.terms.balance_cap_fen
    if limits is None:
        return "was credited in a class that the rulebook lacks"
    if own_fen is not None and account.balance_fen > own_fen:
        return f"was credited up to {account.balance_fen} fen, its own cap is {own_fen}"
    class_fen, held_fen = limits.balance_cap_fen, account.whole.balance_fen
    if class_fen is not None and held_fen > class_fen:
        return f"was credited up to {held_fen} fen with its group, its class allows {class_fen}"
    return None


def _limits_of(account: Account, book: Rulebook) -> ClassLimits | None:
    return book.limits_of(account.terms.holder, account.terms.wallet_class)
