"""Post one order: check its signers, then its rules, then change the accounts.

A `Ledger` holds what a batch of orders works on. `post` either changes it completely or not at
all. What it raises tells the two kinds of no apart: a refusal with a code below 100 uses up no id,
a final one stands in the block.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from jiaozi.central_bank.registry.control import Control, KeyRecord
from jiaozi.central_bank.registry.model import (
    Account,
    Calendar,
    Kind,
    Totals,
    calendar_at,
    check_credit,
    check_funds,
    check_group_spending,
    check_may_debit,
    check_spending,
    count_spending,
    move,
)
from jiaozi.central_bank.registry.signers import check_certified, check_owners
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use, read_certificate
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, Refusal, refuse


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
    rekeyed: set[int] = field(default_factory=set)
    calendar: Calendar = field(init=False)
    rulebook: Rulebook = field(init=False)

    def __post_init__(self) -> None:
        """Find day and rulebook of the block time."""
        self.calendar = calendar_at(self.time_ms)
        self.rulebook = self.control.rulebook_at(self.time_ms)

    def limits_of(self, account: Account) -> ClassLimits | None:
        """Return the caps of a wallet's class; None when the rulebook has no such class."""
        return self.rulebook.limits_of(account.holder, account.wallet_class)

    def add(self, account: Account) -> None:
        """Add an account that this batch opens."""
        self.accounts[account.number] = account
        self.opened.append(account)

    def transfer(self, order: Order) -> None:
        """Move the money of an order whose legs were checked."""
        move(order.legs, self.accounts)
        for leg in order.legs:
            for number in (leg.debit, leg.credit):
                self.changed.add(number)
                self.changed.add(self.accounts[number].head)


def post(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Apply a well-formed order whose signatures hold.

    Args:
        order: The order.
        caller: The operator's transport key or the officer's key that brought it.
        ledger: Changed in place when the order settles.

    Raises:
        Refusal: Without effect below 100, final from 100 on.
        PayeeRefusal: A payee cannot receive: final, and ``payee_cannot_receive`` to the payer.
    """
    _POSTINGS[order.type](order, caller, ledger)


def _pay(order: Order, caller: Certified, ledger: Ledger) -> None:
    accounts = ledger.accounts
    debits: dict[int, int] = {}
    for leg in order.legs:
        debits[leg.debit] = debits.get(leg.debit, 0) + leg.amount
    countersigned = check_owners(order, caller, debits, accounts, ledger.control, ledger.time_ms)
    _check_begun(order, ledger)
    spending = _leaving_group(order, accounts)
    for number, amount in debits.items():
        account = accounts[number]
        check_may_debit(account)
        above = account.second_factor_above_fen
        if above is not None and amount > above and account.operator not in countersigned:
            raise refuse(Code.SECOND_FACTOR_REQUIRED, above)
    _check_limits(spending, ledger)
    for number, amount in debits.items():
        check_funds(accounts[number], amount)
    _check_payees(order, debits, ledger)
    ledger.transfer(order)
    for number, amount in spending.items():
        account = accounts[number]
        count_spending(account, accounts[account.head], amount, ledger.calendar)


def _redeem(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    check_owners(order, caller, (leg.debit,), ledger.accounts, ledger.control, ledger.time_ms)
    account = ledger.accounts[leg.debit]
    if leg.credit != numbers.vault_of(account.operator):
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    _check_begun(order, ledger)
    check_may_debit(account)
    check_funds(account, leg.amount)
    ledger.transfer(order)


def _exchange(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    check_owners(order, caller, (leg.debit,), ledger.accounts, ledger.control, ledger.time_ms)
    ledger.control.certified(order.message.signatures[0].key, Use.OPERATOR_VAULT, ledger.time_ms)
    payee = ledger.accounts.get(leg.credit)
    if payee is not None and payee.operator != caller.operator:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    _check_begun(order, ledger)
    check_funds(ledger.accounts[leg.debit], leg.amount)
    _check_payees(order, {}, ledger)
    ledger.transfer(order)


def _issue(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    operator = _check_institution(order, leg.credit, ledger)
    reserve = ledger.accounts[numbers.reserve_of(operator)]
    vault = ledger.accounts[leg.credit]
    if reserve.balance_fen < leg.amount:
        raise refuse(Code.RESERVE_INSUFFICIENT, reserve.balance_fen)
    quota = ledger.control.quotas_fen[operator]
    if vault.balance_fen + leg.amount > quota:
        raise refuse(Code.QUOTA_EXCEEDED, quota, max(quota - vault.balance_fen, 0))
    if ledger.totals.issued_fen + leg.amount > FEN_MAX:
        raise refuse(Code.SUM_TOO_LARGE)
    ledger.totals = replace(ledger.totals, issued_fen=ledger.totals.issued_fen + leg.amount)
    ledger.transfer(order)
    _post_reserve(ledger, operator, -leg.amount)


def _destroy(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    operator = _check_institution(order, leg.debit, ledger)
    check_funds(ledger.accounts[leg.debit], leg.amount)
    _check_settlement(leg.amount, ledger)
    ledger.totals = replace(ledger.totals, destroyed_fen=ledger.totals.destroyed_fen + leg.amount)
    ledger.transfer(order)
    _post_reserve(ledger, operator, leg.amount)


def _fund_reserve(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    operator = _check_institution(order, leg.credit, ledger)
    _check_settlement(leg.amount, ledger)
    assert order.reference is not None, "its shape asks for a reference"
    ledger.control = ledger.control.with_funding(order.reference)
    _post_reserve(ledger, operator, leg.amount)


def _open_account(order: Order, caller: Certified, ledger: Ledger) -> None:
    body = order.body
    number, operator = body["number"], numbers.operator_of(body["number"])
    if caller.use is not Use.OPERATOR_TRANSPORT or caller.operator != operator:
        raise refuse(Code.OTHER_OPERATOR)
    check_certified(order, operator, ledger.control, ledger.time_ms)
    _check_begun(order, ledger)
    if number in ledger.accounts:
        raise refuse(Code.ACCOUNT_EXISTS)
    if ledger.rulebook.limits_of(body["holder"], body["wallet_class"]) is None:
        raise refuse(Code.CLASS_UNKNOWN)
    group = (body["group"], int(operator))
    head = ledger.groups.get(group)
    parent = body.get("parent")
    if parent is not None and (head is None or _group_of(parent, ledger) != group):
        raise refuse(Code.ACCOUNT_UNKNOWN)
    account = Account(
        kind=Kind.WALLET,
        operator=operator,
        group_id=body["group"],
        head=number if head is None else head.number,
        **{name: value for name, value in body.items() if name != "group"},
    )
    ledger.groups.setdefault(group, account)
    ledger.add(account)


def _rulebook(order: Order, caller: Certified, ledger: Ledger) -> None:
    _check_officers(order, ledger)
    rulebook_hash, starts_at_ms = order.body["rulebook_hash"], order.body["starts_at_ms"]
    if rulebook_hash not in ledger.control.library:
        raise refuse(Code.RULEBOOK_UNKNOWN)
    if starts_at_ms <= ledger.time_ms:
        raise refuse(Code.STARTS_IN_THE_PAST, ledger.time_ms)
    ledger.control = ledger.control.with_rulebook(starts_at_ms, rulebook_hash)


def _quota(order: Order, caller: Certified, ledger: Ledger) -> None:
    _check_officers(order, ledger)
    operator, quota_fen = order.body["operator"], order.body["quota_fen"]
    if operator not in ledger.control.quotas_fen:
        raise refuse(Code.OPERATOR_UNKNOWN)
    ledger.control = ledger.control.with_quota(operator, quota_fen)


def _certify(order: Order, caller: Certified, ledger: Ledger) -> None:
    _check_officers(order, ledger)
    network = ledger.control.network
    try:
        certified = read_certificate(
            order.body["certificate"], root_key=network.root_key, network=network.id
        )
    except Refusal:
        raise refuse(Code.CERTIFICATE_INVALID) from None
    is_valid_now = certified.not_before_ms <= ledger.time_ms < certified.not_after_ms
    takes_over_a_vault = certified.use is Use.OPERATOR_VAULT
    if certified.key in ledger.control.keys or (takes_over_a_vault and not is_valid_now):
        raise refuse(Code.CERTIFICATE_INVALID)
    ledger.control = ledger.control.with_record(KeyRecord(certified))
    if takes_over_a_vault:
        _give_vault_key(certified, ledger)


def _revoke(order: Order, caller: Certified, ledger: Ledger) -> None:
    _check_officers(order, ledger)
    ledger.control = ledger.control.without_key(order.body["key"], ledger.time_ms)


def institution_accounts(vault_key: Certified) -> list[Account]:
    """Return the accounts that an operator has from the start: vault, reserve, guarantee."""
    operator = vault_key.operator
    return [
        institution_account(numbers.vault_of(operator), Kind.VAULT, operator, vault_key),
        institution_account(numbers.reserve_of(operator), Kind.RESERVE, operator, vault_key),
        institution_account(numbers.guarantee_of(operator), Kind.GUARANTEE, operator, vault_key),
    ]


def institution_account(
    number: int, kind: Kind, operator: int, certified: Certified | None = None
) -> Account:
    """Return an account of an institution; those of the central bank have no key."""
    return Account(
        number=number,
        kind=kind,
        operator=operator,
        wallet_class=0,
        holder=0,
        suite=certified.suite if certified else 0,
        key=certified.key if certified else b"",
        group_id=number.to_bytes(16, "big"),
        head=number,
    )


def _leaving_group(order: Order, accounts: Mapping[int, Account]) -> dict[int, int]:
    """Sum per payer what leaves its group: moves inside a group count towards nothing."""
    spending: dict[int, int] = {}
    for leg in order.legs:
        payee = accounts.get(leg.credit)
        if payee is None or payee.head != accounts[leg.debit].head:
            spending[leg.debit] = spending.get(leg.debit, 0) + leg.amount
    return spending


def _check_limits(spending: Mapping[int, int], ledger: Ledger) -> None:
    """Check what leaves each payer, and each payer's group as a whole."""
    accounts = ledger.accounts
    groups: dict[int, int] = {}
    for number, amount in spending.items():
        head = accounts[number].head
        groups[head] = groups.get(head, 0) + amount
    for number, amount in spending.items():
        account = accounts[number]
        limits = ledger.limits_of(account)
        if limits is None:
            raise refuse(Code.CLASS_UNKNOWN)
        check_spending(account, amount, limits.single_fen, ledger.calendar)
        check_group_spending(accounts[account.head], groups[account.head], limits, ledger.calendar)


def _check_payees(order: Order, debits: Mapping[int, int], ledger: Ledger) -> None:
    """Check every payee with all that this order adds to it and to its group."""
    accounts = ledger.accounts
    gains: dict[int, int] = {}
    group_gains: dict[int, int] = {}
    for leg in order.legs:
        gains[leg.credit] = gains.get(leg.credit, 0) + leg.amount
        payee = accounts.get(leg.credit)
        if payee is not None:
            group_gains[payee.head] = group_gains.get(payee.head, 0) + leg.amount
    for number, amount in debits.items():
        head = accounts[number].head
        if head in group_gains:
            group_gains[head] -= amount
    for number, gain in gains.items():
        account = accounts.get(number)
        if account is None:
            check_credit(None, None, gain_fen=gain, group_gain_fen=gain, limits=None)
            continue
        check_credit(
            account,
            accounts[account.head],
            gain_fen=gain - debits.get(number, 0),
            group_gain_fen=group_gains[account.head],
            limits=ledger.limits_of(account),
        )


def _check_begun(order: Order, ledger: Ledger) -> None:
    if order.not_before_ms > ledger.time_ms:
        raise refuse(Code.NOT_YET_VALID, order.not_before_ms)


def _check_officers(order: Order, ledger: Ledger) -> None:
    check_certified(order, 0, ledger.control, ledger.time_ms)
    _check_begun(order, ledger)


def _check_institution(order: Order, number: int, ledger: Ledger) -> int:
    """Check the signers of an order on an operator's own account and return its operator."""
    operator = int(numbers.operator_of(number))
    vault = ledger.accounts.get(numbers.vault_of(operator))
    vault_key = vault.key if vault is not None else b""
    check_certified(order, operator, ledger.control, ledger.time_ms, vault_key=vault_key)
    if number not in ledger.accounts:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    _check_begun(order, ledger)
    return operator


def _check_settlement(amount_fen: int, ledger: Ledger) -> None:
    """Check that all reserves together stay within what one number holds."""
    if ledger.accounts[numbers.SETTLEMENT].balance_fen - amount_fen < -FEN_MAX:
        raise refuse(Code.SUM_TOO_LARGE)


def _post_reserve(ledger: Ledger, operator: int, amount_fen: int) -> None:
    """Move an amount between settlement and an operator's reserve, in the reserves ledger."""
    for number, change in (
        (numbers.reserve_of(operator), amount_fen),
        (numbers.SETTLEMENT, -amount_fen),
    ):
        account = ledger.accounts[number]
        account.balance_fen += change
        account.group_balance_fen += change
        ledger.changed.add(number)


def _group_of(number: int, ledger: Ledger) -> tuple[bytes, int] | None:
    account = ledger.accounts.get(number)
    return None if account is None else (account.group_id, account.operator)


def _give_vault_key(certified: Certified, ledger: Ledger) -> None:
    """Open a new operator's accounts, or give a known one's vault its new key."""
    vault = ledger.accounts.get(numbers.vault_of(certified.operator))
    if vault is None:
        for account in institution_accounts(certified):
            ledger.add(account)
        return
    vault.suite, vault.key = certified.suite, certified.key
    ledger.rekeyed.add(vault.number)


_POSTINGS: Mapping[OrderType, Callable[[Order, Certified, Ledger], None]] = {
    OrderType.OPEN_ACCOUNT: _open_account,
    OrderType.PAYMENT: _pay,
    OrderType.REDEEM: _redeem,
    OrderType.EXCHANGE: _exchange,
    OrderType.ISSUE: _issue,
    OrderType.DESTROY: _destroy,
    OrderType.FUND_RESERVE: _fund_reserve,
    OrderType.RULEBOOK: _rulebook,
    OrderType.QUOTA: _quota,
    OrderType.CERTIFY: _certify,
    OrderType.REVOKE: _revoke,
}
