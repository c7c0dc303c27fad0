"""What settled orders did to devices, money apart: the audit's own reading of rules.md §G.

1. A device is enrolled under a certificate of its operator that the rulebook's bounds allow, while
   the operator's guarantee covers its share of what its live devices may hold together.
2. A device that nobody enrolled is taken up under the key that certified it, convicted; once that
   key was revoked and the wait is over, it is taken up no more.
3. The revocation list grows by one entry for each device, generation or key that ends.
"""

from collections.abc import Callable, Mapping

from jiaozi.central_bank.audit.devices import Device, ShownCertificate
from jiaozi.central_bank.audit.guarantees import cover, guarantee_fen, is_over, share_of
from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.named_devices import (
    certificate_of,
    device_differs,
    named_device,
)
from jiaozi.central_bank.audit.signers import certified_fault
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Profile
from jiaozi.protocol.order_types import OrderType

_Order = CheckedOrder


def _enrol(order: _Order, state: State, network: Network, time_ms: int) -> None:
    shown, wallet = certificate_of(order), order.body.get("wallet")
    before = state.devices.known.get(shown.key)
    cap_fen = shown.limits[LIMIT_NAMES.index("balance_fen")]
    device = Device(
        shown.key, shown.suite, shown.operator, wallet, shown.profile, shown.generation,
        shown.not_after_ms, cap_fen,
    )  # fmt: skip
    if before is not None:
        device.shadow_fen, device.loads, device.payments = (
            before.shadow_fen, before.loads, before.payments,
        )  # fmt: skip
    state.devices.put(device, state.group_of(wallet))
    _check_certificate(shown, state, time_ms)
    caps_fen = state.devices.live_caps_fen(shown.operator, time_ms)
    if guarantee_fen(shown.operator, state) < share_of(caps_fen, state, time_ms):
        raise device_differs(shown.key, "was enrolled beyond what its operator's guarantee covers")
    account = None if wallet is None else state.accounts.get(wallet)
    if wallet is not None and (
        account is None or account.terms.closed or state.operator_of(account) != shown.operator
    ):
        raise device_differs(
            shown.key, "was enrolled from a wallet that is not its operator's, or closed"
        )
    if before is not None and (
        before.revoked is not None
        or (before.operator, before.wallet) != (shown.operator, wallet)
        or (shown.not_after_ms, shown.generation) == (before.not_after_ms, before.generation)
        or shown.not_after_ms < before.not_after_ms
        or shown.generation < before.generation
    ):
        raise device_differs(shown.key, "was enrolled again without a later certificate")


def _take_up(order: _Order, state: State, network: Network, time_ms: int) -> None:
    shown = certificate_of(order)
    known = state.devices.known.get(shown.key)
    if known is not None:
        raise device_differs(shown.key, "was taken up as one that nobody enrolled, and is known")
    device = Device(
        shown.key, shown.suite, shown.operator, None, shown.profile, shown.generation, 0,
        shown.limits[LIMIT_NAMES.index("balance_fen")],
    )  # fmt: skip
    revoked_ms = state.devices.revoked_certifiers.get(shown.signer)
    if revoked_ms is None:
        state.devices.take_up(device, shown.not_after_ms, time_ms)
    else:
        state.devices.take_up_under(device, revoked_ms)
    certifier = state.keys.get(shown.signer)
    if certifier is None or certifier.certified.use is not Use.OPERATOR_CERTIFY:
        raise device_differs(shown.key, "was taken up under a key that certifies no devices")
    _check_certifier(shown, certifier.certified)
    if revoked_ms is not None and is_over(device, state, time_ms):
        raise device_differs(shown.key, "was taken up when all that it paid had to have surfaced")


def _revoke(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = named_device(order, state)
    was_revoked = device.revoked is not None
    state.devices.revoke(device, time_ms)
    if was_revoked:
        raise device_differs(device.key, "was revoked twice")


def _convict(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = named_device(order, state)
    was_convicted = device.convicted
    state.devices.revoke(device, time_ms)
    device.convicted = True
    cover(device, state)
    if was_convicted:
        raise device_differs(device.key, "was convicted twice")


def _raise_generation(order: _Order, state: State, network: Network, time_ms: int) -> None:
    oldest, generation = state.devices.oldest_generation, order.body["generation"]
    state.devices.raise_generation(generation)
    if generation <= oldest:
        raise Differs(rule=Rule.EFFECT, detail="the oldest accepted generation did not rise")


def _check_certificate(shown: ShownCertificate, state: State, time_ms: int) -> None:
    fault = certified_fault(state, shown.signer, Use.OPERATOR_CERTIFY, time_ms)
    if fault is not None:
        raise device_differs(shown.key, f"was enrolled under a certificate that is none: {fault}")
    _check_certifier(shown, state.keys[shown.signer].certified)
    bounds = state.rulebook_at(time_ms).offline.bounds.get(Profile(shown.profile))
    if bounds is None or any(
        limit > getattr(bounds, name) for name, limit in zip(LIMIT_NAMES, shown.limits, strict=True)
    ):
        raise device_differs(shown.key, "was enrolled with limits above the rulebook's")
    is_valid_now = shown.not_before_ms <= time_ms < shown.not_after_ms
    if not is_valid_now or shown.generation < state.devices.oldest_generation:
        raise device_differs(shown.key, "was enrolled out of its time or generation")


def _check_certifier(shown: ShownCertificate, certified: Certified) -> None:
    if certified.operator != shown.operator:
        raise device_differs(shown.key, "has a certificate by another operator's key")
    if not certified.not_before_ms <= shown.not_before_ms < certified.not_after_ms:
        raise device_differs(shown.key, "has a certificate from outside its certify key's time")


DEVICE_EFFECTS: Mapping[OrderType, Callable[[CheckedOrder, State, Network, int], None]] = {
    OrderType.ENROL: _enrol,
    OrderType.TAKE_UP: _take_up,
    OrderType.REVOKE_DEVICE: _revoke,
    OrderType.OLDEST_GENERATION: _raise_generation,
    OrderType.CONVICT: _convict,
}
"""What each order type does to devices, network and block time being given."""
