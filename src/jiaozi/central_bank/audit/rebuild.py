"""What a settled order did: the audit's own reading of each order type.

An effect is applied as the registry claims it wherever that is possible, even if it breaks a rule,
so that one false order is reported once and not again with every order after it.
"""

from collections.abc import Callable, Mapping

from jiaozi.central_bank.audit.accounts import Account, Terms
from jiaozi.central_bank.audit.limits import check_caps, count_spending
from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.money import check_known, move
from jiaozi.central_bank.audit.rebuild_devices import DEVICE_EFFECTS
from jiaozi.central_bank.audit.rebuild_offline import OFFLINE_EFFECTS
from jiaozi.central_bank.audit.rebuild_wallets import WALLET_EFFECTS, count_mandate
from jiaozi.central_bank.audit.state import Halt, Key, State
from jiaozi.central_bank.audit.sweeps import expect_sweeps, take_sweep
from jiaozi.protocol.certificates import Use, read_certificate
from jiaozi.protocol.genesis import OFFICERS_MIN, Network
from jiaozi.protocol.numbers import (
    SETTLEMENT,
    format_number,
    operator_of,
    reserve_of,
    vault_of,
)
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Refusal
from jiaozi.protocol.state import AccountKind


def apply(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    """Apply a settled order to the state.

    Raises:
        Differs: It could not have settled; applied all the same where accounts and keys allow.
    """
    EFFECTS[order.type](order, state, network, time_ms)


def _pay(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    check_known(order.legs, state)
    passed = count_spending(order.legs, state, time_ms)
    try:
        move(order.legs, state)
    finally:
        expect_sweeps(order.legs, state, time_ms)
    if passed is not None:
        raise passed


def _sweep(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    try:
        move(order.legs, state)
    finally:
        take_sweep(order.legs[0], state, time_ms)


def _pay_by_mandate(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    _pay(order, state, network, time_ms)
    count_mandate(order, state, time_ms)


def _fund_reserve(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    move(order.legs, state)
    assert order.reference is not None, "its shape asks for a reference"
    if order.reference in state.funded:
        raise _effect("funded a reserve with a payment that had funded one before")
    state.funded.add(order.reference)


def _redeem(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    [(debit, credit, _)] = order.legs
    move(order.legs, state)
    if credit != vault_of(state.operator_of(state.accounts[debit])):
        raise _effect("redeemed into another operator's vault")


def _exchange(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    [(debit, credit, _)] = order.legs
    move(order.legs, state)
    vault, wallet = state.accounts[debit], state.accounts[credit]
    if state.operator_of(wallet) != state.operator_of(vault):
        raise _effect("exchanged into another operator's wallet")
    check_caps(order.legs, state, time_ms)


def _issue(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    [(_, vault, amount)] = order.legs
    operator = int(operator_of(vault))
    check_known(order.legs, state)
    state.issued_fen += amount
    move([*order.legs, (reserve_of(operator), SETTLEMENT, amount)], state)
    if state.accounts[vault].balance_fen > state.quotas_fen.get(operator, 0):
        raise _effect(f"the vault of operator {operator:04d} holds more than its quota")


def _destroy(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    [(vault, _, amount)] = order.legs
    check_known(order.legs, state)
    state.destroyed_fen += amount
    move([*order.legs, (SETTLEMENT, reserve_of(operator_of(vault)), amount)], state)


def _open_account(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    body = order.body
    number, operator = body["number"], int(operator_of(body["number"]))
    if number in state.accounts:
        raise _effect(f"opened {format_number(number)}, which exists")
    parent = body.get("parent")
    if operator in state.carriers:
        raise _effect(f"opened {format_number(number)} for an operator that has failed")
    terms = Terms(
        int(AccountKind.WALLET), operator, body["suite"], body["wallet_class"], body["holder"],
        balance_cap_fen=body.get("balance_cap_fen"),
        single_limit_fen=body.get("single_limit_fen"),
        day_limit_fen=body.get("day_limit_fen"),
        year_limit_fen=body.get("year_limit_fen"),
        second_factor_above_fen=body.get("second_factor_above_fen"),
    )  # fmt: skip
    state.open(number, Account(terms, body["key"], body["group"], parent))
    if parent is not None:
        above = state.accounts.get(parent)
        holder = (body["group"], operator)
        if above is None or (above.group_id, state.operator_of(above)) != holder:
            raise _effect(f"opened {format_number(number)} under a parent of another holder")
        if above.terms.closed:
            raise _effect(f"opened {format_number(number)} under a parent that is closed")
    if state.rulebook_at(time_ms).limits_of(body["holder"], body["wallet_class"]) is None:
        raise _effect(f"opened {format_number(number)} in a class that the rulebook lacks")


def _rulebook(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    starts_at_ms = order.body["starts_at_ms"]
    state.put_in_force(starts_at_ms, order.body["rulebook_hash"])
    if starts_at_ms <= time_ms:
        raise _effect("put a rulebook in force for the past")


def _quota(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    operator = order.body["operator"]
    is_known = operator in state.quotas_fen
    state.quotas_fen[operator] = order.body["quota_fen"]
    if not is_known:
        raise _effect(f"set the quota of operator {operator:04d}, which is unknown")


def _certify(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    try:
        certified = read_certificate(
            order.body["certificate"], root_key=network.root_key, network=network.id
        )
    except Refusal as refusal:
        raise _effect(f"took a certificate that is not the root's: {refusal}") from None
    if certified.key in state.keys:
        raise _effect("certified a key that is known")
    state.keys[certified.key] = Key(certified)
    if certified.use is Use.REGISTRY_BLOCK:
        state.block_certificates.append(order.body["certificate"])
    operator = certified.operator
    if operator:
        state.quotas_fen.setdefault(operator, 0)
    if certified.use is not Use.OPERATOR_VAULT:
        return
    if vault_of(operator) in state.accounts:
        state.give_vault_key(certified)
    else:
        state.open_operator(certified)
    if not certified.not_before_ms <= time_ms < certified.not_after_ms:
        raise _effect(f"gave the vault of operator {operator:04d} a key that is not valid now")


def _revoke(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    key = order.body["key"]
    known = state.keys.get(key)
    if known is None:
        raise _effect("revoked a key that is not certified")
    state.keys[key] = known._replace(revoked=True)
    use = known.certified.use
    if use is Use.REGISTRY_BLOCK and not known.revoked:
        state.devices.revoke_block_key(key, known.certified.not_after_ms)
    if use is Use.OPERATOR_CERTIFY and not known.revoked:
        state.devices.revoke_certifier(key, known.certified.not_after_ms, time_ms)
    left = [
        each.certified
        for each in state.keys.values()
        if each.certified.use is use
        and not each.revoked
        and each.certified.not_before_ms <= time_ms < each.certified.not_after_ms
    ]
    if use is Use.OFFICER and len({each.person for each in left}) < OFFICERS_MIN:
        raise _effect("revoked one of the last two officers")
    if use is Use.REGISTRY_BLOCK and not left:
        raise _effect("revoked the last key that signs blocks")


def _effect(detail: str) -> Differs:
    return Differs(rule=Rule.EFFECT, detail=detail)


def _reassign(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    failed, carrier = order.body["operator"], order.body["carrier"]
    known = {failed, carrier} <= state.quotas_fen.keys()
    if not known or failed == carrier or {failed, carrier} & state.carriers.keys():
        raise _effect(f"had {carrier:04d} carry the wallets of {failed:04d}, which cannot be")
    state.carriers = {
        old: carrier if by == failed else by for old, by in state.carriers.items()
    } | {failed: carrier}


def _halt(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    body = order.body
    halt = Halt(body["until_ms"], body.get("orders_per_s"))
    state.halts[body["scope"], body.get("subject", 0)] = halt
    if halt.until_ms > time_ms + state.rulebook_at(time_ms).delays.halt_max_s * 1000:
        raise _effect("halted for longer than the rulebook allows")


EFFECTS: Mapping[OrderType, Callable[[CheckedOrder, State, Network, int], None]] = {
    OrderType.OPEN_ACCOUNT: _open_account,
    OrderType.PAYMENT: _pay,
    OrderType.REDEEM: _redeem,
    OrderType.EXCHANGE: _exchange,
    OrderType.ISSUE: _issue,
    OrderType.DESTROY: _destroy,
    OrderType.FUND_RESERVE: _fund_reserve,
    OrderType.RULEBOOK: _rulebook,
    OrderType.QUOTA: _quota,
    OrderType.CERTIFY: _certify,
    OrderType.REVOKE: _revoke,
    OrderType.REASSIGN: _reassign,
    OrderType.HALT: _halt,
    OrderType.MANDATE_PAYMENT: _pay_by_mandate,
    OrderType.SWEEP: _sweep,
    **WALLET_EFFECTS,
    **DEVICE_EFFECTS,
    **OFFLINE_EFFECTS,
}
"""What each order type does to the state, network and block time being given."""
