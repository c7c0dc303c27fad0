"""The table of orders: for each type who signs it, which fields it has, which money it moves.

This is the table of rules.md §A as data. The registry's writer and the audit both read it, so a
type is added here and nowhere else: a line in `ORDER_TYPES` and its use case in the registry.

======================  ==========================================  =======================
type                    signed by                                   legs
======================  ==========================================  =======================
open account, set class  operator's certify key                     none
payment                 each debited wallet's key                   wallet -> wallet, 1-16
mandate payment         the mandate's key                           wallet -> wallet
redeem                  wallet key                                  wallet -> its vault
sweep                   the registry's block key                    wallet -> its vault
exchange                operator's vault key                        vault -> wallet
issue                   operator's vault key and two officers       issuance -> vault
destroy                 operator's vault key and two officers       vault -> issuance
fund reserve            two officers                                settlement -> reserve
lower limits, close,    wallet key                                  none
holder's freeze,
cancel mandate, waterfall
raise limits, holder's  wallet key and operator's certify key       none
unfreeze, mandate
operator's freezes      operator's certify key                      none
authority's freezes     two officers                                none
rebind                  certify key; the old key objects; two       none
                        operator's officers and certify overrule
rulebook, quota,        two officers                                none
certify, revoke,
reassign, halt, oldest
generation, convict,
write off
enrol, settle offline,  operator's certify key                      none
revoke device, take up
offline load            wallet key                                  wallet -> offline
unload                  device key inside, operator's certify key   offline -> wallet
claim                   wallet key and operator's certify key       offline -> wallet
fund guarantee          operator's vault key                        vault -> guarantee
release guarantee       operator's vault key                        guarantee -> vault
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
DEVICE_BYTES_MAX = 320
OFFLINE_PAYMENT_BYTES_MAX = 384


class OrderType(IntEnum):
    """The number of each order type on the wire."""

    OPEN_ACCOUNT = 1
    SET_CLASS = 2
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
    LOWER_LIMITS = 13
    RAISE_LIMITS = 14
    HOLDER_FREEZE = 15
    HOLDER_UNFREEZE = 16
    OPERATOR_FREEZE = 17
    OPERATOR_UNFREEZE = 18
    AUTHORITY_FREEZE = 19
    AUTHORITY_UNFREEZE = 20
    CLOSE = 21
    REBIND_REQUEST = 22
    REBIND_OBJECT = 23
    REBIND_COMPLETE = 24
    REBIND_OVERRULE = 25
    REBIND_WITHDRAW = 26
    REASSIGN = 27
    HALT = 28
    MANDATE = 29
    CANCEL_MANDATE = 30
    MANDATE_PAYMENT = 31
    WATERFALL = 32
    SWEEP = 33
    ENROL = 40
    LOAD = 41
    SETTLE_OFFLINE = 42
    UNLOAD = 43
    REVOKE_DEVICE = 44
    CLAIM = 45
    FUND_GUARANTEE = 46
    RELEASE_GUARANTEE = 47
    OLDEST_GENERATION = 48
    CONVICT = 49
    WRITE_OFF = 50
    TAKE_UP = 51


class Role(Enum):
    """Who must have signed."""

    DEBITED = "the key of each debited account"
    VAULT = "the operator's vault key"
    CERTIFY = "the operator's certify key"
    OFFICERS = "two officers of the central bank"
    WALLET = "the key of the wallet that the order names"
    OPERATOR_OFFICERS = "two officers of the operator"
    MANDATE = "the key that a mandate names"
    BLOCK = "the registry's key that signs blocks"


class Place(Enum):
    """The kind of account that stands at an end of a leg."""

    WALLET = "wallet"
    VAULT = "vault"
    ISSUANCE = "issuance"
    SETTLEMENT = "settlement"
    RESERVE = "reserve"
    OFFLINE = "offline"
    GUARANTEE = "guarantee"


class Holder(IntEnum):
    """Who holds a wallet: limits are set apart for persons and companies."""

    PERSONAL = 1
    CORPORATE = 2


class FreezeScope(IntEnum):
    """What a freeze stops: debits, everything, or debits that touch an amount."""

    DEBITS = 1
    ALL = 2
    AMOUNT = 3


class HaltScope(IntEnum):
    """What a halt stops."""

    ALL = 1
    OPERATOR = 2
    ORDER_TYPE = 3
    OFFLINE_LOADS = 4


class FieldKind(Enum):
    """How a field of an order's body is checked. No kind is text (rules.md §B.4).

    A member tells what it is, its type, and the bounds of the integer or of the number of bytes.
    """

    UINT = ("integer from 0 to 2^63 - 1", int, 0, FEN_MAX)
    SUITE = ("number of a signature suite", int, -(2**31), -1)
    BYTES16 = ("16 bytes", bytes, 16, 16)
    BYTES32 = ("32 bytes", bytes, 32, 32)
    KEY = ("public key of a supported suite", bytes, 1, KEY_LENGTH_MAX)
    CERTIFICATE = ("certificate, up to 512 bytes", bytes, 1, CERTIFICATE_BYTES_MAX)
    OPERATOR = ("operator's code from 1 to 9999", int, 1, OPERATOR_CODE_MAX)
    WALLET_NUMBER = ("wallet number with its check digit", int, 0, FEN_MAX)
    HOLDER = ("holder", int, min(Holder), max(Holder))
    FREEZE_SCOPE = ("scope of a freeze", int, min(FreezeScope), max(FreezeScope))
    HALT_SCOPE = ("scope of a halt", int, min(HaltScope), max(HaltScope))
    FLAG = ("0 or 1", int, 0, 1)
    DEVICE_CERTIFICATE = ("certificate of a device, up to 320 bytes", bytes, 1, DEVICE_BYTES_MAX)
    OFFLINE_PAYMENT = ("offline payment, up to 384 bytes", bytes, 1, OFFLINE_PAYMENT_BYTES_MAX)

    def __init__(self, _meaning: str, kind: type[int | bytes], low: int, high: int) -> None:
        # Attributes of the member: a look-up in a table would hash it, which for an enumeration
        # takes longer than the check.
        self._type, self._low, self._high = kind, low, high

    def takes(self, value: object) -> bool:
        """Say whether a decoded value is of this kind, as far as it can be told by itself."""
        if type(value) is not self._type:
            return False
        size = len(value) if type(value) is bytes else value
        assert type(size) is int, "a kind is of integers or of bytes"
        if not self._low <= size <= self._high:
            return False
        return self is not FieldKind.WALLET_NUMBER or is_wallet_number(size)


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
_NUMBER = BodyField(1, "number", FieldKind.WALLET_NUMBER)
_CASE = BodyField(2, "case", FieldKind.BYTES16)
_DEVICE = BodyField(1, "device", FieldKind.KEY)
_DEVICE_CERTIFICATE = BodyField(1, "device_certificate", FieldKind.DEVICE_CERTIFICATE)
_PAYMENT = BodyField(1, "payment", FieldKind.OFFLINE_PAYMENT)
_FREEZE = (
    _NUMBER,
    _CASE,
    BodyField(3, "scope", FieldKind.FREEZE_SCOPE),
    BodyField(4, "amount_fen", _U, optional=True),
)
OWN_LIMITS = (
    "balance_cap_fen",
    "single_limit_fen",
    "day_limit_fen",
    "year_limit_fen",
    "second_factor_above_fen",
)
"""What a holder may set of its own wallet, in this order everywhere."""


def _own_limits(first_key: int) -> tuple[BodyField, ...]:
    return tuple(
        BodyField(key, name, _U, optional=True) for key, name in enumerate(OWN_LIMITS, first_key)
    )


ORDER_TYPES: Mapping[OrderType, OrderRule] = {
    OrderType.OPEN_ACCOUNT: OrderRule(
        signers=(Role.CERTIFY,),
        body=(
            _NUMBER,
            BodyField(2, "suite", FieldKind.SUITE),
            BodyField(3, "key", FieldKind.KEY),
            BodyField(4, "wallet_class", _U),
            BodyField(5, "holder", FieldKind.HOLDER),
            BodyField(6, "group", FieldKind.BYTES16),
            BodyField(7, "parent", FieldKind.WALLET_NUMBER, optional=True),
            *_own_limits(8),
        ),
    ),
    OrderType.SET_CLASS: OrderRule(
        signers=(Role.CERTIFY,), body=(_NUMBER, BodyField(2, "wallet_class", _U))
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
    OrderType.LOWER_LIMITS: OrderRule(signers=(Role.WALLET,), body=(_NUMBER, *_own_limits(2))),
    OrderType.RAISE_LIMITS: OrderRule(
        signers=(Role.WALLET, Role.CERTIFY), body=(_NUMBER, *_own_limits(2))
    ),
    OrderType.HOLDER_FREEZE: OrderRule(signers=(Role.WALLET,), body=_FREEZE[:3]),
    OrderType.HOLDER_UNFREEZE: OrderRule(
        signers=(Role.WALLET, Role.CERTIFY), body=(_NUMBER, _CASE)
    ),
    OrderType.OPERATOR_FREEZE: OrderRule(signers=(Role.CERTIFY,), body=_FREEZE),
    OrderType.OPERATOR_UNFREEZE: OrderRule(signers=(Role.CERTIFY,), body=(_NUMBER, _CASE)),
    OrderType.AUTHORITY_FREEZE: OrderRule(signers=(Role.OFFICERS,), body=_FREEZE),
    OrderType.AUTHORITY_UNFREEZE: OrderRule(signers=(Role.OFFICERS,), body=(_NUMBER, _CASE)),
    OrderType.CLOSE: OrderRule(signers=(Role.WALLET,), body=(_NUMBER,)),
    OrderType.REBIND_REQUEST: OrderRule(
        signers=(Role.CERTIFY,),
        body=(
            _NUMBER,
            BodyField(2, "suite", FieldKind.SUITE),
            BodyField(3, "key", FieldKind.KEY),
        ),
    ),
    OrderType.REBIND_OBJECT: OrderRule(signers=(Role.WALLET,), body=(_NUMBER,)),
    OrderType.REBIND_COMPLETE: OrderRule(signers=(Role.CERTIFY,), body=(_NUMBER,)),
    OrderType.REBIND_OVERRULE: OrderRule(
        signers=(Role.CERTIFY, Role.OPERATOR_OFFICERS), body=(_NUMBER,)
    ),
    OrderType.REBIND_WITHDRAW: OrderRule(signers=(Role.CERTIFY,), body=(_NUMBER,)),
    OrderType.REASSIGN: OrderRule(
        signers=(Role.OFFICERS,),
        body=(
            BodyField(1, "operator", FieldKind.OPERATOR),
            BodyField(2, "carrier", FieldKind.OPERATOR),
        ),
    ),
    OrderType.HALT: OrderRule(
        signers=(Role.OFFICERS,),
        body=(
            BodyField(1, "scope", FieldKind.HALT_SCOPE),
            BodyField(2, "subject", _U, optional=True),
            BodyField(3, "until_ms", _U),
            BodyField(4, "orders_per_s", _U, optional=True),
        ),
    ),
    OrderType.MANDATE: OrderRule(
        signers=(Role.WALLET, Role.CERTIFY),
        body=(
            _NUMBER,
            BodyField(2, "mandate", FieldKind.BYTES16),
            BodyField(3, "suite", FieldKind.SUITE),
            BodyField(4, "key", FieldKind.KEY),
            BodyField(5, "payee", FieldKind.WALLET_NUMBER),
            BodyField(6, "single_limit_fen", _U),
            BodyField(7, "day_limit_fen", _U),
            BodyField(8, "expires_at_ms", _U),
        ),
    ),
    OrderType.CANCEL_MANDATE: OrderRule(
        signers=(Role.WALLET,), body=(_NUMBER, BodyField(2, "mandate", FieldKind.BYTES16))
    ),
    OrderType.MANDATE_PAYMENT: OrderRule(
        signers=(Role.MANDATE,),
        body=(BodyField(1, "mandate", FieldKind.BYTES16),),
        legs=(Place.WALLET, Place.WALLET),
    ),
    OrderType.WATERFALL: OrderRule(
        signers=(Role.WALLET,), body=(_NUMBER, BodyField(2, "on", FieldKind.FLAG))
    ),
    OrderType.SWEEP: OrderRule(signers=(Role.BLOCK,), legs=(Place.WALLET, Place.VAULT)),
    OrderType.ENROL: OrderRule(
        signers=(Role.CERTIFY,),
        body=(
            _DEVICE_CERTIFICATE,
            BodyField(2, "wallet", FieldKind.WALLET_NUMBER, optional=True),
        ),
    ),
    OrderType.LOAD: OrderRule(
        signers=(Role.DEBITED,),
        body=(_DEVICE, BodyField(2, "load", _U)),
        legs=(Place.WALLET, Place.OFFLINE),
    ),
    OrderType.SETTLE_OFFLINE: OrderRule(signers=(Role.CERTIFY,), body=(_PAYMENT,)),
    OrderType.UNLOAD: OrderRule(
        signers=(Role.CERTIFY,), body=(_PAYMENT,), legs=(Place.OFFLINE, Place.WALLET)
    ),
    OrderType.REVOKE_DEVICE: OrderRule(signers=(Role.CERTIFY,), body=(_DEVICE,)),
    OrderType.CLAIM: OrderRule(
        signers=(Role.WALLET, Role.CERTIFY),
        body=(_NUMBER, BodyField(2, "device", FieldKind.KEY)),
        legs=(Place.OFFLINE, Place.WALLET),
    ),
    OrderType.FUND_GUARANTEE: OrderRule(signers=(Role.VAULT,), legs=(Place.VAULT, Place.GUARANTEE)),
    OrderType.RELEASE_GUARANTEE: OrderRule(
        signers=(Role.VAULT,), legs=(Place.GUARANTEE, Place.VAULT)
    ),
    OrderType.OLDEST_GENERATION: OrderRule(
        signers=(Role.OFFICERS,), body=(BodyField(1, "generation", _U),)
    ),
    OrderType.CONVICT: OrderRule(
        signers=(Role.OFFICERS,), body=(_DEVICE, BodyField(2, "proof", _B32))
    ),
    OrderType.WRITE_OFF: OrderRule(signers=(Role.OFFICERS,), body=(_DEVICE,)),
    OrderType.TAKE_UP: OrderRule(signers=(Role.CERTIFY,), body=(_DEVICE_CERTIFICATE,)),
}
