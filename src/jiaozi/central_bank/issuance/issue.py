"""Issue and destroy: carry an approved order through registry and reserves, once.

Both can be run again with the same approval after any crash or lost answer, and must be until they
return: the order's id makes every step happen once.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeAlias

from jiaozi.central_bank.certification.approve import Approval, order_of, submission_of
from jiaozi.central_bank.issuance.reserve_system import ReserveSystem
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, refuse


class Dead(Enum):
    """The registry says, at a block time past its expiry, that it never took the order."""

    DEAD = "dead"


Settle: TypeAlias = Callable[[bytes], Awaitable[Outcome | Dead]]
"""Sends a submission to the registry and returns what is final: the outcome, or that it is dead.

Raises whatever leaves the order open: a refusal that uses up no id, or no answer at all.
"""


async def issue(approval: Approval, *, reserves: ReserveSystem, settle: Settle) -> Outcome | Dead:
    """Lock the operator's reserves, issue against them, use up the lock or release it.

    Raises:
        Refusal: ``reserve_insufficient`` by the reserves, or what leaves the order open; then the
            lock stays, and this must be run again.
    """
    order = _order(approval, OrderType.ISSUE)
    leg = order.legs[0]
    await reserves.lock(order.id, operator_of(leg.credit), leg.amount)
    outcome = await settle(submission_of(approval))
    if outcome == SETTLED:
        await reserves.confirm(order.id)
    else:
        await reserves.release(order.id)
    return outcome


async def destroy(approval: Approval, *, reserves: ReserveSystem, settle: Settle) -> Outcome | Dead:
    """Destroy money of an operator's vault, then credit its reserves.

    Raises:
        Refusal: What leaves the order open; this must be run again.
    """
    order = _order(approval, OrderType.DESTROY)
    leg = order.legs[0]
    outcome = await settle(submission_of(approval))
    if outcome == SETTLED:
        await reserves.credit(order.id, operator_of(leg.debit), leg.amount)
    return outcome


def _order(approval: Approval, wanted: OrderType) -> Order:
    order = order_of(approval)
    if order.type is not wanted:
        raise refuse(Code.MALFORMED, "type")
    return order
