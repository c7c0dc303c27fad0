"""Device certificates: an operator's word for a purse's key, chained to the root (rules.md §G.4).

::

    chain   = [operator's certificate, device certificate]
    device  = COSE_Sign1 by the operator's certify key, domain "jiaozi/device/1"
    payload = {1: operator, 2: suite, 3: key, 4: profile, 5: generation, 6: not before,
               7: not after, 8: payment, 9: balance, 10: out, 11: out count, 12: in,
               13: in count, 14: days, 15: hops}

Times are Unix milliseconds, amounts fen. The limits bind in the device itself, whatever else
becomes known: they need no clock and no network. A device has no name and no wallet in it.

A device certificate begins while its operator's certificate is valid, and lasts a year at most. So
a certify key makes no device that lives more than a year after the key's own end, whoever has it.
"""

from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from functools import lru_cache

from jiaozi.protocol import cose, suites
from jiaozi.protocol.certificates import Certified, Use, read_certificate
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.reading import read_map, write_map
from jiaozi.protocol.order_types import DEVICE_BYTES_MAX, BodyField, FieldKind
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.protocol.suites import Signer

CHAIN_BYTES_MAX = 1024
HOPS_MAX = 8
VALIDITY_MAX_MS = 366 * DAY_MS
"""Entries of the revocation list end with the certificate: that keeps the list short."""
TIME_MAX_MS = 2**48 - 1
PAYMENTS_MAX = 11_000
"""Out and in between two synchronisations: the log of so many fits into what may be handed in."""

# Certificates travel with every message. What one says never changes, so it is checked once.
_DEVICES_REMEMBERED, _OPERATORS_REMEMBERED = 8_192, 256

_U = FieldKind.UINT
LIMIT_NAMES = (
    "payment_fen",
    "balance_fen",
    "out_fen",
    "out_count",
    "in_fen",
    "in_count",
    "days",
    "hops",
)
"""The limits of a purse, in this order everywhere."""
_FIELDS = (
    BodyField(1, "operator", FieldKind.OPERATOR),
    BodyField(2, "suite", FieldKind.SUITE),
    BodyField(3, "key", FieldKind.KEY),
    BodyField(4, "profile", _U),
    BodyField(5, "generation", _U),
    BodyField(6, "not_before_ms", _U),
    BodyField(7, "not_after_ms", _U),
    *(BodyField(key, name, _U) for key, name in enumerate(LIMIT_NAMES, 8)),
)


class Profile(IntEnum):
    """What kind of device holds a purse: each has limits of its own in the rulebook."""

    CARD = 1
    SOFTWARE = 2
    TAP = 3
    """Pays without power and without a person's consent to each payment."""
    TERMINAL = 4
    """A merchant's: takes many payments and makes none but to its own wallet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseLimits:
    """What binds a purse between two synchronisations.

    Attributes:
        payment_fen: One payment.
        balance_fen: All it holds.
        out_fen: The sum that leaves; ``out_count`` the number of payments.
        in_fen: The sum that other purses pay in; ``in_count`` their number.
        days: How long it works without being synchronised.
        hops: How often money changes hands; 1 is staged: what comes in waits.
    """

    payment_fen: int
    balance_fen: int
    out_fen: int
    out_count: int
    in_fen: int
    in_count: int
    days: int
    hops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """All that a purse believes without a proof: the network and its root's key."""

    network: NetworkId
    root_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device certificate says; times in Unix milliseconds, ``not_after_ms`` exclusive.

    Attributes:
        certified_by: The certify key that signed it, as read; no part of what it says.
    """

    operator: int
    suite: int
    key: bytes
    profile: Profile
    generation: int
    not_before_ms: int
    not_after_ms: int
    limits: PurseLimits
    certified_by: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The certificates of a device as they travel."""

    operator: bytes
    device: bytes

    @property
    def parts(self) -> list[bytes]:
        """Both, the operator's first."""
        return [self.operator, self.device]


def certify_device(device: Device, certify: Signer, network: NetworkId) -> bytes:
    """Make a device certificate, signed by the operator's certify key."""
    values = {**asdict(device), **asdict(device.limits), "profile": int(device.profile)}
    aad = external_aad(Domain.DEVICE, network)
    return cose.sign1(write_map(_FIELDS, values), certify, aad)


@lru_cache(maxsize=_DEVICES_REMEMBERED)
def read_device(data: bytes, *, key: bytes, operator: int, network: NetworkId) -> Device:
    """Check a device certificate against an operator's certify key and return what it says.

    Raises:
        Refusal: A shape code, ``signature_invalid``, or ``device_uncertified`` when it names
            another operator than the key's.
    """
    aad = external_aad(Domain.DEVICE, network)
    message = cose.read1(data, key=key, aad=aad, size_max=DEVICE_BYTES_MAX)
    device = _read_payload(message.payload)
    if device.operator != operator:
        raise refuse(Code.DEVICE_UNCERTIFIED)
    return replace(device, certified_by=key)


def read_unverified_device(data: bytes) -> tuple[Device, Message]:
    """Read what a device certificate says, and its message, whose signature is to be checked.

    Its ``certified_by`` is the key that it names, not yet one that signed it.

    Raises:
        Refusal: A shape code.
    """
    message = cose.decode(data, size_max=DEVICE_BYTES_MAX)
    if not message.protected:
        raise refuse(Code.MALFORMED, "device.signatures")
    device = _read_payload(message.payload)
    return replace(device, certified_by=message.signatures[0].key), message


def begins_under(device: Device, certifier: Certified) -> bool:
    """Say whether a device certificate begins while its certify key's own is valid."""
    return certifier.not_before_ms <= device.not_before_ms < certifier.not_after_ms


def _read_payload(payload: bytes) -> Device:
    values = read_map(payload, "device", _FIELDS)
    limits = PurseLimits(**{name: values.pop(name) for name in LIMIT_NAMES})
    if values["profile"] not in tuple(Profile):
        raise refuse(Code.MALFORMED, "device.profile")
    if not 1 <= limits.hops <= HOPS_MAX:
        raise refuse(Code.MALFORMED, "device.hops")
    if limits.out_count + limits.in_count > PAYMENTS_MAX:
        raise refuse(Code.MALFORMED, "device.in_count")
    lasts_ms = values["not_after_ms"] - values["not_before_ms"]
    if not 0 < lasts_ms <= VALIDITY_MAX_MS or values["not_after_ms"] > TIME_MAX_MS:
        raise refuse(Code.MALFORMED, "device.validity")
    if not suites.key_fits(values["suite"], values["key"]):
        raise refuse(Code.MALFORMED, "device.key")
    return Device(**{**values, "profile": Profile(values["profile"])}, limits=limits)


def read_chain(chain: Chain, anchor: Anchor) -> Device:
    """Follow the certificates from the root to the device's key.

    Whether they hold at a time is asked apart: a purse has no clock.

    Raises:
        Refusal: A shape code, or ``device_uncertified``.
    """
    try:
        certifier = read_operator(chain.operator, anchor)
        device = read_device(
            chain.device, key=certifier.key, operator=certifier.operator, network=anchor.network
        )
    except Refusal as refusal:
        if refusal.code is Code.SIGNATURE_INVALID:
            raise refuse(Code.DEVICE_UNCERTIFIED) from None
        raise
    if not begins_under(device, certifier):
        raise refuse(Code.DEVICE_UNCERTIFIED)
    return device


@lru_cache(maxsize=_OPERATORS_REMEMBERED)
def read_operator(certificate: bytes, anchor: Anchor) -> Certified:
    """Return what the root says of an operator's certify key.

    Raises:
        Refusal: A shape code, ``signature_invalid``, or ``device_uncertified``: another use.
    """
    certified = read_certificate(certificate, root_key=anchor.root_key, network=anchor.network)
    if certified.use is not Use.OPERATOR_CERTIFY:
        raise refuse(Code.DEVICE_UNCERTIFIED)
    return certified
