"""Blocks: one commit of the registry, chained and signed (rules.md §C, design.md §3).

::

    header  = COSE_Sign1 by a registry-block key, domain "jiaozi/header/1"
    payload = {1: height, 2: time, 3: previous, 4: orders root, 5: count, 6: body hash,
               7: feeds root, ? 8: [height, state hash]}
    body    = CBOR sequence: submission, outcome, submission, outcome, ...
    outcome = [0] or [refusal code, field, ...]
    leaf    = COSE message of the order || outcome      ; RFC 6962 tree, in order of the body

``previous`` is the identity of the header before. ``body hash`` commits to the legs as well, which
the Merkle leaves leave out so that a reader of one leg can check its receipt. The body of block 0
is genesis. Every so many blocks the header of a later block names the hash of the whole state
after an earlier one, from which an audit can go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from jiaozi.protocol import cbor, cose, merkle
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX
from jiaozi.protocol.refusals import CATALOGUE, FINAL_CODES, Code, Outcome, refuse
from jiaozi.protocol.suites import Signer

HEADER_BYTES_MAX = 1024
NO_PREVIOUS = bytes(32)
ORDERS_MAX = 65_536
"""Most orders in one block."""
OUTCOME_LENGTH_MAX = 8
"""A code and the most fields that one may ever have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the registry signs of a block; ``time_ms`` is block time in Unix milliseconds."""

    height: int
    time_ms: int
    previous: bytes
    orders_root: bytes
    count: int
    body_hash: bytes
    feeds_root: bytes
    state: tuple[int, bytes] | None = None
    """Height and hash of a whole state, when this header names one."""

    def fields(self) -> dict[int, Any]:
        """Return the map that is signed."""
        values = (
            self.height, self.time_ms, self.previous, self.orders_root, self.count,
            self.body_hash, self.feeds_root, list(self.state) if self.state else None,
        )  # fmt: skip
        return {key: value for key, value in enumerate(values, 1) if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeader:
    """A header with the bytes that were signed and the identity the next one names."""

    header: Header
    encoded: bytes
    identity: bytes
    key: bytes
    """The block key that signed it."""


class BlockItem(NamedTuple):
    """One order of a block's body: its encoded submission and its outcome."""

    submission: bytes
    cose: bytes
    legs: list[bytes]
    outcome: Outcome


def encode_outcome(outcome: Outcome) -> bytes:
    """Encode an outcome as it stands in bodies and leaves."""
    return _SETTLED_BYTES if outcome == (0,) else cbor.encode(list(outcome))


def leaf(encoded_cose: bytes, encoded_outcome: bytes) -> bytes:
    """Return the Merkle leaf hash of an order with its outcome."""
    return merkle.leaf_hash(encoded_cose + encoded_outcome)


def body_hash(body: bytes) -> bytes:
    """Return the hash of a block's body."""
    return sha256(body).digest()


def read_body(body: bytes, count: int) -> Iterator[BlockItem]:
    """Yield the orders of a block's body, whose hash the reader has compared before.

    Raises:
        Refusal: ``malformed``: not a body of that many orders.
    """
    if not 0 <= count <= ORDERS_MAX:
        raise refuse(Code.MALFORMED, "body")
    items = cbor.decode_sequence(body, items_max=2 * count, item_size_max=SUBMISSION_BYTES_MAX)
    read = 0
    try:
        for (submission, encoded), (outcome, _) in zip(items, items, strict=False):
            yield _read_item(submission, encoded, outcome)
            read += 1
    except cbor.NotCanonical:
        raise refuse(Code.MALFORMED, "body") from None
    if read != count:
        raise refuse(Code.MALFORMED, "body")


def read_outcome(value: object) -> Outcome:
    """Read a decoded outcome: settled, or a final code with the fields of its catalogue entry.

    Raises:
        Refusal: ``malformed``.
    """
    if type(value) is not list or not 1 <= len(value) <= OUTCOME_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "outcome")
    if any(type(each) is not int or not 0 <= each <= FEN_MAX for each in value):
        raise refuse(Code.MALFORMED, "outcome")
    if value != [0] and value[0] not in FINAL_CODES:
        raise refuse(Code.MALFORMED, "outcome")
    entry = CATALOGUE.get(value[0])
    if entry is not None and len(value) != 1 + len(entry.fields):
        raise refuse(Code.MALFORMED, "outcome")
    return tuple(value)


def sign_header(header: Header, signer: Signer, network: NetworkId) -> SignedHeader:
    """Sign a header with the registry's block key."""
    encoded = cose.sign1(cbor.encode(header.fields()), signer, external_aad(Domain.HEADER, network))
    identity = cose.decode(encoded, size_max=HEADER_BYTES_MAX).identity
    return SignedHeader(header=header, encoded=encoded, identity=identity, key=signer.public_key)


def read_header(data: bytes, *, block_keys: BlockKeys, network: NetworkId) -> SignedHeader:
    """Check a signed header against the registry's block keys.

    Raises:
        Refusal: A shape code, or ``signature_invalid``: also for a key that may not sign headers
            of this time.
    """
    message = cose.decode(data, size_max=HEADER_BYTES_MAX)
    if not message.protected or not cose.verify(message, external_aad(Domain.HEADER, network)):
        raise refuse(Code.SIGNATURE_INVALID)
    try:
        fields = cbor.decode(message.payload, size_max=HEADER_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "header") from None
    header = _read_fields(fields)
    key = message.signatures[0].key
    if not block_keys.accept(key, header.time_ms):
        raise refuse(Code.SIGNATURE_INVALID)
    return SignedHeader(header=header, encoded=data, identity=message.identity, key=key)


def _read_item(submission: object, encoded: bytes, outcome: object) -> BlockItem:
    if type(submission) is not list or len(submission) != 2:
        raise refuse(Code.MALFORMED, "body")
    encoded_cose, legs = submission
    if type(encoded_cose) is not bytes or type(legs) is not list:
        raise refuse(Code.MALFORMED, "body")
    if any(type(leg) is not bytes for leg in legs):
        raise refuse(Code.MALFORMED, "body")
    return BlockItem(encoded, encoded_cose, legs, read_outcome(outcome))


def _read_fields(fields: object) -> Header:
    if type(fields) is not dict or not set(range(1, 8)) <= fields.keys() <= set(range(1, 9)):
        raise refuse(Code.MALFORMED, "header")
    for key, limit in _INTEGERS:
        if type(fields[key]) is not int or not 0 <= fields[key] <= limit:
            raise refuse(Code.MALFORMED, "header")
    if not all(_is_hash(fields[key]) for key in (3, 4, 6, 7)):
        raise refuse(Code.MALFORMED, "header")
    height, time_ms, previous, orders_root, count, hashed, feeds_root = (
        fields[key] for key in range(1, 8)
    )
    return Header(
        height=height, time_ms=time_ms, previous=previous, orders_root=orders_root, count=count,
        body_hash=hashed, feeds_root=feeds_root,
        state=_read_state(fields[8], height) if 8 in fields else None,
    )  # fmt: skip


def _read_state(state: object, height: int) -> tuple[int, bytes]:
    if type(state) is not list or len(state) != 2:
        raise refuse(Code.MALFORMED, "header.state")
    at_height, state_hash = state
    if type(at_height) is not int or not 0 <= at_height < height or not _is_hash(state_hash):
        raise refuse(Code.MALFORMED, "header.state")
    return at_height, state_hash


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == 32


_INTEGERS = ((1, FEN_MAX), (2, 2**48 - 1), (5, ORDERS_MAX))
_SETTLED_BYTES = cbor.encode([0])
