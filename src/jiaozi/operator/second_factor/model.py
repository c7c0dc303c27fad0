"""The rules of PINs and of what is countersigned. Pure.

A PIN is 6 to 12 digits. Five tries, then it is locked: for an hour, and for twice as long after
each further wrong try, up to a week. A right PIN takes all of that back. So who guesses has five
tries at once and one a week in the long run.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.keys import KdfCost

PIN_DIGITS_MIN, PIN_DIGITS_MAX = 6, 12
TRIES = 5
FIRST_LOCK_MS = 3_600_000
LOCK_MS_MAX = 7 * DAY_MS

COUNTERSIGNED = frozenset(
    (
        OrderType.PAYMENT,
        OrderType.LOAD,
        OrderType.REDEEM,
        OrderType.RAISE_LIMITS,
        OrderType.HOLDER_UNFREEZE,
        OrderType.MANDATE,
    )
)
"""Orders of a holder that the operator signs too, after the PIN was given for them."""

_PERIOD_MAX = 3
_DIGITS_APART_MIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A wallet's PIN as it is kept, with the tries since the last right one."""

    salt: bytes
    digest: bytes
    cost: KdfCost
    change_id: bytes
    tries: int = 0
    locked_until_ms: int = 0

    @property
    def tries_left(self) -> int:
        """How many tries are left before the next lock."""
        return max(0, TRIES - self.tries)


def check_fit(wallet: int, pin: str) -> None:
    """Check that a new PIN is none of those that are guessed first.

    Refused are runs (123456, 975319), repetitions (121212, 123123), doubled runs (112233), fewer
    than three different digits, and parts of the wallet's number.

    Raises:
        Refusal: ``pin_unfit``.
    """
    if not (pin.isascii() and pin.isdigit() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        raise refuse(Code.PIN_UNFIT)
    is_few = len(set(pin)) < _DIGITS_APART_MIN
    is_doubled = pin[::2] == pin[1::2] and _is_run(pin[::2])
    is_repeated = any(pin[period:] == pin[:-period] for period in range(1, _PERIOD_MAX + 1))
    if is_few or _is_run(pin) or is_doubled or is_repeated or pin in format_number(wallet):
        raise refuse(Code.PIN_UNFIT)


def begin_try(pin: Pin, now_ms: int) -> Pin:
    """Count a try before it is compared, so that no crash and no crowd makes it free.

    Raises:
        Refusal: ``pin_locked``; the try does not count.
    """
    if now_ms < pin.locked_until_ms:
        raise refuse(Code.PIN_LOCKED, pin.locked_until_ms)
    tries = pin.tries + 1
    if tries < TRIES:
        return replace(pin, tries=tries)
    lock_ms = min(FIRST_LOCK_MS << min(tries - TRIES, 16), LOCK_MS_MAX)
    return replace(pin, tries=tries, locked_until_ms=now_ms + lock_ms)


def check_countersigned(wallet: Wallet, order: Order) -> None:
    """Check that an order is one to countersign, and is this wallet's alone.

    One operator's signature stands for every wallet of its that an order debits: so all of them
    must be the one whose PIN was given.

    Raises:
        Refusal: ``not_countersigned`` or ``not_allowed``.
    """
    if order.type not in COUNTERSIGNED:
        raise refuse(Code.NOT_COUNTERSIGNED)
    if {order.scope, *(leg.debit for leg in order.legs)} != {wallet.number}:
        raise refuse(Code.NOT_ALLOWED)


def _is_run(digits: str) -> bool:
    """Say whether each digit follows from the one before by the same step, 9 before 0."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return len(steps) == 1
