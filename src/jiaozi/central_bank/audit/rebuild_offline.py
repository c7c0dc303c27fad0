"""What settled orders did to money on devices: the audit's own reading of rules.md §G.

1. Loads have numbers without a gap; they raise the shadow balance of a live device.
2. A settled payment lowers its payer's shadow balance and raises its payee's. What contradicts an
   earlier one convicts its device; what a convicted device lacks comes from the guarantee, and goes
   back there when more comes in.
3. What an operator's devices lack together is never more than its guarantee holds.
4. Unloads and claims leave no shadow balance below zero.
5. What a revoked device lacks without proof is covered when its wait is over, by two officers.

After each block the offline account holds what all shadow balances come to (`follow`).
"""

from collections.abc import Callable, Iterable, Mapping

from jiaozi.central_bank.audit.accounts import Account
from jiaozi.central_bank.audit.devices import Device, SpokenPayment
from jiaozi.central_bank.audit.guarantees import (
    check_lack,
    cover,
    cover_lack,
    give_back,
    guarantee_fen,
    is_over,
    share_of,
)
from jiaozi.central_bank.audit.limits import check_caps, count_spending
from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.money import move
from jiaozi.central_bank.audit.named_devices import (
    device_differs,
    known_device,
    named_device,
    payment_of,
)
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.order_types import OrderType

_Order = CheckedOrder


def _load(order: _Order, state: State, network: Network, time_ms: int) -> None:
    [(debit, _, amount)] = order.legs
    device = named_device(order, state)
    passed = count_spending(order.legs, state, time_ms)
    is_suspended = device.shadow_fen < 0
    expected, device.loads = device.loads + 1, order.body["load"]
    state.devices.charge(device, amount)
    move(order.legs, state)
    if passed is not None:
        raise passed
    if device.loads != expected:
        raise device_differs(device.key, f"took load {device.loads} where {expected} was due")
    account = state.accounts[debit]
    carrier = state.carriers.get(device.operator, device.operator)
    is_own = device.wallet == debit or (
        device.wallet is None and carrier == state.operator_of(account)
    )
    is_accepted = device.generation >= state.devices.oldest_generation
    if not is_own or not device.lives_at(time_ms) or is_suspended or not is_accepted:
        raise device_differs(device.key, "was loaded by a foreign wallet or after its end")
    book = state.rulebook_at(time_ms)
    if device.shadow_fen > device.balance_cap_fen or device.profile not in book.offline.bounds:
        raise device_differs(device.key, "was loaded above its cap")
    limits = book.limits_of(account.terms.holder, account.terms.wallet_class)
    for cap_fen, held_fen, wallets in (
        (account.terms.balance_cap_fen, account.balance_fen, [debit]),
        (
            limits.balance_cap_fen if limits else None,
            account.whole.balance_fen,
            _wallets_with(account, state),
        ),
    ):
        if cap_fen is not None and held_fen + _caps_fen(wallets, state, time_ms) > cap_fen:
            raise device_differs(
                device.key, "was loaded from a wallet whose cap leaves its devices none"
            )
    if guarantee_fen(device.operator, state) <= 0:
        raise device_differs(device.key, "was loaded while its operator's guarantee was empty")


def _settle(order: _Order, state: State, network: Network, time_ms: int) -> None:
    payment = payment_of(order)
    payer = known_device(payment.key, state)
    _check_suite(payment, payer)
    payee = None if payment.payee is None else known_device(payment.payee, state)
    devices = state.devices
    was_recorded, conflicts = devices.is_recorded(payment), devices.conflicts(payment)
    had_been_convicted = payer.convicted
    if conflicts:
        devices.revoke(payer, time_ms)
        payer.convicted = True
    devices.record(payment)
    if payee is not None:
        devices.charge(payer, -payment.amount_fen)
    lacked_fen = -payer.shadow_fen
    cover(payer, state)
    if payee is not None:
        devices.charge(payee, payment.amount_fen)
        give_back(payee, state)
    if was_recorded:
        raise device_differs(payer.key, "had one payment settled twice")
    if payee is None and (
        had_been_convicted or not (conflicts or _is_undeliverable(payment, payer, state))
    ):
        raise device_differs(payer.key, "had a payment to a wallet settled as one to a device")
    if lacked_fen > 0:
        check_lack(payer, state, time_ms)


def _unload(order: _Order, state: State, network: Network, time_ms: int) -> None:
    payment = payment_of(order)
    [(_, credit, amount)] = order.legs
    device = known_device(payment.key, state)
    _check_suite(payment, device)
    devices = state.devices
    was_recorded, conflicts = devices.is_recorded(payment), devices.conflicts(payment)
    devices.record(payment)
    devices.charge(device, -amount)
    move(order.legs, state)
    check_caps(order.legs, state, time_ms)
    if was_recorded or conflicts or device.convicted or device.shadow_fen < 0:
        raise device_differs(
            device.key, "unloaded twice, after a conviction or more than was seen on it"
        )
    if (payment.wallet, payment.amount_fen) != (credit, amount):
        raise device_differs(device.key, "unloaded otherwise than it said")
    if device.wallet not in (None, credit):
        raise device_differs(device.key, "unloaded into another wallet than its own")


def _claim(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = named_device(order, state)
    [(_, credit, amount)] = order.legs
    held_fen = device.shadow_fen
    state.devices.charge(device, -amount)
    state.devices.claimed.add(device.key)
    move(order.legs, state)
    check_caps(order.legs, state, time_ms)
    is_own = device.wallet == credit == order.body["number"]
    if not is_over(device, state, time_ms) or not is_own or device.convicted or amount != held_fen:
        raise device_differs(device.key, "was claimed too early, by another, or not as it was left")


def _write_off(order: _Order, state: State, network: Network, time_ms: int) -> None:
    device = named_device(order, state)
    is_lacking = device.shadow_fen < 0
    cover_lack(device, state)
    if not is_over(device, state, time_ms) or device.convicted or not is_lacking:
        raise device_differs(device.key, "was written off too early, convicted, or lacked nothing")


def _fund(order: _Order, state: State, network: Network, time_ms: int) -> None:
    _own_operator(order)
    move(order.legs, state)


def _release(order: _Order, state: State, network: Network, time_ms: int) -> None:
    operator = _own_operator(order)
    move(order.legs, state)
    caps_fen = state.devices.live_caps_fen(operator, time_ms)
    needed_fen = share_of(caps_fen, state, time_ms) + state.devices.lacks_fen(operator)
    if guarantee_fen(operator, state) < needed_fen:
        detail = f"operator {operator:04d} took back what its devices' guarantee needs"
        raise Differs(rule=Rule.EFFECT, detail=detail)


def _is_undeliverable(payment: SpokenPayment, device: Device, state: State) -> bool:
    """Say whether the wallet that a payment names can never get it."""
    account = None if payment.wallet is None else state.accounts.get(payment.wallet)
    is_there = account is not None and not account.terms.closed
    return not is_there or device.wallet not in (None, payment.wallet)


def _wallets_with(account: Account, state: State) -> Iterable[int]:
    """Return the wallets with devices of all that a holder has at one operator."""
    same_id = state.devices.wallets_of_group.get(account.group_id, ())
    return [each for each in same_id if state.accounts[each].whole is account.whole]


def _caps_fen(wallets: Iterable[int], state: State, time_ms: int) -> int:
    """Return what the live devices of wallets may hold together."""
    devices = (each for number in wallets for each in state.devices.by_wallet.get(number, ()))
    return sum(each.balance_cap_fen for each in devices if each.lives_at(time_ms))


def _check_suite(payment: SpokenPayment, device: Device) -> None:
    if payment.suite != device.suite:
        raise device_differs(device.key, "spoke a payment in another suite than its own")


def _own_operator(order: _Order) -> int:
    [(debit, credit, _)] = order.legs
    operator = int(operator_of(debit))
    if operator_of(credit) != operator:
        detail = f"money moved between vault and guarantee of two operators, one {operator:04d}"
        raise Differs(rule=Rule.EFFECT, detail=detail)
    return operator


OFFLINE_EFFECTS: Mapping[OrderType, Callable[[CheckedOrder, State, Network, int], None]] = {
    OrderType.LOAD: _load,
    OrderType.SETTLE_OFFLINE: _settle,
    OrderType.UNLOAD: _unload,
    OrderType.CLAIM: _claim,
    OrderType.FUND_GUARANTEE: _fund,
    OrderType.RELEASE_GUARANTEE: _release,
    OrderType.WRITE_OFF: _write_off,
}
"""What each order type does to money on devices, network and block time being given."""
