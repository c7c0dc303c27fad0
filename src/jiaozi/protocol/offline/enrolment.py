"""What a device says to be certified: that it holds its key, and how it wants to be known.

::

    enrolment = COSE_Sign1 by the device, domain "jiaozi/offline-enrolment/1"
                {1: operator, 2: profile, ? 3: wallet, ? 8: payment, ? 9: balance, ? 10: out,
                 ? 11: out count, ? 12: in, ? 13: in count, ? 14: days, ? 15: hops}

The device names the wallet that it belongs to, so that nobody makes an anonymous one of it or ties
it to another's. The limits are its holder's wish, by the keys of a device certificate: at most the
rulebook's, and what is absent is the rulebook's. To enrol twice gives the same certificate, so a
replayed message gives nothing to whoever replays it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jiaozi.protocol import cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.certificate import HOPS_MAX, LIMIT_NAMES, Profile
from jiaozi.protocol.offline.reading import read_map, write_map
from jiaozi.protocol.order_types import BodyField, FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

ENROLMENT_BYTES_MAX = 256

_FIELDS = (
    BodyField(1, "operator", FieldKind.OPERATOR),
    BodyField(2, "profile", FieldKind.UINT),
    BodyField(3, "wallet", FieldKind.WALLET_NUMBER, optional=True),
    *(
        BodyField(key, name, FieldKind.UINT, optional=True)
        for key, name in enumerate(LIMIT_NAMES, 8)
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a device asks an operator for.

    Attributes:
        wallet: Whose holder's it is; None for an anonymous device.
        limits: Lower ones than the rulebook's, by their names.
    """

    operator: int
    profile: Profile
    wallet: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


def sign_enrolment(enrolment: Enrolment, signer: Signer, network: NetworkId) -> bytes:
    """Make the message, signed by the device's key."""
    values: dict[str, int | None] = {
        "operator": enrolment.operator,
        "profile": int(enrolment.profile),
        "wallet": enrolment.wallet,
        **{name: enrolment.limits.get(name) for name in LIMIT_NAMES},
    }
    return cose.sign1(write_map(_FIELDS, values), signer, _aad(network))


def read_enrolment(data: bytes, network: NetworkId) -> tuple[Enrolment, int, bytes]:
    """Read a message and return it with the suite and key that it is signed with.

    Raises:
        Refusal: A shape code, or ``signature_invalid``.
    """
    message = cose.decode(data, size_max=ENROLMENT_BYTES_MAX)
    if not message.protected:
        raise refuse(Code.MALFORMED, "enrolment.signatures")
    if not cose.verify(message, _aad(network)):
        raise refuse(Code.SIGNATURE_INVALID)
    values = read_map(message.payload, "enrolment", _FIELDS)
    limits = {name: values[name] for name in LIMIT_NAMES if values[name] is not None}
    if values["profile"] not in tuple(Profile):
        raise refuse(Code.MALFORMED, "enrolment.profile")
    if not 1 <= limits.get("hops", 1) <= HOPS_MAX:
        raise refuse(Code.MALFORMED, "enrolment.hops")
    enrolment = Enrolment(
        operator=values["operator"],
        profile=Profile(values["profile"]),
        wallet=values["wallet"],
        limits=limits,
    )
    signature = message.signatures[0]
    return enrolment, signature.suite, signature.key


def _aad(network: NetworkId) -> bytes:
    return external_aad(Domain.OFFLINE_ENROLMENT, network)
