"""Accounts and the rules that bind them: pure, without database or clock.

A registry loads the accounts that a batch of orders touches, the rules here decide and change
them, and the writer stores them. All of a payer's rules come before any of a payee's, and whatever
a payee lacks is one refusal to the payer (rules.md §E.5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from jiaozi.central_bank.rulebook.model import ClassLimits
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.orders import Leg
from jiaozi.protocol.refusals import Code, PayeeCause, refuse

_UTC8_MS = 8 * 3_600_000


class Kind(IntEnum):
    """What an account is; the number stands in the database."""

    ISSUANCE = 1
    SETTLEMENT = 2
    VAULT = 3
    RESERVE = 4
    WALLET = 5
    ESCROW = 6
    OFFLINE = 7
    GUARANTEE = 8


RESERVE_KINDS = frozenset((Kind.SETTLEMENT, Kind.RESERVE))
"""The kinds of the reserves ledger; the others are of the currency ledger."""


class Freeze(IntEnum):
    """What a freeze covers: bits of a number, which is cheaper to test than a flag."""

    DEBITS = 1
    ALL = 2


@dataclass(slots=True)
class Account:
    """An account as the rules see it: the columns of the table ``account``, in their order."""

    number: int
    kind: int
    operator: int
    wallet_class: int
    holder: int
    suite: int
    key: bytes
    group_id: bytes
    head: int
    parent: int | None = None
    closed: bool = False
    freezes: int = 0
    frozen_fen: int = 0
    balance_cap_fen: int | None = None
    single_limit_fen: int | None = None
    day_limit_fen: int | None = None
    year_limit_fen: int | None = None
    second_factor_above_fen: int | None = None
    waterfall: bool = False
    balance_fen: int = 0
    spent_on: int = 0
    day_spent_fen: int = 0
    year_spent_fen: int = 0
    group_balance_fen: int = 0
    group_spent_on: int = 0
    group_day_spent_fen: int = 0
    group_year_spent_fen: int = 0


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day and year that limits count by: UTC+8, at block time."""

    day: int
    """Days since 1970."""
    year_start: int
    """The day on which this calendar year began."""


@dataclass(kw_only=True, eq=False)
class PayeeRefusal(Exception):
    """A payee cannot receive; its own operator learns the cause."""

    payee: int
    cause: PayeeCause


def calendar_at(time_ms: int) -> Calendar:
    """Return the calendar of a block time in Unix milliseconds."""
    day = (time_ms + _UTC8_MS) // DAY_MS
    year = datetime.fromtimestamp(time_ms / 1000, tz=timezone(timedelta(hours=8))).year
    return Calendar(day, int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) // DAY_MS)


def check_may_debit(account: Account) -> None:
    """Check that an account may be debited at all.

    Raises:
        Refusal: ``account_closed`` or ``account_frozen``.
    """
    if account.closed:
        raise refuse(Code.ACCOUNT_CLOSED)
    if account.freezes:
        raise refuse(Code.ACCOUNT_FROZEN)


def check_funds(account: Account, amount_fen: int) -> None:
    """Check that the balance, less what is frozen of it, covers an amount.

    Raises:
        Refusal: ``insufficient_funds``, with what may leave.
    """
    available_fen = account.balance_fen - account.frozen_fen
    if available_fen < amount_fen:
        raise refuse(Code.INSUFFICIENT_FUNDS, max(available_fen, 0))


def check_spending(
    account: Account, amount_fen: int, single_fen: int | None, calendar: Calendar
) -> None:
    """Check one wallet's spending by an order against its own limits.

    Args:
        account: The debited wallet.
        amount_fen: The sum of its legs that leave its group.
        single_fen: The limit of one payment of its class.
        calendar: Of the block time.

    Raises:
        Refusal: ``limit_single``, ``limit_day`` or ``limit_year``, with limit and remainder.
    """
    for single in (single_fen, account.single_limit_fen):
        if single is not None and amount_fen > single:
            raise refuse(Code.LIMIT_SINGLE, single)
    if account.day_limit_fen is not None or account.year_limit_fen is not None:
        day, year = spent(account.spent_on, account.day_spent_fen, account.year_spent_fen, calendar)
        _check_sum(Code.LIMIT_DAY, account.day_limit_fen, day, amount_fen)
        _check_sum(Code.LIMIT_YEAR, account.year_limit_fen, year, amount_fen)


def check_group_spending(
    head: Account, amount_fen: int, limits: ClassLimits, calendar: Calendar
) -> None:
    """Check a holder's spending by an order, over all wallets of the group.

    Args:
        head: The account with the totals of the group.
        amount_fen: The sum of the legs that leave the group.
        limits: The caps of the wallet class, which bind per holder and operator.
        calendar: Of the block time.

    Raises:
        Refusal: ``limit_day`` or ``limit_year``, with limit and remainder.
    """
    if limits.day_fen is None and limits.year_fen is None:
        return
    day, year = spent(
        head.group_spent_on, head.group_day_spent_fen, head.group_year_spent_fen, calendar
    )
    _check_sum(Code.LIMIT_DAY, limits.day_fen, day, amount_fen)
    _check_sum(Code.LIMIT_YEAR, limits.year_fen, year, amount_fen)


def spent(
    spent_on: int, day_spent_fen: int, year_spent_fen: int, calendar: Calendar
) -> tuple[int, int]:
    """Return what was spent on the calendar's day and in its year."""
    return (
        day_spent_fen if spent_on == calendar.day else 0,
        year_spent_fen if spent_on >= calendar.year_start else 0,
    )


def count_spending(account: Account, head: Account, amount_fen: int, calendar: Calendar) -> None:
    """Add an amount to the sums of a wallet and of its group.

    The sums stop at the largest amount there is; a limit, where there is one, lies below.
    """
    day, year = spent(account.spent_on, account.day_spent_fen, account.year_spent_fen, calendar)
    account.spent_on = calendar.day
    account.day_spent_fen = min(day + amount_fen, FEN_MAX)
    account.year_spent_fen = min(year + amount_fen, FEN_MAX)
    day, year = spent(
        head.group_spent_on, head.group_day_spent_fen, head.group_year_spent_fen, calendar
    )
    head.group_spent_on = calendar.day
    head.group_day_spent_fen = min(day + amount_fen, FEN_MAX)
    head.group_year_spent_fen = min(year + amount_fen, FEN_MAX)


def check_credit(
    account: Account | None,
    head: Account | None,
    *,
    gain_fen: int,
    group_gain_fen: int,
    limits: ClassLimits | None,
) -> int:
    """Check that a wallet may be credited, and return what it would hold above a cap.

    That is nothing, unless its holder has consented to have it redeemed.

    Args:
        account: The payee; None when there is no such account.
        head: The account with the totals of its group.
        gain_fen: How much its balance grows by the order.
        group_gain_fen: How much the balance of its group grows.
        limits: The caps of its class; None when the rulebook has no such class any more, which
            stops credits.

    Raises:
        PayeeRefusal: With the cause, for the payee's operator.
    """
    if account is None or head is None:
        raise PayeeRefusal(payee=0, cause=PayeeCause.UNKNOWN)
    if account.closed:
        raise PayeeRefusal(payee=account.number, cause=PayeeCause.CLOSED)
    if account.freezes & Freeze.ALL:
        raise PayeeRefusal(payee=account.number, cause=PayeeCause.FROZEN)
    if limits is None:
        raise PayeeRefusal(payee=account.number, cause=PayeeCause.NOT_A_PAYEE)
    own, group = account.balance_fen + gain_fen, head.group_balance_fen + group_gain_fen
    caps = ((account.balance_cap_fen, own), (limits.balance_cap_fen, group), (FEN_MAX, group))
    excess_fen = 0
    for cap, balance in caps:
        if cap is not None and balance > cap:
            if not account.waterfall:
                raise PayeeRefusal(payee=account.number, cause=PayeeCause.BALANCE_CAP)
            excess_fen = max(excess_fen, balance - cap)
    return excess_fen


def move(legs: Sequence[Leg], accounts: Mapping[int, Account]) -> None:
    """Move the money of legs that were checked, group totals included."""
    for leg in legs:
        debited, credited = accounts[leg.debit], accounts[leg.credit]
        debited.balance_fen -= leg.amount
        credited.balance_fen += leg.amount
        accounts[debited.head].group_balance_fen -= leg.amount
        accounts[credited.head].group_balance_fen += leg.amount


def _check_sum(code: Code, limit_fen: int | None, spent_fen: int, amount_fen: int) -> None:
    if limit_fen is not None and spent_fen + amount_fen > limit_fen:
        raise refuse(code, limit_fen, max(limit_fen - spent_fen, 0))


@dataclass(frozen=True, slots=True)
class Totals:
    """Money by kind of account, and what was ever issued and destroyed."""

    issued_fen: int = 0
    destroyed_fen: int = 0
    vault_fen: int = 0
    wallet_fen: int = 0
    escrow_fen: int = 0
    offline_fen: int = 0
    guarantee_fen: int = 0
    shadow_fen: int = 0
    """What all devices together hold as far as the registry knows: as much as ``offline_fen``."""

    @property
    def outstanding_fen(self) -> int:
        """Money outstanding: issued and not destroyed."""
        return self.issued_fen - self.destroyed_fen
