"""Money that is on devices: loads, settled payments, unloads, claims (rules.md §G.1, §G.2, §G.6).

A settled payment moves no account: it lowers the shadow balance of the payer's device and raises
the payee's. A second one of a device under a counter or at a place of its log convicts the device
in that very order. Payments that were spoken settle whatever became of a device since; what would
have an operator's devices lack more than its guarantee covers waits until more has surfaced.
"""

from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.registry.enrol import check_operator, check_wait, named_device
from jiaozi.central_bank.registry.guarantees import (
    check_lack,
    cover,
    give_back,
    guarantee_fen,
)
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import (
    Account,
    PayeeRefusal,
    check_credit,
    check_funds,
    check_may_debit,
    count_spending,
)
from jiaozi.central_bank.registry.signers import check_owners
from jiaozi.central_bank.registry.spending import check_limits, check_second_factor
from jiaozi.central_bank.registry.wallet_signers import holders_wallet
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, PayeeCause, refuse


def load(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Move money from a wallet onto a device, which is told to take it afterwards."""
    leg, accounts = order.legs[0], ledger.accounts
    debited = (leg.debit,)
    countersigned = check_owners(order, caller, debited, accounts, ledger.control, ledger.time_ms)
    account = accounts[leg.debit]
    ledger.check_begun(order)
    check_may_debit(account)
    check_second_factor(account, leg.amount, countersigned)
    device = _loadable(order, account, ledger)
    check_limits({leg.debit: leg.amount}, ledger)
    check_funds(account, leg.amount)
    _check_caps(device, account, leg.amount, ledger)
    if not guarantee_fen(device.operator, ledger):
        raise refuse(Code.GUARANTEE_INSUFFICIENT, 1)
    ledger.transfer(order.legs)
    count_spending(account, accounts[account.head], leg.amount, ledger.calendar)
    ledger.devices.charge(device, leg.amount)
    device.loads += 1
    _note(ledger, device)


def settle(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Record a payment between devices; one that contradicts another convicts its device.

    A payment to a wallet is an unload and no settlement, and moves nothing here. It is taken as
    evidence when it contradicts another, and convicts; or else when its wallet can never get it:
    then it is over, and what it said is on its device still.
    """
    check_operator(order, caller, ledger)
    payer, identity, payment = _spoken(order, ledger)
    devices = ledger.devices
    payee = None if payment.payee is None else devices.known.get(payment.payee)
    if payee is None and payment.payee is not None:
        raise refuse(Code.DEVICE_UNKNOWN)
    if devices.is_recorded(payer.key, identity, payment):
        raise refuse(Code.PAYMENT_SETTLED)
    is_conflict = devices.conflicts(payer.key, identity, payment)
    if payee is None and payer.convicted:
        raise refuse(Code.DEVICE_ENDED)
    if payee is None and not (is_conflict or _is_undeliverable(payer, payment, ledger)):
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    charged_fen = 0 if payee is None else payment.amount_fen
    check_lack(payer, payee, charged_fen, ledger)
    if is_conflict and not payer.convicted:
        devices.convict(payer, ledger.time_ms)
    devices.record(payer, identity, payment)
    devices.charge(payer, -charged_fen)
    cover(payer, ledger)
    if payee is not None:
        devices.charge(payee, charged_fen)
        give_back(payee, ledger)
        _note(ledger, payee)
    _note(ledger, payer)


def unload(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Move money from a device into its wallet; from an anonymous one into any of the caller's."""
    check_operator(order, caller, ledger)
    leg = order.legs[0]
    account = ledger.accounts.get(leg.credit)
    if account is None:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    if account.operator != caller.operator:
        raise refuse(Code.OTHER_OPERATOR)
    if account.closed:
        raise refuse(Code.ACCOUNT_CLOSED)
    device, identity, payment = _spoken(order, ledger)
    if device.wallet not in (None, leg.credit):
        raise refuse(Code.DEVICE_UNKNOWN)
    if ledger.devices.is_recorded(device.key, identity, payment):
        raise refuse(Code.PAYMENT_SETTLED)
    is_conflict = ledger.devices.conflicts(device.key, identity, payment)
    if device.convicted or device.is_suspended or is_conflict:
        raise refuse(Code.DEVICE_ENDED)
    _check_shadow(device, leg.amount, ledger)
    _check_payee(account, leg.amount, ledger)
    ledger.devices.record(device, identity, payment)
    ledger.transfer(order.legs)
    ledger.devices.charge(device, -leg.amount)
    _note(ledger, device)


def claim(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Pay what a lost device held to the wallet it was enrolled from, after the rulebook's wait."""
    account = holders_wallet(order, caller, ledger)
    leg = order.legs[0]
    if leg.credit != account.number:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    device = named_device(order, ledger)
    if device.wallet != account.number:
        raise refuse(Code.DEVICE_UNKNOWN)
    if device.convicted:
        raise refuse(Code.DEVICE_ENDED)
    check_wait(device, ledger)
    if leg.amount != device.shadow_fen:
        raise refuse(Code.SHADOW_INSUFFICIENT, max(device.shadow_fen, 0))
    _check_shadow(device, leg.amount, ledger)
    _check_payee(account, leg.amount, ledger)
    ledger.transfer(order.legs)
    ledger.devices.charge(device, -leg.amount)
    _note(ledger, device)


def spoken(order: Order) -> Payment:
    """Return the payment that an order brings."""
    assert order.inner is not None, "its shape asks for a payment"
    payment = order.inner.said
    assert isinstance(payment, Payment), "its domain is that of payments"
    return payment


def _loadable(order: Order, account: Account, ledger: Ledger) -> Enrolled:
    """Return the device of a load: the wallet's own, or an anonymous one of its operator."""
    device = named_device(order, ledger)
    is_own = device.wallet == account.number
    issuer = ledger.control.carrier_of(device.operator)
    if not is_own and (device.wallet is not None or issuer != account.operator):
        raise refuse(Code.DEVICE_UNKNOWN)
    is_accepted = device.generation >= ledger.devices.tip.oldest_generation
    if not device.lives_at(ledger.time_ms) or device.is_suspended or not is_accepted:
        raise refuse(Code.DEVICE_ENDED)
    if order.body["load"] != device.loads + 1:
        raise refuse(Code.LOAD_NUMBER_DIFFERS, device.loads + 1)
    return device


def _check_caps(device: Enrolled, account: Account, amount_fen: int, ledger: Ledger) -> None:
    """Check the caps of device, wallet and group, which cover those of their devices (§E.2)."""
    if device.profile not in ledger.rulebook.offline.bounds:
        raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)
    if device.shadow_fen + amount_fen > device.balance_cap_fen:
        raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)
    limits = ledger.limits_of(account)
    head = ledger.accounts[account.head]
    group = ledger.devices.wallets_of_group.get(account.head, set())
    for cap_fen, balance_fen, wallets in (
        (account.balance_cap_fen, account.balance_fen, {account.number}),
        (limits.balance_cap_fen if limits else None, head.group_balance_fen, group),
    ):
        if cap_fen is None:
            continue
        caps_fen = sum(
            each.balance_cap_fen
            for number in wallets
            for each in ledger.devices.of_wallet(number)
            if each.lives_at(ledger.time_ms)
        )
        if balance_fen - amount_fen + caps_fen > cap_fen:
            raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)


def _spoken(order: Order, ledger: Ledger) -> tuple[Enrolled, bytes, Payment]:
    """Return the device that spoke a payment, the payment's identity and what it says.

    Raises:
        Refusal: ``device_unknown``.
    """
    payment = spoken(order)
    assert order.inner is not None, "its shape asks for a payment"
    message = order.inner.message
    device = ledger.devices.known.get(order.inner.key)
    if device is None or device.suite != message.signatures[0].suite:
        raise refuse(Code.DEVICE_UNKNOWN)
    return device, message.identity, payment


def _is_undeliverable(device: Enrolled, payment: Payment, ledger: Ledger) -> bool:
    """Say whether the wallet that a payment names can never get it: no such, closed, another's."""
    assert payment.wallet is not None, "it is to a wallet"
    account = ledger.accounts.get(payment.wallet)
    is_there = account is not None and not account.closed
    return not is_there or device.wallet not in (None, payment.wallet)


def _check_shadow(device: Enrolled, amount_fen: int, ledger: Ledger) -> None:
    """Check that the registry has seen so much on a device, and on all devices together."""
    offline_fen = ledger.accounts[numbers.OFFLINE].balance_fen
    available_fen = min(device.shadow_fen, offline_fen)
    if available_fen < amount_fen:
        raise refuse(Code.SHADOW_INSUFFICIENT, max(available_fen, 0))


def _check_payee(account: Account, amount_fen: int, ledger: Ledger) -> None:
    excess_fen = check_credit(
        account,
        ledger.accounts[account.head],
        gain_fen=amount_fen,
        group_gain_fen=amount_fen,
        limits=ledger.limits_of(account),
    )
    if excess_fen:
        raise PayeeRefusal(payee=account.number, cause=PayeeCause.BALANCE_CAP)


def _note(ledger: Ledger, device: Enrolled) -> None:
    ledger.devices.changed.add(device.key)
    ledger.concern(device)
