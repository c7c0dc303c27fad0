"""Freezes and lost keys, and what takes effect by itself once its time has come (rules.md §A).

A freeze stands in the wallet's safeguards under its case number and its authority; only the same
or a higher authority lifts it. A rebind, the one way to take over a wallet, is asked for by the
operator and freezes debits::

    requested -- wait --> completed
    requested -- the old key objects --> objected -- wait, two officers --> overruled
    requested, objected -- withdrawn or lapsed --> nothing happened

Once a new key is bound, the old key's mandates, changes that wait and freezes are gone with it.
"""

from dataclasses import replace

from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.wallet_signers import (
    authoritys_wallet,
    holders_wallet,
    operators_wallet,
)
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.order_types import OWN_LIMITS, FreezeScope
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.safeguards import (
    FREEZES_MAX,
    Freeze,
    FreezeAuthority,
    Rebind,
    Safeguards,
    Waiting,
)


def holder_freeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Freeze one's own wallet, at once."""
    _freeze(order, holders_wallet(order, caller, ledger), FreezeAuthority.HOLDER, ledger)


def holder_unfreeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Have one's own freeze lifted after the rulebook's delay; asking again does not restart it."""
    account = holders_wallet(order, caller, ledger)
    case = order.body["case"]
    if (case, FreezeAuthority.HOLDER) not in ledger.safeguards[account.number].freezes:
        raise refuse(Code.FREEZE_UNKNOWN)
    safeguards = ledger.guard(account)
    if not any(each.case == case for each in safeguards.waiting):
        due_ms = ledger.time_ms + ledger.rulebook.delays.unfreeze_s * 1000
        safeguards.waiting = [*safeguards.waiting, Waiting(due_ms, case, None)]


def operator_freeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Freeze a wallet as its operator."""
    _freeze(order, operators_wallet(order, caller, ledger), FreezeAuthority.OPERATOR, ledger)


def operator_unfreeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Lift a freeze as the wallet's operator."""
    _unfreeze(order, operators_wallet(order, caller, ledger), FreezeAuthority.OPERATOR, ledger)


def authority_freeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Freeze a wallet as the central bank."""
    _freeze(order, authoritys_wallet(order, ledger), FreezeAuthority.CENTRAL_BANK, ledger)


def authority_unfreeze(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Lift any freeze as the central bank."""
    _unfreeze(order, authoritys_wallet(order, ledger), FreezeAuthority.CENTRAL_BANK, ledger)


def request_rebind(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Ask for a new key: debits are frozen until it is decided."""
    account = operators_wallet(order, caller, ledger)
    safeguards = ledger.safeguards[account.number]
    if safeguards.rebind is not None:
        raise refuse(Code.REBIND_UNDER_WAY)
    _check_only_holder_froze(safeguards)
    if order.body["key"] == account.key:
        raise refuse(Code.KEY_UNCHANGED)
    lapses_ms = ledger.time_ms + ledger.rulebook.delays.rebind_lapse_s * 1000
    ledger.guard(account).rebind = Rebind(
        order.body["suite"], order.body["key"], ledger.time_ms, None, lapses_ms
    )
    ledger.reterm(account)


def object_to_rebind(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Object with the old key: from now on it takes two officers of the operator."""
    account = holders_wallet(order, caller, ledger)
    rebind = ledger.safeguards[account.number].rebind
    if rebind is None:
        raise refuse(Code.REBIND_UNKNOWN)
    if rebind.objected_ms is not None:
        raise refuse(Code.REBIND_OBJECTED)
    lapses_ms = ledger.time_ms + ledger.rulebook.delays.rebind_lapse_s * 1000
    ledger.guard(account).rebind = replace(rebind, objected_ms=ledger.time_ms, lapses_ms=lapses_ms)


def complete_rebind(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Bind the new key when the wait is over and nobody objected."""
    account = operators_wallet(order, caller, ledger)
    rebind = ledger.safeguards[account.number].rebind
    if rebind is None:
        raise refuse(Code.REBIND_UNKNOWN)
    if rebind.objected_ms is not None:
        raise refuse(Code.REBIND_OBJECTED)
    _bind(account, rebind, rebind.requested_ms, ledger)


def overrule_objection(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Bind the new key over an objection, once the wait after that is over."""
    account = operators_wallet(order, caller, ledger)
    rebind = ledger.safeguards[account.number].rebind
    if rebind is None or rebind.objected_ms is None:
        raise refuse(Code.REBIND_UNKNOWN)
    _bind(account, rebind, rebind.objected_ms, ledger)


def withdraw_rebind(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Give a request up: the old key goes on."""
    account = operators_wallet(order, caller, ledger)
    if ledger.safeguards[account.number].rebind is None:
        raise refuse(Code.REBIND_UNKNOWN)
    ledger.guard(account).rebind = None
    ledger.reterm(account)


def take_effect(account: Account, ledger: Ledger) -> None:
    """Carry out what is due of a wallet at block time: changes that waited, a rebind's lapse."""
    safeguards = ledger.guard(account)
    due = [each for each in safeguards.waiting if each.due_ms <= ledger.time_ms]
    safeguards.waiting = [each for each in safeguards.waiting if each.due_ms > ledger.time_ms]
    for each in due:
        if each.limits is not None:
            for name, limit_fen in zip(OWN_LIMITS, each.limits, strict=True):
                setattr(account, name, limit_fen)
        elif each.case is not None:
            safeguards.freezes.pop((each.case, FreezeAuthority.HOLDER), None)
    if safeguards.rebind is not None and safeguards.rebind.lapses_ms <= ledger.time_ms:
        safeguards.rebind = None
    ledger.reterm(account)


def _freeze(order: Order, account: Account, authority: FreezeAuthority, ledger: Ledger) -> None:
    case, scope = order.body["case"], order.body["scope"]
    amount_fen = order.body.get("amount_fen", 0)
    if (scope == FreezeScope.AMOUNT) != (amount_fen > 0):
        raise refuse(Code.SCOPE_INVALID)
    freezes = ledger.safeguards[account.number].freezes
    if (case, authority) in freezes:
        raise refuse(Code.FREEZE_EXISTS)
    if sum(each.authority == authority for each in freezes.values()) >= FREEZES_MAX:
        raise refuse(Code.TOO_MANY, FREEZES_MAX)
    ledger.guard(account).freezes[case, authority] = Freeze(
        case, int(authority), scope, amount_fen, ledger.time_ms
    )
    ledger.reterm(account)


def _unfreeze(order: Order, account: Account, authority: FreezeAuthority, ledger: Ledger) -> None:
    """Lift the authority's own freeze under a case, or else the highest below it."""
    case, freezes = order.body["case"], ledger.safeguards[account.number].freezes
    lifted = next((by for by in range(authority, 0, -1) if (case, by) in freezes), None)
    if lifted is None:
        raise refuse(Code.FREEZE_UNKNOWN)
    safeguards = ledger.guard(account)
    del safeguards.freezes[case, lifted]
    if lifted == FreezeAuthority.HOLDER:
        safeguards.waiting = [each for each in safeguards.waiting if each.case != case]
    ledger.reterm(account)


def _bind(account: Account, rebind: Rebind, since_ms: int, ledger: Ledger) -> None:
    _check_only_holder_froze(ledger.safeguards[account.number])
    completes_ms = since_ms + ledger.rulebook.delays.rebind_s * 1000
    if ledger.time_ms < completes_ms:
        raise refuse(Code.REBIND_TOO_EARLY, completes_ms)
    account.suite, account.key = rebind.suite, rebind.key
    ledger.guard(account).clear()
    ledger.reterm(account)


def _check_only_holder_froze(safeguards: Safeguards) -> None:
    if any(each.authority > FreezeAuthority.HOLDER for each in safeguards.freezes.values()):
        raise refuse(Code.ACCOUNT_FROZEN)
