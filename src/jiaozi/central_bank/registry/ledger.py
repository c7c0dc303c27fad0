"""What a batch of orders works on: loaded before it, written after it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.devices import Devices, Enrolled
from jiaozi.central_bank.registry.model import (
    Account,
    Calendar,
    Kind,
    Totals,
    calendar_at,
    move,
)
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol.orders import Leg, Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.safeguards import Safeguards


@dataclass(slots=True)
class Ledger:
    """What a batch of orders works on: all accounts that they name and that exist, and control."""

    accounts: dict[int, Account]
    groups: dict[tuple[bytes, int], Account]
    """Heads of the groups that the batch opens wallets in, by group and operator."""
    control: Control
    totals: Totals
    time_ms: int
    opened: list[Account] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)
    """Numbers of the accounts whose balance or sums changed, group heads included."""
    safeguards: dict[int, Safeguards] = field(default_factory=lambda: defaultdict(Safeguards))
    """Of the wallets whose safeguards the batch asks for; a wallet without any begins one."""
    retermed: set[int] = field(default_factory=set)
    """Numbers of the accounts of which more changed than balance and sums."""
    guarded: set[int] = field(default_factory=set)
    """Numbers of the wallets whose safeguards changed."""
    sweeps: list[Leg] = field(default_factory=list)
    """What the payment that is being posted lifts wallets above their caps."""
    devices: Devices = field(default_factory=Devices)
    """Those that the batch names."""
    concerned: set[int] = field(default_factory=set)
    """The operators of the devices that the order being posted is about."""
    calendar: Calendar = field(init=False)
    rulebook: Rulebook = field(init=False)

    def __post_init__(self) -> None:
        """Find day and rulebook of the block time."""
        self.calendar = calendar_at(self.time_ms)
        self.rulebook = self.control.rulebook_at(self.time_ms)
        self.carry_on()

    def carry_on(self) -> None:
        """Let carriers stand in the place of the failed operators that opened wallets."""
        carriers = self.control.carriers
        if not carriers:
            return
        for account in self.accounts.values():
            if account.kind == Kind.WALLET:
                account.operator = carriers.get(account.operator, account.operator)
        self.groups = {(group, head.operator): head for (group, _), head in self.groups.items()}

    def check_begun(self, order: Order) -> None:
        """Check that an order is valid already.

        Raises:
            Refusal: ``not_yet_valid``.
        """
        if order.not_before_ms > self.time_ms:
            raise refuse(Code.NOT_YET_VALID, order.not_before_ms)

    def limits_of(self, account: Account) -> ClassLimits | None:
        """Return the caps of a wallet's class; None when the rulebook has no such class."""
        return self.rulebook.limits_of(account.holder, account.wallet_class)

    def add(self, account: Account) -> None:
        """Add an account that this batch opens."""
        self.accounts[account.number] = account
        self.opened.append(account)

    def transfer(self, legs: Sequence[Leg]) -> None:
        """Move the money of legs that were checked."""
        move(legs, self.accounts)
        for leg in legs:
            for number in (leg.debit, leg.credit):
                self.changed.add(number)
                self.changed.add(self.accounts[number].head)

    def concern(self, device: Enrolled) -> None:
        """Note that an order is about a device: its operator learns of it."""
        self.concerned.add(self.control.carrier_of(device.operator))

    def guard(self, account: Account) -> Safeguards:
        """Return a wallet's safeguards in order to change them; `reterm` follows."""
        self.guarded.add(account.number)
        return self.safeguards[account.number]

    def reterm(self, account: Account) -> None:
        """Note that the terms of an account changed; some follow from its safeguards."""
        safeguards = self.safeguards.get(account.number)
        if safeguards is not None:
            account.freezes = safeguards.freeze_bits
            account.frozen_fen = safeguards.frozen_fen
            account.waterfall = safeguards.waterfall
        self.retermed.add(account.number)
