"""Genesis: the document that a network begins with, signed by the root alone.

::

    genesis    = COSE_Sign1 by the root, domain "jiaozi/genesis/1", network id 32 zero bytes
    payload    = {1: name, 2: created, 3: rulebook hash, 4: [key, ...], 5: [[operator, quota], ...]}
    key        = the map of a certificate (`certificates`)
    network id = the identity of the message: the hash of protected header and payload

It names the first officers, the operators with the keys they certify, hold their vault and sign
requests with, and the key that signs blocks. The root's own key stands in the protected header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certificates import Certified, Use, read_fields
from jiaozi.protocol.domains import NO_NETWORK, Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

GENESIS_BYTES_MAX = 1 << 16
"""Keys and quotas of some 250 operators."""
NAME_LENGTH_MAX = 64
OFFICERS_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """A network's beginning; ``quotas_fen`` bounds each operator's vault by its code."""

    name: str
    created_ms: int
    rulebook_hash: bytes
    keys: tuple[Certified, ...]
    quotas_fen: Mapping[int, int]

    def key_of(self, use: Use, operator: int = 0) -> bytes:
        """Return the first key listed for a use.

        Raises:
            LookupError: None is listed.
        """
        for each in self.keys:
            if each.use == use and each.operator == operator:
                return each.key
        raise LookupError(f"genesis lists no key for {use.name} of operator {operator:04d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What every party knows of the network it is in: genesis, its id, and the root's key."""

    id: NetworkId
    root_key: bytes
    genesis: Genesis


def sign_genesis(genesis: Genesis, root: Signer) -> bytes:
    """Make the signed document."""
    payload = cbor.encode(
        {
            1: genesis.name,
            2: genesis.created_ms,
            3: genesis.rulebook_hash,
            4: [each.fields() for each in genesis.keys],
            5: [[code, quota] for code, quota in sorted(genesis.quotas_fen.items())],
        }
    )
    return cose.sign1(payload, root, external_aad(Domain.GENESIS, NO_NETWORK))


def read_genesis(data: bytes) -> Network:
    """Check a genesis document against the root key that it bears.

    Whoever relies on it compares the network id with one learnt by another way.

    Raises:
        Refusal: A shape code or ``signature_invalid``.
    """
    message = cose.decode(data, size_max=GENESIS_BYTES_MAX)
    if len(message.signatures) != 1 or not message.protected:
        raise refuse(Code.MALFORMED, "genesis.signatures")
    if not cose.verify(message, external_aad(Domain.GENESIS, NO_NETWORK)):
        raise refuse(Code.SIGNATURE_INVALID)
    try:
        fields = cbor.decode(message.payload, size_max=GENESIS_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "genesis") from None
    return Network(
        id=NetworkId(message.identity),
        root_key=message.signatures[0].key,
        genesis=_read_fields(fields),
    )


def _read_fields(fields: object) -> Genesis:
    if type(fields) is not dict or fields.keys() != {1, 2, 3, 4, 5}:
        raise refuse(Code.MALFORMED, "genesis")
    name, created_ms, rulebook_hash, keys, quotas = fields.values()
    if type(name) is not str or not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise refuse(Code.MALFORMED, "genesis.name")
    if type(created_ms) is not int or not 0 <= created_ms < 2**48:
        raise refuse(Code.MALFORMED, "genesis.created")
    if type(rulebook_hash) is not bytes or len(rulebook_hash) != 32:
        raise refuse(Code.MALFORMED, "genesis.rulebook")
    return Genesis(
        name=name,
        created_ms=created_ms,
        rulebook_hash=rulebook_hash,
        keys=_read_keys(keys),
        quotas_fen=_read_quotas(quotas),
    )


def _read_keys(keys: object) -> tuple[Certified, ...]:
    if type(keys) is not list:
        raise refuse(Code.MALFORMED, "genesis.keys")
    certified = tuple(map(read_fields, keys))
    if len({each.key for each in certified}) != len(certified):
        raise refuse(Code.MALFORMED, "genesis.keys")
    persons = {each.person for each in certified if each.use is Use.OFFICER}
    if len(persons) < OFFICERS_MIN:
        raise refuse(Code.MALFORMED, "genesis.officers")
    return certified


def _read_quotas(quotas: object) -> dict[int, int]:
    """Read pairs of operator and quota, in the order of the codes and each code once."""
    if type(quotas) is not list:
        raise refuse(Code.MALFORMED, "genesis.quotas")
    pairs = [_read_quota(each) for each in quotas]
    if any(before[0] >= after[0] for before, after in pairwise(pairs)):
        raise refuse(Code.MALFORMED, "genesis.quotas")
    return dict(pairs)


def _read_quota(value: object) -> tuple[int, int]:
    if type(value) is not list or len(value) != 2 or any(type(each) is not int for each in value):
        raise refuse(Code.MALFORMED, "genesis.quotas")
    operator, quota_fen = value
    if not 1 <= operator <= OPERATOR_CODE_MAX or not 0 <= quota_fen <= FEN_MAX:
        raise refuse(Code.MALFORMED, "genesis.quotas")
    return operator, quota_fen
