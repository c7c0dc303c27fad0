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
    """Set aside money of the vault, and cover what an empty guarantee has left open."""
    operator = _check_own(order, caller, ledger)
    leg = order.legs[0]
    check_funds(ledger.accounts[leg.debit], leg.amount)
    ledger.transfer(order.legs)
    for _, device in sorted(ledger.devices.known.items()):
        if device.operator == operator:
            cover(device, ledger)


def release(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Take back what neither the share of the operator's live devices needs nor what they lack."""
    operator = _check_own(order, caller, ledger)
    leg = order.legs[0]
    check_funds(ledger.accounts[leg.debit], leg.amount)
    devices = ledger.devices
    kept_fen = leg.amount + devices.lacks_fen(operator)
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
    device.shadow_fen += covered_fen
    device.covered_fen += covered_fen
    ledger.devices.changed.add(device.key)


def give_back(device: Enrolled, ledger: Ledger) -> None:
    """Let what came in at a device return to the guarantee, up to what that has covered."""
    returned_fen = min(device.shadow_fen, device.covered_fen)
    if returned_fen <= 0:
        return
    _move(numbers.OFFLINE, numbers.guarantee_of(device.operator), returned_fen, ledger)
    device.shadow_fen -= returned_fen
    device.covered_fen -= returned_fen
    ledger.devices.changed.add(device.key)


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
