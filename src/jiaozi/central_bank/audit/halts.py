"""Whether an order settled although officers had halted its kind: the audit's own reading.

Slow-downs are not checked: how many orders came in a second does not stand in the blocks.
"""

from jiaozi.central_bank.audit.model import CheckedOrder
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.order_types import ORDER_TYPES, HaltScope, OrderType, Role

_PROTECTS = (OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.REBIND_OBJECT)


def halt_fault(order: CheckedOrder, state: State, time_ms: int) -> str | None:
    """Say which halt an order should have been stopped by, or None."""
    is_spared = order.type in _PROTECTS or Role.OFFICERS in ORDER_TYPES[order.type].signers
    for (scope, subject), halt in state.halts.items():
        if halt.until_ms <= time_ms or halt.orders_per_s is not None:
            continue
        is_stopped = {
            HaltScope.ALL: not is_spared,
            HaltScope.OPERATOR: not is_spared and _carrier(order, state) == subject,
            HaltScope.ORDER_TYPE: order.type == subject,
            HaltScope.OFFLINE_LOADS: order.type is OrderType.LOAD,
        }.get(HaltScope(scope), False)
        if is_stopped:
            return f"{order.type.name} settled during a halt until {halt.until_ms}"
    return None


def _carrier(order: CheckedOrder, state: State) -> int:
    """Return the operator that brings an order: the one that carries its account."""
    account = state.accounts.get(order.scope)
    opened_by = int(operator_of(order.scope))
    return opened_by if account is None else state.operator_of(account)
