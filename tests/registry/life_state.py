"""Wallets as rules.md §A and §E see them: what each of them has, and what happens by itself."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code

DAY_MS = 86_400_000
HOLDER, OPERATOR, CENTRAL_BANK = 1, 2, 3
DEBITS, ALL, AMOUNT = 1, 2, 3
RAISE_MS, UNFREEZE_MS, REBIND_MS, LAPSE_MS, HALT_MAX_MS = (
    days * DAY_MS for days in (1, 1, 3, 30, 3)
)
FREEZES_MAX, MANDATES_MAX = 8, 64

Outcome = tuple[int, ...]
"""A code and its fields."""
Signer = tuple[str, int, int]
"""What kind of key, whose, and which one."""
SETTLED: Outcome = (0,)


class Refused(Exception):
    """The order is refused."""

    def __init__(self, code: int, *fields: int) -> None:
        self.outcome: Outcome = (int(code), *fields)


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What bounds a wallet class; None does not."""

    balance: int | None = None
    single: int | None = None
    day: int | None = None
    year: int | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An order; ``content`` tells two orders of one id apart, ``number`` is what it acts on."""

    type: Type
    id: bytes
    number: int
    content: bytes
    made_ms: int
    expires_ms: int
    caller: int
    opened_by: int
    """The operator whose prefix the number bears."""
    signers: tuple[Signer, ...]
    leg: tuple[int, int, int] | None = None
    body: Mapping[str, int | bytes] = field(default_factory=dict)


@dataclass(kw_only=True)
class Rebind:
    key: bytes
    asked_ms: int
    objected_ms: int | None = None
    lapses_ms: int


@dataclass(kw_only=True)
class Mandate:
    signer: Signer
    payee: int
    single: int
    day: int
    ends_ms: int
    paid: Counter[date] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Wallet:
    opened_by: int
    key: bytes
    wallet_class: int
    own: dict[str, int]
    balance: int = 0
    closed: bool = False
    freezes: dict[tuple[bytes, int], tuple[int, int]] = field(default_factory=dict)
    """Scope and amount, by case and authority."""
    lifts: dict[bytes, int] = field(default_factory=dict)
    """When a holder's freeze ends by itself."""
    raises: tuple[int, dict[str, int]] | None = None
    """When which limits are in force by themselves."""
    rebind: Rebind | None = None
    mandates: dict[bytes, Mandate] = field(default_factory=dict)
    paid: Counter[date] = field(default_factory=Counter)
    waterfall: bool = False

    @property
    def stops_debits(self) -> bool:
        return self.rebind is not None or any(scope != AMOUNT for scope, _ in self.freezes.values())

    @property
    def stops_credits(self) -> bool:
        return any(scope == ALL for scope, _ in self.freezes.values())

    @property
    def frozen_fen(self) -> int:
        return sum(amount for _, amount in self.freezes.values())

    @property
    def is_frozen_by_others(self) -> bool:
        return any(authority != HOLDER for _, authority in self.freezes)

    def forget_safeguards(self) -> None:
        self.freezes, self.lifts, self.mandates = {}, {}, {}
        self.raises = self.rebind = None
        self.waterfall = False

    def due_times(self) -> Iterator[int]:
        yield from self.lifts.values()
        if self.raises:
            yield self.raises[0]
        if self.rebind:
            yield self.rebind.lapses_ms

    def wait_until(self, now_ms: int) -> None:
        """Let everything happen that happens by itself."""
        for case in [each for each, due_ms in self.lifts.items() if due_ms <= now_ms]:
            del self.lifts[case], self.freezes[case, HOLDER]
        if self.raises and self.raises[0] <= now_ms:
            self.own, self.raises = self.raises[1], None
        if self.rebind and self.rebind.lapses_ms <= now_ms:
            self.rebind = None


@dataclass(kw_only=True)
class State:
    """A registry of wallets; ``keys`` tells what each signer's public key is."""

    classes: dict[int, Caps]
    vaults: Mapping[int, int]
    """Numbers of the vaults, by operator."""
    keys: Mapping[Signer, bytes]
    wallets: dict[int, Wallet] = field(default_factory=dict)
    carriers: dict[int, int] = field(default_factory=dict)
    halts: dict[tuple[int, int], tuple[int, int | None]] = field(default_factory=dict)
    vault: Counter[int] = field(default_factory=Counter)
    ids: dict[tuple[int, bytes], tuple[bytes, Outcome, int]] = field(default_factory=dict)
    now_ms: int = 0
    let_through: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Of each halt that slows down, in the present second."""

    def begin_block(self, now_ms: int, last_block_ms: int) -> None:
        """Come to a block time: what was due by then has happened."""
        if now_ms // 1000 != self.now_ms // 1000:
            self.let_through.clear()
        self.now_ms = now_ms
        yesterday = last_block_ms // DAY_MS - 1
        self.ids = {key: value for key, value in self.ids.items() if value[2] >= yesterday}
        for each in self.wallets.values():
            each.wait_until(now_ms)

    def next_due_ms(self) -> int | None:
        """Return when something happens next, or when a halt or a rebind's wait is over."""
        times = [due for each in self.wallets.values() for due in each.due_times()]
        times += [
            (it.rebind.objected_ms or it.rebind.asked_ms) + REBIND_MS
            for it in self.wallets.values()
            if it.rebind
        ]
        times += [until_ms for until_ms, _ in self.halts.values()]
        return min((each for each in times if each > self.now_ms), default=None)

    def carrier(self, number: int) -> int:
        return self.carriers.get(self.wallets[number].opened_by, self.wallets[number].opened_by)


def still_open(wallet: Wallet) -> Wallet:
    if wallet.closed:
        raise Refused(Code.ACCOUNT_CLOSED)
    return wallet


def check_may_debit(wallet: Wallet) -> None:
    if still_open(wallet).stops_debits:
        raise Refused(Code.ACCOUNT_FROZEN)


def day_of(time_ms: int) -> date:
    """Return the day of a time in UTC+8."""
    return datetime.fromtimestamp(time_ms / 1000, timezone(timedelta(hours=8))).date()
