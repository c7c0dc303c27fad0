"""What rules.md says must become of each order: a registry without database, batches or shortcuts.

Written from the rules, not from the registry: it keeps every payment ever made and sums them anew
for each limit, and shares no code with what it predicts but the names of types and refusals.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code

DAY_MS = 86_400_000
SETTLED = 0

Legs = Iterable[tuple[int, int, int]]
"""From, to, amount."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What bounds a class or a wallet; None does not."""

    single: int | None = None
    day: int | None = None
    year: int | None = None
    balance: int | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An order; ``content`` tells two orders of one id apart."""

    type: Type
    id: bytes
    scope: int
    content: bytes
    made_ms: int
    expires_ms: int
    begins_ms: int
    caller: int
    operator: int
    signed_rightly: bool = True
    legs: tuple[tuple[int, int, int], ...] = ()
    wallet_class: int = 0
    group: bytes = b""
    own: Caps = Caps()
    quota: int = 0
    reference: bytes | None = None

    @property
    def amount(self) -> int:
        return sum(amount for _, _, amount in self.legs)


@dataclass(kw_only=True)
class Wallet:
    operator: int
    wallet_class: int
    group: bytes
    own: Caps
    balance: int = 0
    paid: list[tuple[date, int]] = field(default_factory=list)


@dataclass(kw_only=True)
class Reference:
    classes: dict[int, Caps]
    quota: dict[int, int]
    wallets: dict[int, Wallet] = field(default_factory=dict)
    vault: Counter[int] = field(default_factory=Counter)
    reserve: Counter[int] = field(default_factory=Counter)
    funded: set[bytes | None] = field(default_factory=set)
    issued: int = 0
    destroyed: int = 0
    ids: dict[tuple[int, bytes], tuple[bytes, int, int]] = field(default_factory=dict)
    journal: list[tuple[bytes, int]] = field(default_factory=list)

    def take(self, asked: Asked, now_ms: int) -> int:
        """Return the code with which an order must be answered, and do what it asks for."""
        known = self.ids.get((asked.scope, asked.id))
        if known is not None:
            return known[1] if known[0] == asked.content else Code.ID_REUSED
        code = self._judge(asked, now_ms)
        if code == SETTLED:
            self._apply(asked, day_of(now_ms))
        if code == SETTLED or code >= 100:
            last_day = (asked.made_ms + 7 * DAY_MS) // DAY_MS
            self.ids[asked.scope, asked.id] = (asked.content, code, last_day)
            self.journal.append((asked.content, code))
        return code

    def forget(self, last_block_ms: int) -> None:
        """Forget the ids that no order alive can bear."""
        yesterday = last_block_ms // DAY_MS - 1
        self.ids = {key: value for key, value in self.ids.items() if value[2] >= yesterday}

    def holder(self, number: int) -> tuple[bytes, int] | None:
        wallet = self.wallets.get(number)
        return (wallet.group, wallet.operator) if wallet else None

    def held(self, number: int) -> list[Wallet]:
        """Return all wallets of the holder of one."""
        return [each for n, each in self.wallets.items() if self.holder(n) == self.holder(number)]

    def _judge(self, asked: Asked, now_ms: int) -> int:
        if asked.expires_ms <= now_ms:
            return Code.EXPIRED
        if asked.made_ms > now_ms + 300_000:
            return Code.ID_TIME_AHEAD
        if asked.type in (Type.PAYMENT, Type.REDEEM) and not all(
            debit in self.wallets for debit, _, _ in asked.legs
        ):
            return Code.ACCOUNT_UNKNOWN
        if asked.type in _BY_OPERATOR and not self._debits_by(asked) <= {asked.caller}:
            return Code.OTHER_OPERATOR
        if not asked.signed_rightly:
            return Code.CERTIFICATE_UNKNOWN if asked.type in _BY_CERTIFIED else Code.SIGNER_FOREIGN
        if asked.type is Type.EXCHANGE:
            payee = self.wallets.get(asked.legs[0][1])
            if payee is not None and payee.operator != asked.operator:
                return Code.LEGS_NOT_ALLOWED
        if asked.begins_ms > now_ms:
            return Code.NOT_YET_VALID
        return self._judge_money(asked, day_of(now_ms))

    def _debits_by(self, asked: Asked) -> set[int]:
        """Return the operators whose accounts an order debits or opens."""
        if asked.type is not Type.PAYMENT:
            return {asked.operator}
        return {self.wallets[debit].operator for debit, _, _ in asked.legs}

    def _judge_money(self, asked: Asked, today: date) -> int:
        operator, amount = asked.operator, asked.amount
        match asked.type:
            case Type.OPEN_ACCOUNT if asked.scope in self.wallets:
                return Code.ACCOUNT_EXISTS
            case Type.OPEN_ACCOUNT if asked.wallet_class not in self.classes:
                return Code.CLASS_UNKNOWN
            case Type.FUND_RESERVE if asked.reference in self.funded:
                return Code.FUNDED_BEFORE
            case Type.ISSUE if amount > self.reserve[operator]:
                return Code.RESERVE_INSUFFICIENT
            case Type.ISSUE if self.vault[operator] + amount > self.quota[operator]:
                return Code.QUOTA_EXCEEDED
            case Type.DESTROY | Type.EXCHANGE if amount > self.vault[operator]:
                return Code.INSUFFICIENT_FUNDS
            case Type.REDEEM if amount > self.wallets[asked.scope].balance:
                return Code.INSUFFICIENT_FUNDS
            case Type.PAYMENT:
                return self._judge_payers(asked, today) or self._judge_payees(asked)
            case Type.EXCHANGE:
                return self._judge_payees(asked)
            case _:
                return SETTLED

    def _judge_payers(self, asked: Asked, today: date) -> int:
        leaving = _sum(self._leaving(asked.legs))
        for number, amount in leaving.items():
            wallet, held = self.wallets[number], self.held(number)
            own, caps = wallet.own, self.classes[wallet.wallet_class]
            holder = self.holder(number)
            all_of_holder = sum(leaving[n] for n in leaving if self.holder(n) == holder)
            for code, cap, total in (
                (Code.LIMIT_SINGLE, caps.single, amount),
                (Code.LIMIT_SINGLE, own.single, amount),
                (Code.LIMIT_DAY, own.day, amount + paid([wallet], today.__eq__)),
                (Code.LIMIT_YEAR, own.year, amount + paid([wallet], in_year(today))),
                (Code.LIMIT_DAY, caps.day, all_of_holder + paid(held, today.__eq__)),
                (Code.LIMIT_YEAR, caps.year, all_of_holder + paid(held, in_year(today))),
            ):
                if cap is not None and total > cap:
                    return code
        debits = _sum(asked.legs)
        short = any(debits[number] > self.wallets[number].balance for number in debits)
        return Code.INSUFFICIENT_FUNDS if short else SETTLED

    def _judge_payees(self, asked: Asked) -> int:
        change = _sum(asked.legs, of_credits=True)
        change.subtract(_sum(asked.legs))
        for _, credit, _ in asked.legs:
            if credit not in self.wallets:
                return Code.PAYEE_CANNOT_RECEIVE
            wallet, holder = self.wallets[credit], self.holder(credit)
            held = sum(each.balance for each in self.held(credit))
            held += sum(change[n] for n in change if self.holder(n) == holder)
            for cap, balance in (
                (wallet.own.balance, wallet.balance + change[credit]),
                (self.classes[wallet.wallet_class].balance, held),
            ):
                if cap is not None and balance > cap:
                    return Code.PAYEE_CANNOT_RECEIVE
        return SETTLED

    def _leaving(self, legs: Legs) -> list[tuple[int, int, int]]:
        return [leg for leg in legs if self.holder(leg[0]) != self.holder(leg[1])]

    def _apply(self, asked: Asked, today: date) -> None:
        operator, amount = asked.operator, asked.amount
        match asked.type:
            case Type.OPEN_ACCOUNT:
                self.wallets[asked.scope] = Wallet(
                    operator=operator, wallet_class=asked.wallet_class, group=asked.group,
                    own=asked.own,
                )  # fmt: skip
            case Type.PAYMENT:
                for number, each in _sum(self._leaving(asked.legs)).items():
                    self.wallets[number].paid.append((today, each))
                for debit, credit, each in asked.legs:
                    self.wallets[debit].balance -= each
                    self.wallets[credit].balance += each
            case Type.REDEEM:
                self.wallets[asked.scope].balance -= amount
                self.vault[operator] += amount
            case Type.EXCHANGE:
                self.vault[operator] -= amount
                self.wallets[asked.legs[0][1]].balance += amount
            case Type.ISSUE:
                self.reserve[operator] -= amount
                self.vault[operator] += amount
                self.issued += amount
            case Type.DESTROY:
                self.vault[operator] -= amount
                self.reserve[operator] += amount
                self.destroyed += amount
            case Type.FUND_RESERVE:
                self.funded.add(asked.reference)
                self.reserve[operator] += amount
            case _:
                self.quota[operator] = asked.quota


def day_of(time_ms: int) -> date:
    """Return the day of a time in UTC+8."""
    return datetime.fromtimestamp(time_ms / 1000, timezone(timedelta(hours=8))).date()


def paid(wallets: Iterable[Wallet], counts: Callable[[date], bool]) -> int:
    """Sum what wallets paid on the days that count."""
    return sum(amount for each in wallets for day, amount in each.paid if counts(day))


def in_year(today: date) -> Callable[[date], bool]:
    """Count the days of a calendar year."""
    return lambda day: day.year == today.year


def _sum(legs: Legs, *, of_credits: bool = False) -> Counter[int]:
    sums: Counter[int] = Counter()
    for leg in legs:
        sums[leg[of_credits]] += leg[2]
    return sums


_BY_CERTIFIED = {Type.OPEN_ACCOUNT, Type.FUND_RESERVE, Type.QUOTA}
_BY_OPERATOR = {Type.OPEN_ACCOUNT, Type.PAYMENT, Type.REDEEM, Type.EXCHANGE}
