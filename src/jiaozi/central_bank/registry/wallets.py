"""A wallet from its opening to its end: class, own limits, mandates, closing (rules.md §A, §E)."""

from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account, Kind, check_may_debit, spent
from jiaozi.central_bank.registry.signers import check_certified
from jiaozi.central_bank.registry.wallet_signers import holders_wallet, operators_wallet
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.order_types import OWN_LIMITS
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.safeguards import MANDATES_MAX, FreezeAuthority, Mandate, Waiting


def open_account(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Open a wallet under the key that the order names."""
    body = order.body
    number, operator = body["number"], numbers.operator_of(body["number"])
    has_failed = operator in ledger.control.carriers
    if caller.use is not Use.OPERATOR_TRANSPORT or caller.operator != operator or has_failed:
        raise refuse(Code.OTHER_OPERATOR)
    check_certified(order, operator, ledger.control, ledger.time_ms)
    ledger.check_begun(order)
    if number in ledger.accounts:
        raise refuse(Code.ACCOUNT_EXISTS)
    if ledger.rulebook.limits_of(body["holder"], body["wallet_class"]) is None:
        raise refuse(Code.CLASS_UNKNOWN)
    group = (body["group"], int(operator))
    head = ledger.groups.get(group)
    parent = body.get("parent")
    if parent is not None and (head is None or _group_of(parent, ledger) != group):
        raise refuse(Code.ACCOUNT_UNKNOWN)
    if parent is not None and ledger.accounts[parent].closed:
        raise refuse(Code.ACCOUNT_CLOSED)
    account = Account(
        kind=Kind.WALLET,
        operator=operator,
        group_id=body["group"],
        head=number if head is None else head.number,
        **{name: value for name, value in body.items() if name != "group"},
    )
    ledger.groups.setdefault(group, account)
    ledger.add(account)


def set_class(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Give a wallet another class: what it holds stays, the new caps bind from now on."""
    account = operators_wallet(order, caller, ledger)
    wallet_class = order.body["wallet_class"]
    if ledger.rulebook.limits_of(account.holder, wallet_class) is None:
        raise refuse(Code.CLASS_UNKNOWN)
    account.wallet_class = wallet_class
    ledger.reterm(account)


def lower_limits(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Set lower own limits at once, and drop a raise that waits."""
    account = holders_wallet(order, caller, ledger)
    for name in OWN_LIMITS:
        own, new = getattr(account, name), order.body.get(name)
        if own is not None and new is not None and new > own:
            raise refuse(Code.LIMIT_NOT_LOWER, own)
    for name in OWN_LIMITS:
        if name in order.body:
            setattr(account, name, order.body[name])
    safeguards = ledger.guard(account)
    safeguards.waiting = [each for each in safeguards.waiting if each.limits is None]
    ledger.reterm(account)


def raise_limits(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Have a whole new set of own limits in force after the rulebook's delay."""
    account = holders_wallet(order, caller, ledger)
    limits = tuple(order.body.get(name) for name in OWN_LIMITS)
    due_ms = ledger.time_ms + ledger.rulebook.delays.raise_s * 1000
    safeguards = ledger.guard(account)
    others = [each for each in safeguards.waiting if each.limits is None]
    safeguards.waiting = [*others, Waiting(due_ms, None, limits)]


def close(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Close an empty wallet for good; what its group has spent goes on counting."""
    account = holders_wallet(order, caller, ledger)
    safeguards = ledger.safeguards[account.number]
    if any(each.authority > FreezeAuthority.HOLDER for each in safeguards.freezes.values()):
        raise refuse(Code.ACCOUNT_FROZEN)
    if safeguards.rebind is not None:
        raise refuse(Code.REBIND_UNDER_WAY)
    if account.balance_fen:
        raise refuse(Code.BALANCE_NOT_ZERO, account.balance_fen)
    for device in ledger.devices.of_wallet(account.number):
        if device.revoked is None or (device.shadow_fen > 0 and not device.convicted):
            raise refuse(Code.DEVICE_KNOWN)
    account.closed = True
    ledger.guard(account).clear()
    ledger.reterm(account)


def give_mandate(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Let a platform's key pay one payee, up to a limit for each payment and day."""
    account = holders_wallet(order, caller, ledger)
    check_may_debit(account)
    body = order.body
    safeguards = ledger.safeguards[account.number]
    live = {key: each for key, each in safeguards.mandates.items() if _lives(each, ledger)}
    if body["mandate"] in safeguards.mandates:
        raise refuse(Code.MANDATE_EXISTS)
    if body["expires_at_ms"] <= ledger.time_ms:
        raise refuse(Code.MANDATE_ENDED, body["expires_at_ms"])
    if body["payee"] == account.number:
        raise refuse(Code.SCOPE_INVALID)
    if len(live) >= MANDATES_MAX:
        raise refuse(Code.TOO_MANY, MANDATES_MAX)
    mandate = Mandate(
        body["mandate"], body["suite"], body["key"], body["payee"], body["single_limit_fen"],
        body["day_limit_fen"], body["expires_at_ms"],
    )  # fmt: skip
    ledger.guard(account).mandates = {**live, mandate.id: mandate}


def cancel_mandate(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Take a mandate back."""
    account = holders_wallet(order, caller, ledger)
    if order.body["mandate"] not in ledger.safeguards[account.number].mandates:
        raise refuse(Code.MANDATE_UNKNOWN)
    del ledger.guard(account).mandates[order.body["mandate"]]


def set_waterfall(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Have what would be above a balance cap redeemed from now on, or have it refused again."""
    account = holders_wallet(order, caller, ledger)
    ledger.guard(account).waterfall = order.body["on"] == 1
    ledger.reterm(account)


def check_mandate(order: Order, account: Account, ledger: Ledger) -> Mandate:
    """Check that a payment is signed by the key of a live mandate of the wallet for its payee.

    Raises:
        Refusal: ``signer_foreign``, ``legs_not_allowed``, ``not_yet_valid`` or ``mandate_ended``.
    """
    mandate = ledger.safeguards[account.number].mandates.get(order.body["mandate"])
    signed = [(each.suite, each.key) for each in order.message.signatures]
    if mandate is None or signed != [(mandate.suite, mandate.key)]:
        raise refuse(Code.SIGNER_FOREIGN)
    if order.legs[0].credit != mandate.payee:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    ledger.check_begun(order)
    if not _lives(mandate, ledger):
        raise refuse(Code.MANDATE_ENDED, mandate.expires_ms)
    return mandate


def check_mandate_spending(mandate: Mandate, amount_fen: int, ledger: Ledger) -> int:
    """Check a payment against the mandate's own limits and return what it spent today before.

    Raises:
        Refusal: ``limit_single`` or ``limit_day``.
    """
    day_fen, _ = spent(mandate.spent_on, mandate.day_spent_fen, 0, ledger.calendar)
    if amount_fen > mandate.single_limit_fen:
        raise refuse(Code.LIMIT_SINGLE, mandate.single_limit_fen)
    if day_fen + amount_fen > mandate.day_limit_fen:
        left_fen = max(mandate.day_limit_fen - day_fen, 0)
        raise refuse(Code.LIMIT_DAY, mandate.day_limit_fen, left_fen)
    return day_fen


def _lives(mandate: Mandate, ledger: Ledger) -> bool:
    return mandate.expires_ms > ledger.time_ms


def _group_of(number: int, ledger: Ledger) -> tuple[bytes, int] | None:
    account = ledger.accounts.get(number)
    return None if account is None else (account.group_id, account.operator)
