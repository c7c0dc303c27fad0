"""Guarantees: what an operator sets aside for the devices that it certified (rules.md §G.2).

The share of the rulebook binds when a device is enrolled and when something is released; what a
convicted device spent twice is covered at once, and goes back when more comes in. So what is
covered in the end does not depend on the order in which payments surface.
"""

from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import check_funds
from jiaozi.central_bank.registry.signers import check_certified
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.orders import Leg, Order
from jiaozi.protocol.refusals import Code, refuse


def fund(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Set aside money of the vault: what waited for it settles when it is brought again."""
    _check_own(order, caller, ledger)
    leg = order.legs[0]
    check_funds(ledger.accounts[leg.debit], leg.amount)
    ledger.transfer(order.legs)


def release(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Take back what neither the share of the operator's live devices needs nor what they lack."""
    operator = _check_own(order, caller, ledger)
    leg = order.legs[0]
    check_funds(ledger.accounts[leg.debit], leg.amount)
    devices = ledger.devices
    kept_fen = leg.amount + devices.lacks_fen.get(operator, 0)
    check_share(operator, devices.live_caps_fen[operator], ledger, less_fen=kept_fen)
    ledger.transfer(order.legs)


def check_share(operator: int, caps_fen: int, ledger: Ledger, *, less_fen: int = 0) -> None:
    """Check that a guarantee, less an amount, covers its share of what devices may hold together.

    Raises:
        Refusal: ``guarantee_insufficient``, with what it would have to hold.
    """
    share_fen = ledger.rulebook.offline.share_of(caps_fen)
    if guarantee_fen(operator, ledger) - less_fen < share_fen:
        raise refuse(Code.GUARANTEE_INSUFFICIENT, share_fen)


def guarantee_fen(operator: int, ledger: Ledger) -> int:
    """Return what an operator's guarantee holds."""
    account = ledger.accounts.get(numbers.guarantee_of(operator))
    return 0 if account is None else account.balance_fen


def check_lack(payer: Enrolled, payee: Enrolled | None, amount_fen: int, ledger: Ledger) -> None:
    """Check that a guarantee covers what its operator's devices lack together after a payment.

    So no device lacks what another will have to be covered by. One that nobody enrolled is covered
    while honest payees may still surface, and no longer.

    Raises:
        Refusal: ``surfaced_too_late`` or ``guarantee_insufficient``.
    """
    lacking_fen = amount_fen - payer.shadow_fen
    if lacking_fen <= 0:
        return
    if payer.is_taken_up:
        check_surfacing(payer, ledger)
    lacks_fen = ledger.devices.lacks_fen.get(payer.operator, 0)
    lacks_fen += lacking_fen + min(payer.shadow_fen, 0)
    if payee is not None and payee.operator == payer.operator:
        lacks_fen -= min(amount_fen, max(-payee.shadow_fen, 0))
    if lacks_fen > guarantee_fen(payer.operator, ledger):
        raise refuse(Code.GUARANTEE_INSUFFICIENT, lacks_fen)


def check_surfacing(device: Enrolled, ledger: Ledger) -> None:
    """Check that what a revoked device paid may still surface.

    Raises:
        Refusal: ``surfaced_too_late``.
    """
    until_ms = surfaces_until_ms(device, ledger)
    if ledger.time_ms >= until_ms:
        raise refuse(Code.SURFACED_TOO_LATE, until_ms)


def surfaces_until_ms(device: Enrolled, ledger: Ledger) -> int:
    """Return when what a device paid must have surfaced; counted from now while it is in use."""
    since_ms = ledger.time_ms if device.revoked_ms is None else device.revoked_ms
    return since_ms + ledger.rulebook.offline.claim_wait_s * 1000


def cover(device: Enrolled, ledger: Ledger) -> None:
    """Cover what the shadow of a convicted device lacks, as far as the guarantee reaches."""
    if device.convicted:
        cover_lack(device, ledger)


def cover_lack(device: Enrolled, ledger: Ledger) -> None:
    """Cover what a shadow balance lacks, as far as the guarantee reaches."""
    covered_fen = min(-device.shadow_fen, guarantee_fen(device.operator, ledger))
    if covered_fen <= 0:
        return
    _move(numbers.guarantee_of(device.operator), numbers.OFFLINE, covered_fen, ledger)
    ledger.devices.charge(device, covered_fen)
    device.covered_fen += covered_fen


def give_back(device: Enrolled, ledger: Ledger) -> None:
    """Let what came in at a device return to the guarantee, up to what that has covered."""
    returned_fen = min(device.shadow_fen, device.covered_fen)
    if returned_fen <= 0:
        return
    _move(numbers.OFFLINE, numbers.guarantee_of(device.operator), returned_fen, ledger)
    ledger.devices.charge(device, -returned_fen)
    device.covered_fen -= returned_fen


def _move(debit: numbers.AccountNumber, credit: numbers.AccountNumber, amount_fen: int,
          ledger: Ledger) -> None:  # fmt: skip
    ledger.transfer([Leg(debit, credit, amount_fen, b"")])


def _check_own(order: Order, caller: Certified, ledger: Ledger) -> int:
    """Check that an operator moves money between its own vault and guarantee."""
    leg = order.legs[0]
    operator = int(numbers.operator_of(leg.debit))
    if caller.use is not Use.OPERATOR_TRANSPORT or caller.operator != operator:
        raise refuse(Code.OTHER_OPERATOR)
    if numbers.operator_of(leg.credit) != operator:
        raise refuse(Code.LEGS_NOT_ALLOWED, 0)
    vault = ledger.accounts.get(numbers.vault_of(operator))
    if vault is None or numbers.guarantee_of(operator) not in ledger.accounts:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    check_certified(order, operator, ledger.control, ledger.time_ms, vault_key=vault.key)
    ledger.check_begun(order)
    return operator
