"""What settled orders did to devices and the money on them: the audit's own reading of rules.md §G.

1. A device is enrolled under a certificate of its operator that the rulebook's bounds allow, while
   the operator's guarantee covers its share of what its live devices may hold together.
2. Loads have numbers without a gap; they raise the shadow balance of a live device.
3. A settled payment lowers its payer's shadow balance and raises its payee's. What contradicts an
   earlier one convicts its device; what a convicted device lacks comes from the guarantee, and goes
   back there when more comes in. A payment to a wallet that can never get it stays on its device.
4. Unloads and claims leave no shadow balance below zero.
5. What a revoked device lacks without proof is covered when its wait is over, by two officers.
6. The revocation list grows by one entry for each device or generation that ends.

After each block the offline account holds what all shadow balances come to (`follow`).
"""

from collections.abc import Callable, Mapping

from jiaozi.central_bank.audit.devices import Device, ShownCertificate, SpokenPayment
from jiaozi.central_bank.audit.limits import check_caps, count_spending
from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.money import move
from jiaozi.central_bank.audit.signers import certified_fault
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.numbers import OFFLINE, guarantee_of, operator_of
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
    state.devices.put(device)
    _check_certificate(shown, state, time_ms)
    caps_fen = state.devices.live_caps_fen(shown.operator, time_ms)
    if _guarantee_fen(shown.operator, state) < _share_of(caps_fen, state, time_ms):
        raise _effect(shown.key, "was enrolled beyond what its operator's guarantee covers")
    account = None if wallet is None else state.accounts.get(wallet)
    if wallet is not None and (
        account is None or account.terms.closed or state.operator_of(account) != shown.operator
    ):
        raise _effect(shown.key, "was enrolled from a wallet that is not its operator's, or closed")
    if before is not None and (
        before.revoked is not None
        or (before.operator, before.wallet) != (shown.operator, wallet)
        or (shown.not_after_ms, shown.generation) == (before.not_after_ms, before.generation)
        or shown.not_after_ms < before.not_after_ms
        or shown.generation < before.generation
    ):
        raise _effect(shown.key, "was enrolled again without a later certificate")


def _load(order: _Order, state: State, network: Network, time_ms: int) -> None:
    [(debit, _, amount)] = order.legs
    device = _named(order, state)
    passed = count_spending(order.legs, state, time_ms)
    is_suspended = device.shadow_fen < 0
    expected, device.loads = device.loads + 1, order.body["load"]
    state.devices.charge(device, amount)
    move(order.legs, state)
    if passed is not None:
        raise passed
    if device.loads != expected:
        raise _effect(device.key, f"took load {device.loads} where {expected} was due")
    account = state.accounts[debit]
    carrier = state.carriers.get(device.operator, device.operator)
    is_own = device.wallet == debit or (
        device.wallet is None and carrier == state.operator_of(account)
    )
    is_accepted = device.generation >= state.devices.oldest_generation
    if not is_own or not device.lives_at(time_ms) or is_suspended or not is_accepted:
        raise _effect(device.key, "was loaded by a foreign wallet or after its end")
    book = state.rulebook_at(time_ms)
    if device.shadow_fen > device.balance_cap_fen or device.profile not in book.offline.bounds:
        raise _effect(device.key, "was loaded above its cap")
    devices = state.devices.by_wallet.get(debit, ())
    caps_fen = sum(each.balance_cap_fen for each in devices if each.lives_at(time_ms))
    limits = book.limits_of(account.terms.holder, account.terms.wallet_class)
    for cap_fen, held_fen in (
        (account.terms.balance_cap_fen, account.balance_fen),
        (limits.balance_cap_fen if limits else None, account.whole.balance_fen),
    ):
        if cap_fen is not None and held_fen + caps_fen > cap_fen:
            raise _effect(device.key, "was loaded from a wallet whose cap leaves its devices none")
    if _guarantee_fen(device.operator, state) <= 0:
        raise _effect(device.key, "was loaded while its operator's guarantee was empty")


def _settle(order: _Order, state: State, network: Network, time_ms: int) -> None:
    payment = payment_of(order)
    payer = _known(payment.key, state)
    _check_suite(payment, payer)
    payee = None if payment.payee is None else _known(payment.payee, state)
    devices = state.devices
    was_recorded, conflicts = devices.is_recorded(payment), devices.conflicts(payment)
    had_been_convicted = payer.convicted
    if conflicts:
        devices.revoke(payer, time_ms)
        payer.convicted = True
    devices.record(payment)
    if payee is not None:
        devices.charge(payer, -payment.amount_fen)
    _cover(payer, state)
    if payee is not None:
        devices.charge(payee, payment.amount_fen)
        _give_back(payee, state)
    if was_recorded:
        raise _effect(payer.key, "had one payment settled twice")
    if payee is None and (
        had_been_convicted or not (conflicts or _is_undeliverable(payment, payer, state))
    ):
        raise _effect(payer.key, "had a payment to a wallet settled as one to a device")
    if payer.convicted and payer.shadow_fen < 0:
        raise _effect(payer.key, "had a loss settled that no guarantee covers")


def _unload(order: _Order, state: State, network: Network, time_ms: int) -> None:
    payment = payment_of(order)
    [(_, credit, amount)] = order.legs
    device = _known(payment.key, state)
    _check_suite(payment, device)
    devices = state.devices
    was_recorded, conflicts = devices.is_recorded(payment), devices.conflicts(payment)
    devices.record(payment)
    devices.charge(device, -amount)
    move(order.legs, state)
    check_caps(order.legs, state, time_ms)
    if was_recorded or conflicts or device.convicted or device.shadow_fen < 0:
        raise _effect(device.key, "unloaded twice, after a conviction or more than was seen on it")
    if (payment.wallet, payment.amount_fen) != (credit, amount):
        raise _effect(device.key, "unloaded otherwise than it said")
    if device.wallet not in (None, credit):
        raise _effect(device.key, "unloaded into another wallet than its own")


def _claim(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = _named(order, state)
    [(_, credit, amount)] = order.legs
    held_fen = device.shadow_fen
    state.devices.charge(device, -amount)
    move(order.legs, state)
    check_caps(order.legs, state, time_ms)
    wait_ms = state.rulebook_at(time_ms).offline.claim_wait_s * 1000
    is_over = device.revoked_ms is not None and time_ms >= device.revoked_ms + wait_ms
    is_own = device.wallet == credit == order.body["number"]
    if not is_over or not is_own or device.convicted or amount != held_fen:
        raise _effect(device.key, "was claimed too early, by another, or not as it was left")


def _revoke(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = _named(order, state)
    was_revoked = device.revoked is not None
    state.devices.revoke(device, time_ms)
    if was_revoked:
        raise _effect(device.key, "was revoked twice")


def _convict(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = _named(order, state)
    was_convicted = device.convicted
    state.devices.revoke(device, time_ms)
    device.convicted = True
    _cover(device, state)
    if was_convicted:
        raise _effect(device.key, "was convicted twice")


def _write_off(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = _named(order, state)
    is_lacking = device.shadow_fen < 0
    _cover_lack(device, state)
    wait_ms = state.rulebook_at(time_ms).offline.claim_wait_s * 1000
    is_over = device.revoked_ms is not None and time_ms >= device.revoked_ms + wait_ms
    if not is_over or device.convicted or not is_lacking:
        raise _effect(device.key, "was written off too early, convicted, or lacked nothing")


def _raise_generation(order: _Order, state: State, network: Network, time_ms: int) -> None:
    oldest, generation = state.devices.oldest_generation, order.body["generation"]
    state.devices.raise_generation(generation)
    if generation <= oldest:
        raise Differs(rule=Rule.EFFECT, detail="the oldest accepted generation did not rise")


def _fund(order: _Order, state: State, network: Network, time_ms: int) -> None:
    operator = _own_operator(order)
    move(order.legs, state)
    for _, device in sorted(state.devices.known.items()):
        if device.operator == operator:
            _cover(device, state)


def _release(order: _Order, state: State, network: Network, time_ms: int) -> None:
    operator = _own_operator(order)
    move(order.legs, state)
    caps_fen = state.devices.live_caps_fen(operator, time_ms)
    needed_fen = _share_of(caps_fen, state, time_ms) + state.devices.lacks_fen(operator)
    if _guarantee_fen(operator, state) < needed_fen:
        detail = f"operator {operator:04d} took back what its devices' guarantee needs"
        raise Differs(rule=Rule.EFFECT, detail=detail)


def payment_of(order: _Order) -> SpokenPayment:
    """Return the payment that an order carries."""
    assert order.inner is not None, "its shape asks for a payment"
    return SpokenPayment(*order.inner)


def certificate_of(order: _Order) -> ShownCertificate:
    """Return the device certificate that an order carries."""
    assert order.inner is not None, "its shape asks for a device certificate"
    return ShownCertificate(*order.inner)


def _check_certificate(shown: ShownCertificate, state: State, time_ms: int) -> None:
    fault = certified_fault(state, shown.signer, Use.OPERATOR_CERTIFY, time_ms)
    if fault is not None:
        raise _effect(shown.key, f"was enrolled under a certificate that is none: {fault}")
    if state.keys[shown.signer].certified.operator != shown.operator:
        raise _effect(shown.key, "was enrolled under another operator's certificate")
    bounds = state.rulebook_at(time_ms).offline.bounds.get(Profile(shown.profile))
    if bounds is None or any(
        limit > getattr(bounds, name) for name, limit in zip(LIMIT_NAMES, shown.limits, strict=True)
    ):
        raise _effect(shown.key, "was enrolled with limits above the rulebook's")
    is_valid_now = shown.not_before_ms <= time_ms < shown.not_after_ms
    if not is_valid_now or shown.generation < state.devices.oldest_generation:
        raise _effect(shown.key, "was enrolled out of its time or generation")


def _is_undeliverable(payment: SpokenPayment, device: Device, state: State) -> bool:
    """Say whether the wallet that a payment names can never get it."""
    account = None if payment.wallet is None else state.accounts.get(payment.wallet)
    is_there = account is not None and not account.terms.closed
    return not is_there or device.wallet not in (None, payment.wallet)


def _check_suite(payment: SpokenPayment, device: Device) -> None:
    if payment.suite != device.suite:
        raise _effect(device.key, "spoke a payment in another suite than its own")


def _cover(device: Device, state: State) -> None:
    """Cover what a convicted device lacks, as far as the guarantee reaches."""
    if device.convicted:
        _cover_lack(device, state)


def _cover_lack(device: Device, state: State) -> None:
    """Cover what a shadow balance lacks, as far as the guarantee reaches."""
    covered_fen = min(-device.shadow_fen, _guarantee_fen(device.operator, state))
    if covered_fen > 0:
        state.move([(guarantee_of(device.operator), OFFLINE, covered_fen)])
        state.devices.charge(device, covered_fen)
        device.covered_fen += covered_fen


def _give_back(device: Device, state: State) -> None:
    """Let what came in return to the guarantee, up to what that had covered."""
    returned_fen = min(device.shadow_fen, device.covered_fen)
    if returned_fen > 0:
        state.move([(OFFLINE, guarantee_of(device.operator), returned_fen)])
        state.devices.charge(device, -returned_fen)
        device.covered_fen -= returned_fen


def _guarantee_fen(operator: int, state: State) -> int:
    account = state.accounts.get(guarantee_of(operator))
    return 0 if account is None else account.balance_fen


def _share_of(caps_fen: int, state: State, time_ms: int) -> int:
    return state.rulebook_at(time_ms).offline.share_of(caps_fen)


def _own_operator(order: _Order) -> int:
    [(debit, credit, _)] = order.legs
    operator = int(operator_of(debit))
    if operator_of(credit) != operator:
        detail = f"money moved between vault and guarantee of two operators, one {operator:04d}"
        raise Differs(rule=Rule.EFFECT, detail=detail)
    return operator


def _named(order: _Order, state: State) -> Device:
    return _known(order.body["device"], state)


def _known(key: bytes, state: State) -> Device:
    device = state.devices.known.get(key)
    if device is None:
        raise _effect(key, "is named by an order and was never enrolled")
    return device


def _effect(key: bytes, detail: str) -> Differs:
    return Differs(rule=Rule.EFFECT, detail=f"the device {key.hex()[:16]}… {detail}")


OFFLINE_EFFECTS: Mapping[OrderType, Callable[[CheckedOrder, State, Network, int], None]] = {
    OrderType.ENROL: _enrol,
    OrderType.LOAD: _load,
    OrderType.SETTLE_OFFLINE: _settle,
    OrderType.UNLOAD: _unload,
    OrderType.REVOKE_DEVICE: _revoke,
    OrderType.CLAIM: _claim,
    OrderType.FUND_GUARANTEE: _fund,
    OrderType.RELEASE_GUARANTEE: _release,
    OrderType.OLDEST_GENERATION: _raise_generation,
    OrderType.CONVICT: _convict,
    OrderType.WRITE_OFF: _write_off,
}
"""What each order type does to devices, network and block time being given."""
