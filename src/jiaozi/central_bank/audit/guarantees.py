"""Guarantees: what they cover of what devices lack, as the audit reads rules.md §G.2."""

from jiaozi.central_bank.audit.devices import Device
from jiaozi.central_bank.audit.named_devices import device_differs
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.numbers import OFFLINE, guarantee_of


def cover(device: Device, state: State) -> None:
    """Cover what a convicted device lacks, as far as the guarantee reaches."""
    if device.convicted:
        cover_lack(device, state)


def cover_lack(device: Device, state: State) -> None:
    """Cover what a shadow balance lacks, as far as the guarantee reaches."""
    covered_fen = min(-device.shadow_fen, guarantee_fen(device.operator, state))
    if covered_fen > 0:
        state.move([(guarantee_of(device.operator), OFFLINE, covered_fen)])
        state.devices.charge(device, covered_fen)
        device.covered_fen += covered_fen


def give_back(device: Device, state: State) -> None:
    """Let what came in return to the guarantee, up to what that had covered."""
    returned_fen = min(device.shadow_fen, device.covered_fen)
    if returned_fen > 0:
        state.move([(OFFLINE, guarantee_of(device.operator), returned_fen)])
        state.devices.charge(device, -returned_fen)
        device.covered_fen -= returned_fen


def guarantee_fen(operator: int, state: State) -> int:
    """Return what an operator's guarantee holds."""
    account = state.accounts.get(guarantee_of(operator))
    return 0 if account is None else account.balance_fen


def share_of(caps_fen: int, state: State, time_ms: int) -> int:
    """Return what a guarantee must hold for devices of so much together."""
    return state.rulebook_at(time_ms).offline.share_of(caps_fen)


def is_over(device: Device, state: State, time_ms: int) -> bool:
    """Say whether all that a revoked device paid must have surfaced."""
    wait_ms = state.rulebook_at(time_ms).offline.claim_wait_s * 1000
    return device.revoked_ms is not None and time_ms >= device.revoked_ms + wait_ms


def check_lack(payer: Device, state: State, time_ms: int) -> None:
    """Check what a payment left a device without, and all of its operator's, once it was covered.

    Raises:
        Differs: The guarantee does not hold as much, or may not cover it any more.
    """
    if payer.convicted and payer.shadow_fen < 0:
        raise device_differs(payer.key, "had a loss settled that no guarantee covers")
    if state.devices.lacks_fen(payer.operator) > guarantee_fen(payer.operator, state):
        raise device_differs(
            payer.key, "paid more than its operator's guarantee leaves for what it lacks"
        )
    if payer.is_taken_up and is_over(payer, state, time_ms):
        raise device_differs(payer.key, "was covered when all that it paid had to have surfaced")
