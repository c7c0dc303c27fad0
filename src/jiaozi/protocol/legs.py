"""Legs: the movements of money of an order, and how hostile bytes become them.

::

    leg      = [from: uint, to: uint, amount: uint, salt: bstr 16]
    leg hash = SHA-256("jiaozi/leg/1" || leg)

An order is signed over the hashes of its legs; the salt keeps a reader who is shown a hash only
from guessing what is behind it. Between which accounts an order type may move money is said by
`order_types`; whether the accounts exist is the registry's to say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import WALLET_SERIAL_MIN, AccountNumber
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Place
from jiaozi.protocol.refusals import Code, refuse

LEG_BYTES_MAX = 64
SALT_LENGTH = 16
HASH_LENGTH = 32

_DOMAIN = b"jiaozi/leg/1"


class Leg(NamedTuple):
    """One movement of money: ``amount`` fen from one account to another."""

    debit: AccountNumber
    credit: AccountNumber
    amount: int
    salt: bytes

    def encoded(self) -> bytes:
        """Return the bytes that are hashed and that travel beside the order."""
        return cbor.encode(list(self))


@dataclass(frozen=True, slots=True)
class _Ends:
    """Which accounts may stand at the two ends of a type's legs."""

    takes_debit: Callable[[int], bool]
    takes_credit: Callable[[int], bool]
    legs_max: int


def leg_hash(encoded: bytes) -> bytes:
    """Return the 32 bytes by which an order names a leg."""
    return sha256(_DOMAIN + encoded).digest()


def read_legs(
    order_type: OrderType, hashes: object, encoded: object, *, partial: bool
) -> tuple[Leg, ...]:
    """Match the legs beside an order with the hashes in it; in a partial view some are None.

    Raises:
        Refusal: ``malformed``, ``leg_hash_differs``, ``not_canonical``, ``amount_out_of_range``,
            ``to_self`` or ``legs_not_allowed``.
    """
    ends = _ENDS.get(order_type)
    if ends is None:
        if hashes is not None or encoded != []:
            raise refuse(Code.MALFORMED, "legs")
        return ()
    if type(hashes) is not list or type(encoded) is not list or len(hashes) != len(encoded):
        raise refuse(Code.MALFORMED, "legs")
    if not 1 <= len(hashes) <= ends.legs_max:
        raise refuse(Code.MALFORMED, "legs")
    legs = []
    for index, data in enumerate(encoded):
        if data is not None or not partial:
            legs.append(_read_leg(index, hashes[index], data, ends))
        elif type(hashes[index]) is not bytes or len(hashes[index]) != HASH_LENGTH:
            raise refuse(Code.MALFORMED, "legs")
    if len(legs) > 1 and sum(leg.amount for leg in legs) > FEN_MAX:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    return tuple(legs)


def _read_leg(index: int, digest: object, data: object, ends: _Ends) -> Leg:
    if type(data) is not bytes:
        raise refuse(Code.MALFORMED, "legs")
    if sha256(_DOMAIN + data).digest() != digest:
        raise refuse(Code.LEG_HASH_DIFFERS, index)
    try:
        value = cbor.decode(data, size_max=LEG_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "legs") from None
    if type(value) is not list or len(value) != 4:
        raise refuse(Code.MALFORMED, "legs")
    debit, credit, amount, salt = value
    if type(debit) is not int or type(credit) is not int or type(amount) is not int:
        raise refuse(Code.MALFORMED, "legs")
    if type(salt) is not bytes or len(salt) != SALT_LENGTH:
        raise refuse(Code.MALFORMED, "legs.salt")
    if not 0 < amount <= FEN_MAX:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    if debit == credit:
        raise refuse(Code.TO_SELF, index)
    if not ends.takes_debit(debit) or not ends.takes_credit(credit):
        raise refuse(Code.LEGS_NOT_ALLOWED, index)
    return Leg(*value)


def _is_wallet(number: int) -> bool:
    # A registry looks the number up, so its check digit proves nothing more.
    return 10**12 <= number < 10**16 and number % 10**12 >= 10 * WALLET_SERIAL_MIN


def _is_vault(number: int) -> bool:
    return 10**12 <= number < 10**16 and number == numbers.vault_of(numbers.operator_of(number))


def _is_reserve(number: int) -> bool:
    return 10**12 <= number < 10**16 and number == numbers.reserve_of(numbers.operator_of(number))


def _is_guarantee(number: int) -> bool:
    return 10**12 <= number < 10**16 and number == numbers.guarantee_of(numbers.operator_of(number))


_TAKES: Mapping[Place, Callable[[int], bool]] = {
    Place.WALLET: _is_wallet,
    Place.VAULT: _is_vault,
    Place.RESERVE: _is_reserve,
    Place.ISSUANCE: numbers.ISSUANCE.__eq__,
    Place.SETTLEMENT: numbers.SETTLEMENT.__eq__,
    Place.OFFLINE: numbers.OFFLINE.__eq__,
    Place.GUARANTEE: _is_guarantee,
}


_ENDS: Mapping[OrderType, _Ends] = {
    order_type: _Ends(_TAKES[rule.legs[0]], _TAKES[rule.legs[1]], rule.legs_max)
    for order_type, rule in ORDER_TYPES.items()
    if rule.legs is not None
}
