"""What a purse holds, by how often the money changed hands without network (rules.md §G.5).

::

    balances      = [fen at hop 0, fen at hop 1, ..., fen at the last hop]
    balance after = SHA-256("jiaozi/offline-balance/1" || salt || CBOR of balances)

Spent is what changed hands least. What is at the last hop waits for the next synchronisation.
"""

from collections.abc import Sequence
from hashlib import sha256

from jiaozi.protocol import cbor

SALT_LENGTH = 16

_TAG = b"jiaozi/offline-balance/1"


def added(balances_fen: Sequence[int], hop: int, amount_fen: int) -> tuple[int, ...]:
    """Return the balances with an amount more at a hop."""
    return (*balances_fen[:hop], balances_fen[hop] + amount_fen, *balances_fen[hop + 1 :])


def spend(balances_fen: Sequence[int], amount_fen: int) -> tuple[tuple[int, ...], int] | None:
    """Take an amount, the lowest hops first, and return what is left and the hop it carries.

    The last hop may not be spent: that money has changed hands as often as it may. None when the
    others do not hold the amount.
    """
    left, hop = list(balances_fen), 0
    for index in range(len(left) - 1):
        taken = min(left[index], amount_fen)
        if taken:
            left[index] -= taken
            amount_fen -= taken
            hop = index + 1
    return None if amount_fen else (tuple(left), hop)


def balance_hash(balances_fen: Sequence[int], salt: bytes) -> bytes:
    """Return what a payment says of the balance after it."""
    return sha256(_TAG + salt + cbor.encode(list(balances_fen))).digest()
