"""What a settled order did to a wallet beside its money: the audit's own reading.

Freezes, rebinds, changes that wait and mandates are rebuilt with the delays of the rulebook in
force, and what is due takes effect at the first block of its time that has room for it, before
that block's orders.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from heapq import heappop

from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import OWN_LIMITS, FreezeScope, OrderType
from jiaozi.protocol.safeguards import (
    DUE_MAX,
    FREEZES_MAX,
    MANDATES_MAX,
    Freeze,
    FreezeAuthority,
    Mandate,
    Rebind,
    Safeguards,
    Waiting,
)

_UTC8_MS = 8 * 3_600_000
_FREEZERS = {
    OrderType.HOLDER_FREEZE: FreezeAuthority.HOLDER,
    OrderType.OPERATOR_FREEZE: FreezeAuthority.OPERATOR,
    OrderType.AUTHORITY_FREEZE: FreezeAuthority.CENTRAL_BANK,
}
_LIFTERS = {
    OrderType.OPERATOR_UNFREEZE: FreezeAuthority.OPERATOR,
    OrderType.AUTHORITY_UNFREEZE: FreezeAuthority.CENTRAL_BANK,
}


def take_effect(state: State, time_ms: int) -> None:
    """Carry out what is due of wallets at a block time, of as many as one block takes."""
    left = DUE_MAX
    while left and state.due and state.due[0][0] <= time_ms:
        due_ms, number = heappop(state.due)
        safeguards = state.safeguards.get(number)
        if safeguards is None or safeguards.due_ms != due_ms:
            continue
        left -= 1
        after = deepcopy(safeguards)
        after.waiting = [each for each in safeguards.waiting if each.due_ms > time_ms]
        for each in safeguards.waiting:
            if each.due_ms <= time_ms and each.limits is not None:
                state.retermed(number, **dict(zip(OWN_LIMITS, each.limits, strict=True)))
            elif each.due_ms <= time_ms and each.case is not None:
                after.freezes.pop((each.case, FreezeAuthority.HOLDER), None)
        if after.rebind is not None and after.rebind.lapses_ms <= time_ms:
            after.rebind = None
        state.guard(number, after)


def _set_class(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, wallet_class = _open(order, state), order.body["wallet_class"]
    state.retermed(number, wallet_class=wallet_class)
    holder = state.accounts[number].terms.holder
    if state.rulebook_at(time_ms).limits_of(holder, wallet_class) is None:
        raise _effect(number, "was put into a class that the rulebook lacks")


def _lower_limits(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    terms = state.accounts[number].terms
    new = {name: order.body[name] for name in OWN_LIMITS if name in order.body}
    state.retermed(number, **new)
    after = _copy(state, number)
    after.waiting = [each for each in after.waiting if each.case is not None]
    state.guard(number, after)
    for name, limit_fen in new.items():
        own = getattr(terms, name)
        if own is not None and limit_fen > own:
            raise _effect(number, f"raised {name} by an order that lowers limits")


def _raise_limits(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    after = _copy(state, number)
    limits = tuple(order.body.get(name) for name in OWN_LIMITS)
    due_ms = time_ms + state.rulebook_at(time_ms).delays.raise_s * 1000
    after.waiting = [each for each in after.waiting if each.case is not None]
    after.waiting.append(Waiting(due_ms, None, limits))
    state.guard(number, after)


def _freeze(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, authority = _open(order, state), _FREEZERS[order.type]
    after = _copy(state, number)
    case, scope = order.body["case"], order.body["scope"]
    amount_fen = order.body.get("amount_fen", 0)
    of_authority = [each for each in after.freezes.values() if each.authority == authority]
    is_right = (case, authority) not in after.freezes and len(of_authority) < FREEZES_MAX
    after.freezes[case, authority] = Freeze(case, int(authority), scope, amount_fen, time_ms)
    state.guard(number, after)
    if not is_right or (scope == FreezeScope.AMOUNT) != (amount_fen > 0):
        raise _effect(number, "took a freeze that is there, is one too many or has no such scope")


def _holder_unfreeze(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, case = _open(order, state), order.body["case"]
    after = _copy(state, number)
    if (case, FreezeAuthority.HOLDER) not in after.freezes:
        raise _effect(number, "let the holder lift a freeze that is not the holder's")
    if all(each.case != case for each in after.waiting):
        due_ms = time_ms + state.rulebook_at(time_ms).delays.unfreeze_s * 1000
        after.waiting.append(Waiting(due_ms, case, None))
    state.guard(number, after)


def _unfreeze(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, case = _open(order, state), order.body["case"]
    after = _copy(state, number)
    authority = _LIFTERS[order.type]
    under_case = [by for frozen, by in after.freezes if frozen == case and by <= authority]
    lifted = max(under_case, default=None)
    if lifted is not None:
        del after.freezes[case, lifted]
    if lifted == FreezeAuthority.HOLDER:
        after.waiting = [each for each in after.waiting if each.case != case]
    state.guard(number, after)
    if lifted is None:
        raise _effect(number, "lifted a freeze of a higher authority, or none")


def _close(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    before = _copy(state, number)
    state.guard(number, Safeguards())
    state.retermed(number, closed=True)
    if state.accounts[number].balance_fen or before.rebind is not None or _is_frozen(before):
        raise _effect(number, "closed a wallet with money, a freeze or a rebind under way")


def _request_rebind(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    after = _copy(state, number)
    is_free = after.rebind is None and not _is_frozen(after)
    lapses_ms = time_ms + state.rulebook_at(time_ms).delays.rebind_lapse_s * 1000
    after.rebind = Rebind(order.body["suite"], order.body["key"], time_ms, None, lapses_ms)
    state.guard(number, after)
    if not is_free:
        raise _effect(number, "took a rebind beside another or under a freeze")


def _object(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, after, rebind = _rebind_of(order, state)
    lapses_ms = time_ms + state.rulebook_at(time_ms).delays.rebind_lapse_s * 1000
    after.rebind = replace(rebind, objected_ms=time_ms, lapses_ms=lapses_ms)
    state.guard(number, after)
    if rebind.objected_ms is not None:
        raise _effect(number, "took a second objection")


def _complete(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, after, rebind = _rebind_of(order, state)
    since_ms = rebind.requested_ms
    is_right = rebind.objected_ms is None
    if order.type is OrderType.REBIND_OVERRULE:
        is_right = rebind.objected_ms is not None
        since_ms = rebind.objected_ms or rebind.requested_ms
    account = state.accounts[number]
    account.key = rebind.key
    state.retermed(number, suite=rebind.suite)
    state.guard(number, Safeguards())
    wait_ms = state.rulebook_at(time_ms).delays.rebind_s * 1000
    if not is_right or time_ms < since_ms + wait_ms or _is_frozen(after):
        raise _effect(number, "bound a new key too early, over an objection or under a freeze")


def _withdraw(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, after, _ = _rebind_of(order, state)
    after.rebind = None
    state.guard(number, after)


def _give_mandate(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number, body = _open(order, state), order.body
    after = _copy(state, number)
    live = {key: each for key, each in after.mandates.items() if each.expires_ms > time_ms}
    is_right = body["mandate"] not in after.mandates and len(live) < MANDATES_MAX
    is_right = is_right and not state.accounts[number].terms.freezes
    after.mandates = live | {
        body["mandate"]: Mandate(
            body["mandate"], body["suite"], body["key"], body["payee"], body["single_limit_fen"],
            body["day_limit_fen"], body["expires_at_ms"],
        )
    }  # fmt: skip
    state.guard(number, after)
    if not is_right or body["expires_at_ms"] <= time_ms or body["payee"] == number:
        raise _effect(
            number, "took a mandate while frozen, or one that is there, has ended or pays the payer"
        )


def _cancel_mandate(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    after = _copy(state, number)
    known = after.mandates.pop(order.body["mandate"], None)
    state.guard(number, after)
    if known is None:
        raise _effect(number, "cancelled a mandate that is not there")


def _set_waterfall(order: CheckedOrder, state: State, network: Network, time_ms: int) -> None:
    number = _open(order, state)
    after = _copy(state, number)
    after.waterfall = order.body["on"] == 1
    state.guard(number, after)


def count_mandate(order: CheckedOrder, state: State, time_ms: int) -> None:
    """Check a payment by mandate against the mandate, and count it.

    Raises:
        Differs: There is no such live mandate for this payee, or it allows less.
    """
    [(number, payee, amount)] = order.legs
    after = _copy(state, number)
    mandate = after.mandates.get(order.body["mandate"])
    if mandate is None:
        raise _effect(number, "was debited by a mandate that it has not given")
    day = (time_ms + _UTC8_MS) // DAY_MS
    spent_fen = (mandate.day_spent_fen if mandate.spent_on == day else 0) + amount
    mandate.spent_on, mandate.day_spent_fen = day, spent_fen
    state.guard(number, after)
    within = amount <= mandate.single_limit_fen and spent_fen <= mandate.day_limit_fen
    if not within or mandate.expires_ms <= time_ms or payee != mandate.payee:
        raise _effect(number, "was debited by a mandate beyond what that allows")


def _open(order: CheckedOrder, state: State) -> int:
    """Return the wallet that an order acts on, which must be there and open."""
    number: int = order.body["number"]
    account = state.accounts.get(number)
    if account is None:
        raise _effect(number, "was changed and does not exist")
    if account.terms.closed:
        raise _effect(number, "was changed after it closed")
    return number


def _rebind_of(order: CheckedOrder, state: State) -> tuple[int, Safeguards, Rebind]:
    number = _open(order, state)
    after = _copy(state, number)
    if after.rebind is None:
        raise _effect(number, "had no rebind under way")
    return number, after, after.rebind


def _copy(state: State, number: int) -> Safeguards:
    return deepcopy(state.safeguards.get(number, Safeguards()))


def _is_frozen(safeguards: Safeguards) -> bool:
    return any(each.authority > FreezeAuthority.HOLDER for each in safeguards.freezes.values())


def _effect(number: int, detail: str) -> Differs:
    return Differs(rule=Rule.EFFECT, detail=f"{format_number(number)} {detail}")


WALLET_EFFECTS: Mapping[OrderType, Callable[[CheckedOrder, State, Network, int], None]] = {
    OrderType.SET_CLASS: _set_class,
    OrderType.LOWER_LIMITS: _lower_limits,
    OrderType.RAISE_LIMITS: _raise_limits,
    OrderType.HOLDER_FREEZE: _freeze,
    OrderType.HOLDER_UNFREEZE: _holder_unfreeze,
    OrderType.OPERATOR_FREEZE: _freeze,
    OrderType.OPERATOR_UNFREEZE: _unfreeze,
    OrderType.AUTHORITY_FREEZE: _freeze,
    OrderType.AUTHORITY_UNFREEZE: _unfreeze,
    OrderType.CLOSE: _close,
    OrderType.REBIND_REQUEST: _request_rebind,
    OrderType.REBIND_OBJECT: _object,
    OrderType.REBIND_COMPLETE: _complete,
    OrderType.REBIND_OVERRULE: _complete,
    OrderType.REBIND_WITHDRAW: _withdraw,
    OrderType.MANDATE: _give_mandate,
    OrderType.CANCEL_MANDATE: _cancel_mandate,
    OrderType.WATERFALL: _set_waterfall,
}
"""What each order type does to a wallet, network and block time being given."""
