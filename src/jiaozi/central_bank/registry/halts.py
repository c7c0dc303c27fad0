"""Halts: what officers stopped or slowed down, until a time.

What protects holders goes on in any halt that does not name it: their own freezes, their
operator's, and an old key's objection. So do the orders that officers approve: one ends a halt.
"""

from jiaozi.central_bank.registry.control import Control
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.order_types import ORDER_TYPES, HaltScope, OrderType, Role
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse

_RETRY_AFTER_MS = 1_000
_SPARED = frozenset(
    {OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.REBIND_OBJECT}
    | {OrderType.REVOKE_DEVICE}
    | {each for each, rule in ORDER_TYPES.items() if Role.OFFICERS in rule.signers}
)


class Paces:
    """How many orders each slow-down has let through in the present second of block time."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[tuple[int, int], int] = {}

    def copy(self) -> "Paces":
        """Return the same counts, to count a batch that may come to nothing."""
        copied = Paces()
        copied._second, copied._counts = self._second, dict(self._counts)
        return copied

    def lets_through(self, halt: tuple[int, int], orders_per_s: int, time_ms: int) -> bool:
        """Count one order, or say that this second has had its share."""
        if time_ms // 1000 != self._second:
            self._second, self._counts = time_ms // 1000, {}
        count = self._counts.get(halt, 0)
        self._counts[halt] = count + 1
        return count < orders_per_s


def check_halts(
    order: Order, caller: Certified, control: Control, paces: Paces, time_ms: int
) -> None:
    """Check that nothing stops an order: stops first, so that they take no share of a slow-down.

    Raises:
        Refusal: ``halted`` until the last of the stops ends, or ``busy`` in a slow-down.
    """
    covering = [
        (key, halt)
        for key, halt in control.halts.items()
        if halt.until_ms > time_ms and _covers(key, order, caller)
    ]
    stops_ms = [halt.until_ms for _, halt in covering if halt.orders_per_s is None]
    if stops_ms:
        raise refuse(Code.HALTED, max(stops_ms))
    for key, halt in covering:
        if halt.orders_per_s is not None and not paces.lets_through(
            key, halt.orders_per_s, time_ms
        ):
            raise refuse(Code.BUSY, _RETRY_AFTER_MS)


def stops_sweep(control: Control, operator: int, time_ms: int) -> bool:
    """Say whether sweeps into an operator's vault are stopped; a slow-down lets them pass."""
    scopes = ((HaltScope.OPERATOR, operator), (HaltScope.ORDER_TYPE, OrderType.SWEEP))
    halts = [control.halts[each] for each in scopes if each in control.halts]
    return any(each.until_ms > time_ms and each.orders_per_s is None for each in halts)


def _covers(key: tuple[int, int], order: Order, caller: Certified) -> bool:
    scope, subject = key
    match scope:
        case HaltScope.ALL:
            return order.type not in _SPARED
        case HaltScope.OPERATOR:
            return caller.operator == subject and order.type not in _SPARED
        case HaltScope.ORDER_TYPE:
            return order.type == subject
        case HaltScope.OFFLINE_LOADS:
            return order.type is OrderType.LOAD
        case _:
            return False
