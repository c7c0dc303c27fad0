"""Post one order: check its signers, then its rules, then change the accounts.

A `Ledger` holds what a batch of orders works on. `post` either changes it completely or not at
all. What it raises tells the two kinds of no apart: a refusal with a code below 100 uses up no id,
a final one stands in the block.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from jiaozi.central_bank.registry import enrol, govern, guarantees, offline, protect, sweep, wallets
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import (
    PayeeRefusal,
    check_credit,
    check_funds,
    check_may_debit,
    count_spending,
)
from jiaozi.central_bank.registry.signers import check_certified, check_owners
from jiaozi.central_bank.registry.spending import (
    check_limits,
    check_second_factor,
    leaving_group,
)
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Leg, Order
from jiaozi.protocol.refusals import Code, PayeeCause, refuse


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
    ledger.check_begun(order)
    for number, amount in debits.items():
        account = accounts[number]
        check_may_debit(account)
        check_second_factor(account, amount, countersigned)
    _settle(order, debits, ledger)


def _pay_by_mandate(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Pay with a key that the holder mandated: the wallet's limits bind beside the mandate's."""
    leg = order.legs[0]
    account = ledger.accounts.get(leg.debit)
    if account is None:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    if caller.use is not Use.OPERATOR_TRANSPORT or caller.operator != account.operator:
        raise refuse(Code.OTHER_OPERATOR)
    mandate = wallets.check_mandate(order, account, ledger)
    check_may_debit(account)
    day_spent_fen = wallets.check_mandate_spending(mandate, leg.amount, ledger)
    _settle(order, {leg.debit: leg.amount}, ledger)
    ledger.guarded.add(account.number)
    mandate.spent_on, mandate.day_spent_fen = ledger.calendar.day, day_spent_fen + leg.amount


def _settle(order: Order, debits: Mapping[int, int], ledger: Ledger) -> None:
    """Move a payment's money after the limits of payers, their funds and the payees' caps."""
    accounts = ledger.accounts
    spending = leaving_group(order, accounts)
    check_limits(spending, ledger)
    for number, amount in debits.items():
        check_funds(accounts[number], amount)
    sweeps = _check_payees(order, debits, ledger)
    ledger.transfer(order.legs)
    for number, amount in spending.items():
        account = accounts[number]
        count_spending(account, accounts[account.head], amount, ledger.calendar)
    if sweeps:
        ledger.transfer(sweeps)
        ledger.sweeps = sweeps


def _redeem(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg, accounts = order.legs[0], ledger.accounts
    debited = (leg.debit,)
    countersigned = check_owners(order, caller, debited, accounts, ledger.control, ledger.time_ms)
    account = accounts[leg.debit]
    if leg.credit != numbers.vault_of(account.operator) or leg.credit not in accounts:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    ledger.check_begun(order)
    check_may_debit(account)
    check_second_factor(account, leg.amount, countersigned)
    check_funds(account, leg.amount)
    ledger.transfer(order.legs)


def _exchange(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    check_owners(order, caller, (leg.debit,), ledger.accounts, ledger.control, ledger.time_ms)
    ledger.control.certified(order.message.signatures[0].key, Use.OPERATOR_VAULT, ledger.time_ms)
    payee = ledger.accounts.get(leg.credit)
    if payee is not None and payee.operator != caller.operator:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    ledger.check_begun(order)
    check_funds(ledger.accounts[leg.debit], leg.amount)
    if _check_payees(order, {}, ledger):
        raise PayeeRefusal(payee=leg.credit, cause=PayeeCause.BALANCE_CAP)
    ledger.transfer(order.legs)


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
    ledger.transfer(order.legs)
    _post_reserve(ledger, operator, -leg.amount)


def _destroy(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    operator = _check_institution(order, leg.debit, ledger)
    check_funds(ledger.accounts[leg.debit], leg.amount)
    _check_settlement(leg.amount, ledger)
    ledger.totals = replace(ledger.totals, destroyed_fen=ledger.totals.destroyed_fen + leg.amount)
    ledger.transfer(order.legs)
    _post_reserve(ledger, operator, leg.amount)


def _fund_reserve(order: Order, caller: Certified, ledger: Ledger) -> None:
    leg = order.legs[0]
    operator = _check_institution(order, leg.credit, ledger)
    _check_settlement(leg.amount, ledger)
    assert order.reference is not None, "its shape asks for a reference"
    ledger.control = ledger.control.with_funding(order.reference)
    _post_reserve(ledger, operator, leg.amount)


def _check_payees(order: Order, debits: Mapping[int, int], ledger: Ledger) -> list[Leg]:
    """Check every payee with all that this order adds to it and to its group.

    Returns:
        The sweeps of those that would be above a cap and have consented, in the order of the legs.
    """
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
    sweeps: list[Leg] = []
    for number, gain in gains.items():
        account = accounts.get(number)
        if account is None:
            check_credit(None, None, gain_fen=gain, group_gain_fen=gain, limits=None)
            continue
        excess = check_credit(
            account,
            accounts[account.head],
            gain_fen=gain - debits.get(number, 0),
            group_gain_fen=group_gains[account.head],
            limits=ledger.limits_of(account),
        )
        if excess:
            # What was there before stays, above a cap that was lowered too.
            swept = min(excess, gain)
            left = account.balance_fen + gain - debits.get(number, 0) - swept
            sweeps.append(sweep.sweep_of(order, account, swept, left, ledger, sweeps))
            group_gains[account.head] -= swept
    return sweeps


def _check_institution(order: Order, number: int, ledger: Ledger) -> int:
    """Check the signers of an order on an operator's own account and return its operator."""
    operator = int(numbers.operator_of(number))
    vault = ledger.accounts.get(numbers.vault_of(operator))
    vault_key = vault.key if vault is not None else b""
    check_certified(order, operator, ledger.control, ledger.time_ms, vault_key=vault_key)
    if number not in ledger.accounts:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    ledger.check_begun(order)
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


_POSTINGS: Mapping[OrderType, Callable[[Order, Certified, Ledger], None]] = {
    OrderType.OPEN_ACCOUNT: wallets.open_account,
    OrderType.SET_CLASS: wallets.set_class,
    OrderType.PAYMENT: _pay,
    OrderType.REDEEM: _redeem,
    OrderType.EXCHANGE: _exchange,
    OrderType.ISSUE: _issue,
    OrderType.DESTROY: _destroy,
    OrderType.FUND_RESERVE: _fund_reserve,
    OrderType.RULEBOOK: govern.rulebook,
    OrderType.QUOTA: govern.quota,
    OrderType.CERTIFY: govern.certify,
    OrderType.REVOKE: govern.revoke,
    OrderType.LOWER_LIMITS: wallets.lower_limits,
    OrderType.RAISE_LIMITS: wallets.raise_limits,
    OrderType.HOLDER_FREEZE: protect.holder_freeze,
    OrderType.HOLDER_UNFREEZE: protect.holder_unfreeze,
    OrderType.OPERATOR_FREEZE: protect.operator_freeze,
    OrderType.OPERATOR_UNFREEZE: protect.operator_unfreeze,
    OrderType.AUTHORITY_FREEZE: protect.authority_freeze,
    OrderType.AUTHORITY_UNFREEZE: protect.authority_unfreeze,
    OrderType.CLOSE: wallets.close,
    OrderType.REBIND_REQUEST: protect.request_rebind,
    OrderType.REBIND_OBJECT: protect.object_to_rebind,
    OrderType.REBIND_COMPLETE: protect.complete_rebind,
    OrderType.REBIND_OVERRULE: protect.overrule_objection,
    OrderType.REBIND_WITHDRAW: protect.withdraw_rebind,
    OrderType.REASSIGN: govern.reassign,
    OrderType.HALT: govern.halt,
    OrderType.MANDATE: wallets.give_mandate,
    OrderType.CANCEL_MANDATE: wallets.cancel_mandate,
    OrderType.MANDATE_PAYMENT: _pay_by_mandate,
    OrderType.WATERFALL: wallets.set_waterfall,
    OrderType.SWEEP: sweep.refuse_foreign,
    OrderType.ENROL: enrol.enrol,
    OrderType.LOAD: offline.load,
    OrderType.SETTLE_OFFLINE: offline.settle,
    OrderType.UNLOAD: offline.unload,
    OrderType.REVOKE_DEVICE: enrol.revoke_device,
    OrderType.CLAIM: offline.claim,
    OrderType.FUND_GUARANTEE: guarantees.fund,
    OrderType.RELEASE_GUARANTEE: guarantees.release,
    OrderType.OLDEST_GENERATION: enrol.oldest_generation,
    OrderType.CONVICT: enrol.convict,
    OrderType.WRITE_OFF: enrol.write_off,
    OrderType.TAKE_UP: enrol.take_up,
}
