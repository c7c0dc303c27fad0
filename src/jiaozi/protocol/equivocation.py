"""Equivocation: two signed headers that no one chain can hold.

::

    proof = [header: bstr, header: bstr]    ; the lower height first, else the lower identity

A registry that signs two histories is found out by whoever holds a header of each. What contradicts
is in the headers themselves, so that anyone checks a proof with genesis alone:

==================  ==============================================================
same height         two headers of one height that are not the same
broken link         the later one follows next and names another one before it
time runs back      the later one has an earlier time
==================  ==============================================================
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import HEADER_BYTES_MAX, SignedHeader
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, refuse

PROOF_BYTES_MAX = 2 * HEADER_BYTES_MAX + 16


class Contradiction(StrEnum):
    """What no one chain can hold."""

    SAME_HEIGHT = "same_height"
    BROKEN_LINK = "broken_link"
    TIME_RUNS_BACK = "time_runs_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivocation:
    """A checked proof: the two headers in their order, and what contradicts."""

    contradiction: Contradiction
    first: SignedHeader
    second: SignedHeader

    @property
    def id(self) -> bytes:
        """The 32 bytes by which a proof is known, whoever found it."""
        return sha256(self.first.identity + self.second.identity).digest()

    def encoded(self) -> bytes:
        """Return the proof as it is kept and handed on."""
        return cbor.encode([self.first.encoded, self.second.encoded])


def find_contradiction(one: SignedHeader, other: SignedHeader) -> Equivocation | None:
    """Compare two headers that the registry signed; None when one chain can hold both."""
    first, second = sorted((one, other), key=lambda each: (each.header.height, each.identity))
    if first.identity == second.identity:
        return None
    found = _contradiction(first, second)
    if found is None:
        return None
    return Equivocation(contradiction=found, first=first, second=second)


def read_proof(data: bytes, *, block_keys: BlockKeys, network: NetworkId) -> Equivocation:
    """Check a proof.

    1. The bytes are two headers, in their order.
    2. The registry signed both.
    3. They contradict each other.

    Raises:
        Refusal: ``malformed`` or ``not_canonical`` at 1 and 3, ``signature_invalid`` at 2.
    """
    try:
        value = cbor.decode(data, size_max=PROOF_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "equivocation") from None
    if type(value) is not list or [type(each) for each in value] != [bytes, bytes]:
        raise refuse(Code.MALFORMED, "equivocation")
    one, other = (
        blocks.read_header(each, block_keys=block_keys, network=network) for each in value
    )
    found = find_contradiction(one, other)
    if found is None or found.first is not one:
        raise refuse(Code.MALFORMED, "equivocation")
    return found


def _contradiction(first: SignedHeader, second: SignedHeader) -> Contradiction | None:
    height = second.header.height
    if first.header.height == height:
        return Contradiction.SAME_HEIGHT
    if first.header.height == height - 1 and second.header.previous != first.identity:
        return Contradiction.BROKEN_LINK
    if second.header.time_ms < first.header.time_ms:
        return Contradiction.TIME_RUNS_BACK
    return None
