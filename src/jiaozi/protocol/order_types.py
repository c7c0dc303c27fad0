"""The table of orders: for each type who signs it, which fields it has, which money it moves.

This is the table of rules.md §A as data. The registry's writer and the audit both read it, so a
type is added here and nowhere else: a line in `ORDER_TYPES` and its use case in the registry.

======================  ==========================================  =======================
type                    signed by                                   legs
======================  ==========================================  =======================
open account            operator's certify key                      none
payment                 each debited wallet's key                   wallet -> wallet, 1-16
redeem                  wallet key                                  wallet -> its vault
exchange                operator's vault key                        vault -> wallet
issue                   operator's vault key and two officers       issuance -> vault
destroy                 operator's vault key and two officers       vault -> issuance
fund reserve            two officers                                settlement -> reserve
rulebook, quota         two officers                                none
certify, revoke         two officers                                none
======================  ==========================================  =======================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX, is_wallet_number
from jiaozi.protocol.suites import KEY_LENGTH_MAX

LEGS_MAX = 16
CERTIFICATE_BYTES_MAX = 512


class OrderType(IntEnum):
    """The number of each order type on the wire."""

    OPEN_ACCOUNT = 1
    PAYMENT = 3
    REDEEM = 4
    EXCHANGE = 5
    ISSUE = 6
    DESTROY = 7
    FUND_RESERVE = 8
    RULEBOOK = 9
    QUOTA = 10
    CERTIFY = 11
    REVOKE = 12


class Role(Enum):
    """Who must have signed."""

    DEBITED = "the key of each debited account"
    VAULT = "the operator's vault key"
    CERTIFY = "the operator's certify key"
    OFFICERS = "two officers of the central bank"


class Place(Enum):
    """The kind of account that stands at an end of a leg."""

    WALLET = "wallet"
    VAULT = "vault"
    ISSUANCE = "issuance"
    SETTLEMENT = "settlement"
    RESERVE = "reserve"


class Holder(IntEnum):
    """Who holds a wallet: limits are set apart for persons and companies."""

    PERSONAL = 1
    CORPORATE = 2


class FieldKind(Enum):
    """How a field of an order's body is checked. No kind is text (rules.md §B.4)."""

    UINT = "integer from 0 to 2^63 - 1"
    SUITE = "number of a signature suite"
    BYTES16 = "16 bytes"
    BYTES32 = "32 bytes"
    KEY = "public key of a supported suite"
    CERTIFICATE = "certificate, up to 512 bytes"
    OPERATOR = "operator's code from 1 to 9999"
    WALLET_NUMBER = "wallet number with its check digit"
    HOLDER = "holder"

    def takes(self, value: object) -> bool:
        """Say whether a decoded value is of this kind, as far as it can be told by itself."""
        low, high = _RANGES[self]
        if self in _BYTES:
            return type(value) is bytes and low <= len(value) <= high
        if type(value) is not int or not low <= value <= high:
            return False
        return self is not FieldKind.WALLET_NUMBER or is_wallet_number(value)


_BYTES = {FieldKind.BYTES16, FieldKind.BYTES32, FieldKind.KEY, FieldKind.CERTIFICATE}
_RANGES = {
    FieldKind.UINT: (0, FEN_MAX),
    FieldKind.SUITE: (-(2**31), -1),
    FieldKind.BYTES16: (16, 16),
    FieldKind.BYTES32: (32, 32),
    FieldKind.KEY: (1, KEY_LENGTH_MAX),
    FieldKind.CERTIFICATE: (1, CERTIFICATE_BYTES_MAX),
    FieldKind.OPERATOR: (1, OPERATOR_CODE_MAX),
    FieldKind.WALLET_NUMBER: (0, FEN_MAX),
    FieldKind.HOLDER: (min(Holder), max(Holder)),
}


@dataclass(frozen=True, slots=True)
class BodyField:
    """One field of an order's body: its key on the wire, name, kind, and whether it may lack."""

    key: int
    name: str
    kind: FieldKind
    optional: bool = False


@dataclass(frozen=True, slots=True)
class OrderRule:
    """What the table says of one order type."""

    signers: tuple[Role, ...]
    body: tuple[BodyField, ...] = ()
    legs: tuple[Place, Place] | None = None
    legs_max: int = 1
    needs_reference: bool = False

    def __post_init__(self) -> None:
        """Keep the table itself consistent."""
        assert len({each.key for each in self.body}) == len(self.body)


_U, _B32 = FieldKind.UINT, FieldKind.BYTES32

ORDER_TYPES: Mapping[OrderType, OrderRule] = {
    OrderType.OPEN_ACCOUNT: OrderRule(
        signers=(Role.CERTIFY,),
        body=(
            BodyField(1, "number", FieldKind.WALLET_NUMBER),
            BodyField(2, "suite", FieldKind.SUITE),
            BodyField(3, "key", FieldKind.KEY),
            BodyField(4, "wallet_class", _U),
            BodyField(5, "holder", FieldKind.HOLDER),
            BodyField(6, "group", FieldKind.BYTES16),
            BodyField(7, "parent", FieldKind.WALLET_NUMBER, optional=True),
            BodyField(8, "balance_cap_fen", _U, optional=True),
            BodyField(9, "single_limit_fen", _U, optional=True),
            BodyField(10, "day_limit_fen", _U, optional=True),
            BodyField(11, "year_limit_fen", _U, optional=True),
            BodyField(12, "second_factor_above_fen", _U, optional=True),
        ),
    ),
    OrderType.PAYMENT: OrderRule(
        signers=(Role.DEBITED,), legs=(Place.WALLET, Place.WALLET), legs_max=LEGS_MAX
    ),
    OrderType.REDEEM: OrderRule(signers=(Role.DEBITED,), legs=(Place.WALLET, Place.VAULT)),
    OrderType.EXCHANGE: OrderRule(signers=(Role.VAULT,), legs=(Place.VAULT, Place.WALLET)),
    OrderType.ISSUE: OrderRule(
        signers=(Role.VAULT, Role.OFFICERS), legs=(Place.ISSUANCE, Place.VAULT)
    ),
    OrderType.DESTROY: OrderRule(
        signers=(Role.VAULT, Role.OFFICERS), legs=(Place.VAULT, Place.ISSUANCE)
    ),
    OrderType.FUND_RESERVE: OrderRule(
        signers=(Role.OFFICERS,), legs=(Place.SETTLEMENT, Place.RESERVE), needs_reference=True
    ),
    OrderType.RULEBOOK: OrderRule(
        signers=(Role.OFFICERS,),
        body=(BodyField(1, "rulebook_hash", _B32), BodyField(2, "starts_at_ms", _U)),
    ),
    OrderType.QUOTA: OrderRule(
        signers=(Role.OFFICERS,),
        body=(BodyField(1, "operator", FieldKind.OPERATOR), BodyField(2, "quota_fen", _U)),
    ),
    OrderType.CERTIFY: OrderRule(
        signers=(Role.OFFICERS,), body=(BodyField(1, "certificate", FieldKind.CERTIFICATE),)
    ),
    OrderType.REVOKE: OrderRule(
        signers=(Role.OFFICERS,), body=(BodyField(1, "key", FieldKind.KEY),)
    ),
}
